/** The labels of an annotation as a picture that changes in parts. */

import { readGreyPng } from "./grey_png.js";
import { painted, repaint } from "./map_colours.js";

/** Codes, and the canvas that shows them. */
export class LabelMap {
  /**
   * @param {Grid} grid Codes; of large images every n-th pixel only.
   * @param {Uint32Array} colours By code.
   */
  constructor(grid, colours) {
    Object.assign(this, { grid, colours, picture: painted(grid, colours) });
  }

  /**
   * Lay the labels of a part of the image into it.
   *
   * @param {string} png Of the part, in Base64.
   * @param {{row: number, column: number, height: number, width: number}} part Where it lies.
   * @returns {Promise<void>} When it is done.
   */
  async lay(png, part) {
    const bytes = Uint8Array.from(atob(png), (one) => one.charCodeAt(0));
    const patch = await readGreyPng(new Blob([bytes]).stream(), Infinity);
    if (patch.height !== part.height || patch.width !== part.width) {
      throw new Error(`labels of ${patch.height} x ${patch.width} px for another rectangle`);
    }
    const kept = this.keptOf(part);
    if (kept.rows <= 0 || kept.columns <= 0) return;
    this.take(patch, part, kept);
    repaint(this.picture, this.grid, this.colours, kept);
  }

  /** Rows and columns of the grid that lie in a part of the image. */
  keptOf({ row, column, height, width }) {
    const { step } = this.grid;
    const [top, left] = [row, column].map((one) => Math.ceil(one / step));
    const [bottom, right] = [row + height, column + width].map((one) => Math.ceil(one / step));
    return { top, left, rows: bottom - top, columns: right - left };
  }

  take(patch, { row, column }, { top, left, rows, columns }) {
    const { step, values, columns: across } = this.grid;
    for (let r = top; r < top + rows; r += 1) {
      const start = (r * step - row) * patch.width - column;
      for (let c = left; c < left + columns; c += 1) {
        values[r * across + c] = patch.values[start + c * step];
      }
    }
  }
}
