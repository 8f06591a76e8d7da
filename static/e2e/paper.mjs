/**
 * What is on the paper that a page was printed on, read from a PDF as Chromium writes it: charts
 * are lines and texts on it, as letters are.
 */

import { inflateSync } from 'node:zlib';

const IDENTITY = [1, 0, 0, 1, 0, 0];

/**
 * The sheets: how wide and high they are, what is written and which lines are drawn on them, and how
 * many pictures made of pixels there are. All in points, from the lower left corner; colours are
 * red, green and blue from 0 to 1 as they look on white.
 */
export function readPaper(pdf) {
  const objects = objectsOf(pdf);
  const resolve = (reference) => objects.get(Number.parseInt(reference, 10));
  const sheets = [...objects.values()].filter(({ head }) => /\/Type \/Page\b/.test(head));
  return sheets.map((sheet) => {
    const [, , width, height] = numbers(/\/MediaBox \[([^\]]*)\]/.exec(sheet.head)[1]);
    const pen = new Pen(resolve);
    const content = resolve(/\/Contents (\d+)/.exec(sheet.head)[1]);
    pen.follow({ head: sheet.head, data: content.data }, IDENTITY);
    return { width, height, texts: pen.texts, lines: pen.lines, pictures: pen.pictures };
  });
}

/** Follows the commands of a sheet, and of the forms on it, and notes what they draw. */
class Pen {
  texts = [];
  lines = [];
  pictures = 0;
  #resolve;

  constructor(resolve) {
    this.#resolve = resolve;
  }

  follow({ head, data }, start) {
    let state = { matrix: start, ink: [0, 0, 0], line: [0, 0, 0], cover: 1, font: '', size: 0 };
    const stack = [];
    let path = [];
    let text = IDENTITY;
    /** What is being written: letters of one word may each be put to their place. */
    let written;
    const named = (name) =>
      this.#resolve(new RegExp(`/${name.slice(1)} (\\d+) 0 R`).exec(head)?.[1]);
    const point = (x, y) => apply([x, y], state.matrix);
    const commands = {
      q: () => stack.push({ ...state }),
      Q: () => (state = stack.pop()),
      cm: (...matrix) => (state.matrix = times(matrix, state.matrix)),
      rg: (...ink) => (state.ink = ink),
      RG: (...line) => (state.line = line),
      gs: (name) => {
        state.cover = Number(/\/CA ([\d.]+)/.exec(named(name)?.head ?? '')?.[1] ?? 1);
      },
      m: (x, y) => path.push(point(x, y)),
      l: (x, y) => path.push(point(x, y)),
      S: () => {
        this.lines.push({ colour: onWhite(state.line, state.cover), ...boxOf(path) });
        path = [];
      },
      n: () => (path = []),
      f: () => (path = []),
      'f*': () => (path = []),
      BT: () => {
        text = IDENTITY;
        written = undefined;
      },
      Td: (x, y) => (text = times([1, 0, 0, 1, x, y], text)),
      Tf: (font, size) => Object.assign(state, { font, size }),
      Tm: (...matrix) => {
        text = matrix;
        written = undefined;
      },
      Tj: (codes) => {
        const words = this.#read(codes, named(state.font));
        if (written !== undefined) {
          written.words += words;
          return;
        }
        const whole = times(text, state.matrix);
        const [left, bottom] = apply([0, 0], whole);
        const size = state.size * Math.hypot(whole[2], whole[3]);
        written = { words, colour: state.ink, left, bottom, size };
        this.texts.push(written);
      },
      Do: (name) => {
        const object = named(name);
        if (object.head.includes('/Subtype /Image')) {
          this.pictures += 1;
          return;
        }
        const own = /\/Matrix \[([^\]]*)\]/.exec(object.head)?.[1];
        this.follow(object, own === undefined ? state.matrix : times(numbers(own), state.matrix));
      },
    };
    for (const line of data.toString('latin1').split('\n')) {
      const words = line.trim().split(/\s+/);
      // Two commands may stand on a line.
      let operands = [];
      for (const word of words) {
        if (Object.hasOwn(commands, word)) {
          commands[word](...operands);
          operands = [];
        } else {
          operands.push(/^[-\d.]/.test(word) ? Number(word) : word);
        }
      }
    }
  }

  /** The letters of codes of four digits each, by the table that comes with their font. */
  #read(codes, font) {
    const table = this.#resolve(/\/ToUnicode (\d+)/.exec(font.head)[1]).data.toString('latin1');
    const letters = new Map();
    const note = (code, letter) => letters.set(code, String.fromCodePoint(letter));
    for (const [, some] of table.matchAll(/beginbfchar\n([^]*?)endbfchar/g)) {
      for (const [, code, letter] of some.matchAll(/<(\w+)> <(\w+)>/g)) {
        note(Number.parseInt(code, 16), Number.parseInt(letter, 16));
      }
    }
    for (const [, some] of table.matchAll(/beginbfrange\n([^]*?)endbfrange/g)) {
      for (const [, ...range] of some.matchAll(/<(\w+)> <(\w+)> <(\w+)>/g)) {
        const [from, to, letter] = range.map((each) => Number.parseInt(each, 16));
        for (let code = from; code <= to; code += 1) note(code, letter + code - from);
      }
    }
    const each = codes.match(/[0-9A-F]{4}/gi) ?? [];
    return each.map((code) => letters.get(Number.parseInt(code, 16)) ?? '\ufffd').join('');
  }
}

/** Every object by its number: what stands before its stream, and the stream, unpacked. */
function objectsOf(pdf) {
  const text = pdf.toString('latin1');
  const objects = new Map();
  for (const match of text.matchAll(/(?:^|\n)(\d+) 0 obj\n/g)) {
    const begins = match.index + match[0].length;
    const ends = text.indexOf('endobj', begins);
    const stream = text.indexOf('>> stream\n', begins);
    const hasStream = stream !== -1 && stream < ends;
    const head = text.slice(begins, hasStream ? stream + 2 : ends);
    let data;
    if (hasStream) {
      const from = stream + '>> stream\n'.length;
      const packed = pdf.subarray(from, from + Number(/\/Length (\d+)/.exec(head)[1]));
      data = head.includes('/FlateDecode') ? inflateSync(packed) : packed;
    }
    objects.set(Number(match[1]), { head, data });
  }
  return objects;
}

const numbers = (text) => text.trim().split(/\s+/).map(Number);

const apply = ([x, y], [a, b, c, d, e, f]) => [a * x + c * y + e, b * x + d * y + f];

/** First `one`, then `other`. */
function times([a, b, c, d, e, f], other) {
  const [A, B, C, D] = other;
  return [a * A + b * C, a * B + b * D, c * A + d * C, c * B + d * D, ...apply([e, f], other)];
}

function boxOf(path) {
  const [across, up] = [0, 1].map((axis) => path.map((each) => each[axis]));
  return {
    left: Math.min(...across),
    right: Math.max(...across),
    bottom: Math.min(...up),
    top: Math.max(...up),
  };
}

const onWhite = (colour, cover) => colour.map((part) => 1 + (part - 1) * cover);

/** How much a colour stands out from white, as WCAG counts: 1 is not at all, 21 is black. */
export function contrastOnWhite(colour) {
  const [red, green, blue] = colour.map((part) =>
    part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
  );
  return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05);
}
