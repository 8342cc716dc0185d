/** The stroke that is being drawn: from pointer events to what the service takes. */

// A step is at most 64 KiB of JSON unless the service is set otherwise, a point up to 16 bytes.
const MOST_POINTS = 2000;
const PEN_ERASER = 32;
const LEAST_APART_PX = 0.5;

/**
 * What a press draws with.
 *
 * @typedef {{code: ?number, widthPx: number, exact: boolean}} Tool
 */

/** Draws one stroke at a time; points are (row, column), pixel centres whole numbers. */
export class Pencil {
  /**
   * @param {{width: number, height: number}} size Of the image, px.
   * @param {{tool: function(boolean): ?Tool, onStroke: function(Object), onChange: function()}}
   *   told What is drawn with now, null where a press moves (it is told whether the pen is turned
   *   to its eraser); each stroke when it is lifted; and that it looks otherwise.
   */
  constructor({ width, height }, { tool, onStroke, onChange }) {
    Object.assign(this, { width, height, tool, onStroke, onChange });
    this.stroke = null;
    this.by = null;
  }

  /** Whether a stroke is being drawn. */
  get drawing() {
    return this.stroke !== null;
  }

  /**
   * Tell whether a press is that of the hand which holds the pen.
   *
   * @param {PointerEvent} event The press.
   * @returns {boolean} True while a pen draws and something else touches.
   */
  ignores(event) {
    return this.drawing && this.by === "pen" && event.pointerType !== "pen";
  }

  /**
   * Begin, if there is something to draw with, and something to draw on.
   *
   * @param {PointerEvent} event The press.
   * @param {number[]} place Column and row of the image, from its corner.
   */
  begin(event, place) {
    const erases = event.pointerType === "pen" && Boolean(event.buttons & PEN_ERASER);
    if ((event.button !== 0 && !erases) || !this.isInside(place)) return;
    const tool = this.tool(erases);
    if (!tool) return;
    this.by = event.pointerType;
    this.apart = 0;
    this.stroke = strokeOf(tool, this.pointAt(place));
    this.onChange();
  }

  /**
   * Go on to a place.
   *
   * @param {number[]} place Column and row of the image, from its corner.
   * @param {number} scale Window pixels of an image pixel: what is nearer is not seen.
   */
  draw(place, scale) {
    const { points } = this.stroke;
    const point = this.pointAt(place);
    const [row, column] = points.at(-1);
    const apart = Math.hypot(point[0] - row, point[1] - column);
    if (apart < Math.max(this.apart, LEAST_APART_PX, 1 / scale)) return;
    points.push(point);
    if (points.length > MOST_POINTS) this.thin();
  }

  /** End the stroke and hand it on. */
  lift() {
    if (!this.drawing) return;
    const { stroke } = this;
    this.abandon();
    this.onStroke(stroke);
  }

  /** Forget the stroke. */
  abandon() {
    if (!this.drawing) return;
    this.stroke = null;
    this.onChange();
  }

  /**
   * Draw a dot.
   *
   * @param {number[]} place Column and row of the image, from its corner.
   */
  dot(place) {
    const tool = this.tool(false);
    if (tool && this.isInside(place)) this.onStroke(strokeOf(tool, this.pointAt(place)));
  }

  /** A long stroke keeps every second point, and is drawn more coarsely from here on. */
  thin() {
    const { points } = this.stroke;
    const last = points.at(-1);
    this.stroke.points = points.filter((_, k) => k % 2 === 0);
    if (this.stroke.points.at(-1) !== last) this.stroke.points.push(last);
    this.apart = Math.max(2 * this.apart, 2 * LEAST_APART_PX);
  }

  isInside([x, y]) {
    return x >= 0 && y >= 0 && x < this.width && y < this.height;
  }

  pointAt([x, y]) {
    return [settled(y, this.height), settled(x, this.width)];
  }
}

/**
 * Draw a stroke as it will be, until its labels are there.
 *
 * @param {CanvasRenderingContext2D} context In pixels of the image, from its corner.
 * @param {Object} stroke As the service takes it.
 * @param {string} colour Of its label.
 */
export function drawStroke(context, { points, width_px: width }, colour) {
  context.globalAlpha = 0.85;
  context.strokeStyle = colour;
  context.lineWidth = width;
  [context.lineCap, context.lineJoin] = ["round", "round"];
  context.beginPath();
  const [first, ...rest] = points;
  context.moveTo(first[1] + 0.5, first[0] + 0.5);
  // A line to where it begins is a dot.
  for (const [row, column] of rest.length ? rest : [first]) context.lineTo(column + 0.5, row + 0.5);
  context.stroke();
  context.globalAlpha = 1;
}

function strokeOf({ code, widthPx, exact }, point) {
  return { code, points: [point], width_px: widthPx, exact };
}

/** A tenth of a pixel is enough; the last place on the image is just before its border. */
function settled(place, size) {
  return Math.min(Math.max(Math.round(10 * (place - 0.5)) / 10, -0.5), size - 0.6);
}
