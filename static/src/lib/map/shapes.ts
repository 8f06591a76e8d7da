/** The shapes that stand for levels, as everywhere on the page, drawn on a canvas. */

/** Fills the shape of a level into a square; low is a ring. */
export function drawShape(
  context: CanvasRenderingContext2D,
  level: number,
  x: number,
  y: number,
  size: number,
  colour: string,
): void {
  context.beginPath();
  if (level === 2) {
    context.moveTo(x + size / 2, y + size * 0.06);
    context.lineTo(x + size, y + size * 0.92);
    context.lineTo(x, y + size * 0.92);
  } else if (level === 1) {
    context.moveTo(x + size / 2, y);
    context.lineTo(x + size, y + size / 2);
    context.lineTo(x + size / 2, y + size);
    context.lineTo(x, y + size / 2);
  } else {
    context.arc(x + size / 2, y + size / 2, size * 0.34, 0, 2 * Math.PI);
    context.strokeStyle = colour;
    context.lineWidth = size * 0.15;
    context.stroke();
    return;
  }
  context.closePath();
  context.fillStyle = colour;
  context.fill();
}

/** Diagonal stripes over a rectangle: what is shown is not of now. */
export function drawStripes(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  stripe: number,
  colour: string,
): void {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.beginPath();
  for (let offset = -height; offset < width; offset += stripe * 2.6) {
    context.moveTo(x + offset, y + height);
    context.lineTo(x + offset + height, y);
  }
  context.strokeStyle = colour;
  context.lineWidth = stripe;
  context.stroke();
  context.restore();
}
