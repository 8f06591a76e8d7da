/** What a chart of the host page shows, read from its pixels and from what it tells by keyboard. */

/**
 * How many pixels of the first line a chart has drawn at each instant of `instantsMs`; a stretch
 * without any is a gap.
 */
export async function pixelsAt(page, id, instantsMs) {
  const columns = instantsMs.map((instantMs) => ({ instantMs }));
  const strengths = await strengthsIn(page, id, '--line-1', columns);
  return strengths.map((column) => column.filter((strength) => strength > 0.5).length);
}

/**
 * How strongly a chart of percentages shows the colour of `token` at each of some places: 0 where it
 * is not, 1 where it covers what is behind it. A place is `{ instantMs, percentage }`, or has
 * `share`, of the width from the left, instead of an instant.
 */
export async function strengthsAt(page, id, token, places) {
  const strengths = await strengthsIn(page, id, token, places);
  return strengths.map((around) => Math.max(...around));
}

/** The strength of every pixel at each place; of a whole column where there is no percentage. */
function strengthsIn(page, id, token, places) {
  return page.evaluate(
    ([id, token, places]) => {
      const plot = document.querySelector(`[data-chart="${id}"] [data-plot]`);
      const canvas = plot.querySelector('canvas');
      const area = plot.querySelector('.u-over').getBoundingClientRect();
      const whole = canvas.getBoundingClientRect();
      const scale = canvas.width / whole.width;
      const [fromMs, toMs] = ['aria-valuemin', 'aria-valuemax'].map((name) =>
        Number(plot.getAttribute(name)),
      );
      const colour = colourOf(token);
      // A copy, as the browser minds one that is drawn on being read.
      const context = readable(canvas.width, canvas.height);
      context.drawImage(canvas, 0, 0);
      return places.map(({ instantMs, percentage, share }) => {
        const across = share ?? (instantMs - fromMs) / (toMs - fromMs);
        const x = Math.round((area.left - whole.left + across * area.width) * scale);
        const top = (area.top - whole.top) * scale;
        const height = Math.round(area.height * scale);
        const y = Math.round(top + (1 - percentage / 100) * height);
        // A line is as wide as its stroke.
        const [from, rows] = percentage === undefined ? [Math.round(top), height] : [y - 1, 3];
        const { data } = context.getImageData(x - 1, from, 3, rows);
        return Array.from({ length: data.length / 4 }, (_, i) => {
          const [red, green, blue, strength] = data.subarray(i * 4, i * 4 + 4);
          const isNear = [red, green, blue].every(
            (part, channel) => Math.abs(part - colour[channel]) < 60,
          );
          return isNear ? strength / 255 : 0;
        });
      });

      function readable(width, height) {
        const options = { willReadFrequently: true };
        return new OffscreenCanvas(width, height).getContext('2d', options);
      }

      /** Red, green and blue of a colour of the style sheet, in the theme that is shown. */
      function colourOf(token) {
        const probe = document.createElement('span');
        probe.style.color = `var(${token})`;
        plot.append(probe);
        const { color } = getComputedStyle(probe);
        probe.remove();
        const dot = readable(1, 1);
        dot.fillStyle = color;
        dot.fillRect(0, 0, 1, 1);
        return [...dot.getImageData(0, 0, 1, 1).data].slice(0, 3);
      }
    },
    [id, token, places],
  );
}

/**
 * How much of the width of a chart has the colour of `token` at a percentage, from 0 to 1. Seen in
 * its left half: words stand in the right one.
 */
export async function shareOfLine(page, id, token, percentage) {
  const places = Array.from({ length: 50 }, (_, i) => ({ share: (i + 0.5) / 100, percentage }));
  const strengths = await strengthsAt(page, id, token, places);
  return strengths.filter((strength) => strength > 0.5).length / places.length;
}

/** The instants of the newest `count` points of a chart, newest first, as its cursor steps to them. */
export async function newestInstants(page, id, count) {
  const plot = page.locator(`[data-chart="${id}"] [data-plot]`);
  await plot.focus();
  await plot.press('End');
  const instants = [];
  for (let i = 0; i < count; i += 1) {
    instants.push(Number(await plot.getAttribute('aria-valuenow')));
    await plot.press('ArrowLeft');
  }
  return instants;
}
