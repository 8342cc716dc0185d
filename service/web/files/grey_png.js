/**
 * Reading label and confidence images: PNG of 8 bits and one channel, row by row.
 *
 * Not with the browser's own decoder: that holds four bytes for every pixel of the whole image, and
 * what a canvas gives back may be disturbed against tracking, while codes must be exact. Here rows
 * are kept as they come, of large images every n-th pixel of every n-th row only.
 *
 * Reference: W3C, Portable Network Graphics (PNG) Specification, third edition, sections 5 and 9.
 */

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const HEAD_BYTES = 33;

/** Values of an image, perhaps of every n-th pixel only. */
export class Grid {
  /**
   * @param {number} height Rows of the file.
   * @param {number} width Columns of the file.
   * @param {number} step Every so many pixels are kept.
   */
  constructor(height, width, step) {
    this.height = height;
    this.width = width;
    this.step = step;
    this.rows = Math.ceil(height / step);
    this.columns = Math.ceil(width / step);
    this.values = new Uint8Array(this.rows * this.columns);
  }

  /**
   * Tell the value at a pixel of the file, or of the nearest kept one above and left of it.
   *
   * @param {number} row From 0.
   * @param {number} column From 0.
   * @returns {number} 0 to 255.
   */
  at(row, column) {
    const kept = Math.floor(row / this.step) * this.columns + Math.floor(column / this.step);
    return this.values[kept];
  }

  /**
   * Keep what is wanted of a row.
   *
   * @param {number} row From 0.
   * @param {Uint8Array} pixels All of it.
   */
  take(row, pixels) {
    if (row % this.step) return;
    const start = (row / this.step) * this.columns;
    if (this.step === 1) this.values.set(pixels, start);
    else for (let k = 0; k < this.columns; k += 1) this.values[start + k] = pixels[k * this.step];
  }
}

/**
 * Read an image.
 *
 * @param {ReadableStream} body The file.
 * @param {number} mostPixels Kept of it; above that it is thinned by a whole number.
 * @returns {Promise<Grid>} Its values.
 * @throws {Error} Where it is no such PNG, or breaks off.
 */
export async function readGreyPng(body, mostPixels) {
  const bytes = new ByteReader(body.getReader());
  const grid = gridOf(await bytes.take(HEAD_BYTES), mostPixels);
  const inflated = streamed(pixelData(bytes)).pipeThrough(new DecompressionStream("deflate"));
  const rows = new Rows(grid);
  for (const reader = inflated.getReader(); !rows.complete;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the image ends after ${rows.row} of ${grid.height} rows`);
    rows.add(value);
    if (rows.complete) await reader.cancel();
  }
  return grid;
}

/**
 * Tell by which whole number an image is thinned.
 *
 * @param {number} height Rows.
 * @param {number} width Columns.
 * @param {number} mostPixels At most so many are kept.
 * @returns {number} 1 for all.
 */
export function stepFor(height, width, mostPixels) {
  let step = 1;
  while (Math.ceil(height / step) * Math.ceil(width / step) > mostPixels) step += 1;
  return step;
}

function gridOf(head, mostPixels) {
  const view = new DataView(head.buffer, head.byteOffset);
  const [depth, colour, , , interlace] = head.subarray(24, 29);
  if (SIGNATURE.some((one, k) => head[k] !== one) || depth !== 8 || colour || interlace) {
    throw new Error("wanted a PNG of 8 bits and one channel that is not interlaced");
  }
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  return new Grid(height, width, stepFor(height, width, mostPixels));
}

/** The contents of IDAT chunks, one after the other; checksums are TLS's and the service's. */
async function* pixelData(bytes) {
  for (;;) {
    const head = await bytes.take(8);
    const length = new DataView(head.buffer, head.byteOffset).getUint32(0);
    const name = String.fromCharCode(...head.subarray(4));
    if (name === "IEND") return;
    for (let left = length; left > 0;) {
      const piece = await bytes.some(left);
      left -= piece.length;
      if (name === "IDAT") yield piece;
    }
    await bytes.take(4);
  }
}

function streamed(pieces) {
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await pieces.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
}

/** Bytes of a stream in the portions that are asked for. */
class ByteReader {
  constructor(reader) {
    this.reader = reader;
    this.piece = new Uint8Array(0);
  }

  /** Give up to `most` bytes, and at least one. */
  async some(most) {
    while (!this.piece.length) {
      const { value, done } = await this.reader.read();
      if (done) throw new Error("the image breaks off");
      this.piece = value;
    }
    const given = this.piece.subarray(0, most);
    this.piece = this.piece.subarray(given.length);
    return given;
  }

  /** Give exactly `count` bytes. */
  async take(count) {
    const whole = new Uint8Array(count);
    for (let filled = 0; filled < count;) {
      const piece = await this.some(count - filled);
      whole.set(piece, filled);
      filled += piece.length;
    }
    return whole;
  }
}

/** Rows out of pieces of inflated data; each row is the number of its filter and its bytes. */
class Rows {
  constructor(grid) {
    this.grid = grid;
    this.row = 0;
    this.line = new Uint8Array(grid.width + 1);
    this.above = new Uint8Array(grid.width);
    this.filled = 0;
  }

  get complete() {
    return this.row === this.grid.height;
  }

  add(piece) {
    for (let start = 0; start < piece.length && !this.complete;) {
      const part = piece.subarray(start, start + this.line.length - this.filled);
      this.line.set(part, this.filled);
      this.filled += part.length;
      start += part.length;
      if (this.filled === this.line.length) this.finish();
    }
  }

  finish() {
    const pixels = this.line.subarray(1);
    unfiltered(this.line[0], pixels, this.above);
    this.grid.take(this.row, pixels);
    this.above.set(pixels);
    this.row += 1;
    this.filled = 0;
  }
}

/** Undo the filter of a row in its place (section 9.2); a pixel is one byte. */
function unfiltered(filter, pixels, above) {
  const predict = PREDICTIONS[filter];
  if (predict === undefined) throw new Error(`row filter ${filter} does not exist`);
  if (predict === null) return;
  for (let k = 0, left = 0, upperLeft = 0; k < pixels.length; k += 1) {
    const upper = above[k];
    pixels[k] += predict(left, upper, upperLeft);
    left = pixels[k];
    upperLeft = upper;
  }
}

const PREDICTIONS = [
  null,
  (left) => left,
  (left, upper) => upper,
  (left, upper) => (left + upper) >> 1,
  paeth,
];

function paeth(left, upper, upperLeft) {
  const estimate = left + upper - upperLeft;
  const toLeft = Math.abs(estimate - left);
  const toUpper = Math.abs(estimate - upper);
  const toUpperLeft = Math.abs(estimate - upperLeft);
  if (toLeft <= toUpper && toLeft <= toUpperLeft) return left;
  return toUpper <= toUpperLeft ? upper : upperLeft;
}
