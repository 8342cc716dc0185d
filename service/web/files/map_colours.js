/** Maps as pictures: codes and confidences with their colours. */

const OPAQUE = 255;
const FAINT = 56;
const GREY = [128, 128, 128];
// Over a photograph that is not to be seen where one mineral is.
const VEIL = 170;
const BLACK = [0, 0, 0];
const BACKGROUND_CODE = 0;
// From doubt to certainty, dark to light, so that it also reads without colours.
const CERTAINTY = [
  [43, 9, 60],
  [140, 30, 90],
  [221, 90, 60],
  [250, 180, 80],
  [252, 250, 225],
];

/**
 * Make the colours of codes for a map that lies over a photograph, or stands alone.
 *
 * @param {Map<number, Object>} minerals By code; of each `colour_rgb`.
 * @param {number} unlabelled Code of pixels that nobody annotated.
 * @param {{alone: boolean, isolated: ?number}} how Alone the background is painted too; where one
 *   mineral is isolated the others are faint, or a veil lies over the photograph.
 * @returns {Uint32Array} RGBA in the order of memory, by code.
 */
export function mineralColours(minerals, unlabelled, { alone, isolated }) {
  const table = new Uint32Array(256);
  const veil = isolated === null ? 0 : packed(BLACK, VEIL);
  const unseen = alone ? packed(GREY, FAINT) : veil;
  for (const [code, { colour_rgb: colour }] of minerals) {
    const bare = !alone && code === BACKGROUND_CODE;
    const seen = isolated === null ? !bare : code === isolated;
    table[code] = seen ? packed(colour) : unseen;
  }
  table[unlabelled] = unseen;
  return table;
}

/**
 * Make the colours of confidences.
 *
 * @returns {Uint32Array} By confidence, 0 to 255.
 */
export function certaintyColours() {
  return Uint32Array.from({ length: 256 }, (_, value) => packed(ramp(value / 255)));
}

/**
 * Make the colours of codes for labels that are drawn over a photograph: the background is a label
 * like others, and what nobody annotated is open.
 *
 * @param {Map<number, Object>} minerals By code; of each `colour_rgb`.
 * @returns {Uint32Array} RGBA in the order of memory, by code.
 */
export function labelColours(minerals) {
  const table = new Uint32Array(256);
  for (const [code, { colour_rgb: colour }] of minerals) table[code] = packed(colour);
  return table;
}

/**
 * Paint a grid.
 *
 * @param {Grid} grid Values.
 * @param {Uint32Array} colours By value.
 * @param {?{labels: Grid, unlabelled: number}} open Where it stays open: nobody annotated there.
 * @returns {HTMLCanvasElement} One pixel for each kept value.
 */
export function painted(grid, colours, open = null) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [grid.columns, grid.rows];
  const image = new ImageData(grid.columns, grid.rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let k = 0; k < pixels.length; k += 1) pixels[k] = colours[grid.values[k]];
  if (open?.labels) leaveOpen(pixels, open.labels.values, open.unlabelled);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function leaveOpen(pixels, codes, unlabelled) {
  for (let k = 0; k < pixels.length; k += 1) if (codes[k] === unlabelled) pixels[k] = 0;
}

/**
 * Write a colour as CSS does.
 *
 * @param {number[]} rgb 0 to 255.
 * @returns {string} The colour.
 */
export function cssColour(rgb) {
  return `rgb(${rgb.join(" ")})`;
}

/** @returns {string[]} The colours of certainty, from doubt on. */
export function certaintyStops() {
  return CERTAINTY.map(cssColour);
}

function ramp(share) {
  const place = share * (CERTAINTY.length - 1);
  const first = Math.min(Math.floor(place), CERTAINTY.length - 2);
  const [low, high] = [CERTAINTY[first], CERTAINTY[first + 1]];
  return low.map((one, k) => Math.round(one + (high[k] - one) * (place - first)));
}

/**
 * Paint a part of a grid again, whose values are others now.
 *
 * @param {HTMLCanvasElement} canvas As `painted` made it.
 * @param {Grid} grid Values.
 * @param {Uint32Array} colours By value.
 * @param {{top: number, left: number, rows: number, columns: number}} part Kept rows and columns.
 */
export function repaint(canvas, grid, colours, { top, left, rows, columns }) {
  const image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let row = 0; row < rows; row += 1) {
    const start = (top + row) * grid.columns + left;
    for (let k = 0; k < columns; k += 1)
      pixels[row * columns + k] = colours[grid.values[start + k]];
  }
  canvas.getContext("2d").putImageData(image, left, top);
}

/** Little-endian, as every machine is that browsers run on. */
function packed([red, green, blue], alpha = OPAQUE) {
  return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
