/** What a chart of the host page shows, read from its pixels and from what it tells by keyboard. */

/**
 * How many pixels of the first line a chart has drawn at each instant of `instantsMs`; a stretch
 * without any is a gap.
 */
export function pixelsAt(page, id, instantsMs) {
  return page.evaluate(
    ([id, instantsMs]) => {
      const plot = document.querySelector(`[data-chart="${id}"] [data-plot]`);
      const canvas = plot.querySelector('canvas');
      const area = plot.querySelector('.u-over').getBoundingClientRect();
      const whole = canvas.getBoundingClientRect();
      const scale = canvas.width / whole.width;
      const [fromMs, toMs] = ['aria-valuemin', 'aria-valuemax'].map((name) =>
        Number(plot.getAttribute(name)),
      );
      const colour = colourOf(getComputedStyle(plot).getPropertyValue('--line-1'));
      // A copy, as the browser minds one that is drawn on being read.
      const context = readable(canvas.width, canvas.height);
      context.drawImage(canvas, 0, 0);
      return instantsMs.map((instantMs) => {
        const share = (instantMs - fromMs) / (toMs - fromMs);
        const x = Math.round((area.left - whole.left + share * area.width) * scale);
        const y = Math.round((area.top - whole.top) * scale);
        // A line is as wide as its stroke.
        const { data } = context.getImageData(x - 1, y, 3, Math.round(area.height * scale));
        let count = 0;
        for (let i = 0; i < data.length; i += 4) {
          const near = colour.every((part, channel) => Math.abs(part - data[i + channel]) < 60);
          if (near && data[i + 3] > 128) count += 1;
        }
        return count;
      });

      function readable(width, height) {
        const options = { willReadFrequently: true };
        return new OffscreenCanvas(width, height).getContext('2d', options);
      }

      /** Red, green and blue of any colour of a style sheet. */
      function colourOf(text) {
        const probe = readable(1, 1);
        probe.fillStyle = text.trim();
        probe.fillRect(0, 0, 1, 1);
        return [...probe.getImageData(0, 0, 1, 1).data].slice(0, 3);
      }
    },
    [id, instantsMs],
  );
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
