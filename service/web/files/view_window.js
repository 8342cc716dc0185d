/** Which part of an image a window shows, and how large: arithmetic only. */

const MOST_ENLARGED = 64;

/** Image pixels are (column, row) from the upper left; window pixels are those of CSS. */
export class ViewWindow {
  /**
   * @param {number} width Of the image, px.
   * @param {number} height Of the image, px.
   */
  constructor(width, height) {
    Object.assign(this, { width, height, shownWidth: 1, shownHeight: 1 });
    this.fit();
  }

  /** Scale at which all of the image is seen. */
  get whole() {
    return Math.min(this.shownWidth / this.width, this.shownHeight / this.height);
  }

  /** Show all of the image. */
  fit() {
    this.scale = this.whole;
    [this.left, this.top] = [0, 0];
    this.settle();
  }

  /**
   * Take over the size of the window; what was in its middle stays there.
   *
   * @param {number} width Of the window.
   * @param {number} height Of the window.
   */
  resize(width, height) {
    const wasWhole = this.scale <= this.whole * 1.001;
    const [column, row] = this.imageAt(this.shownWidth / 2, this.shownHeight / 2);
    [this.shownWidth, this.shownHeight] = [Math.max(width, 1), Math.max(height, 1)];
    if (wasWhole) {
      this.fit();
      return;
    }
    this.left = column - this.shownWidth / 2 / this.scale;
    this.top = row - this.shownHeight / 2 / this.scale;
    this.settle();
  }

  /**
   * Enlarge about a point, which stays where it is.
   *
   * @param {number} factor Above 1 enlarges.
   * @param {number} x Of the point in the window; the middle without it.
   * @param {number} y The same.
   */
  zoom(factor, x = this.shownWidth / 2, y = this.shownHeight / 2) {
    const [column, row] = this.imageAt(x, y);
    const most = Math.max(MOST_ENLARGED, this.whole);
    this.scale = Math.min(Math.max(this.scale * factor, this.whole), most);
    this.left = column - x / this.scale;
    this.top = row - y / this.scale;
    this.settle();
  }

  /**
   * Move what is seen.
   *
   * @param {number} x To the right, window pixels.
   * @param {number} y Down.
   */
  move(x, y) {
    this.left -= x / this.scale;
    this.top -= y / this.scale;
    this.settle();
  }

  /**
   * Tell which place of the image is at a place of the window.
   *
   * @param {number} x In the window.
   * @param {number} y In the window.
   * @returns {number[]} Column and row, with fractions; perhaps outside the image.
   */
  imageAt(x, y) {
    return [this.left + x / this.scale, this.top + y / this.scale];
  }

  /**
   * Show a part of the image in the middle, with what is around it.
   *
   * @param {{row: number, column: number, height: number, width: number}} part In image pixels.
   * @param {number} around So many times the part is seen, where the image and the zoom allow it.
   */
  show({ row, column, height, width }, around) {
    const fitting = Math.min(this.shownWidth / width, this.shownHeight / height) / around;
    this.scale = Math.min(Math.max(fitting, this.whole), Math.max(MOST_ENLARGED, this.whole));
    this.left = column + width / 2 - this.shownWidth / 2 / this.scale;
    this.top = row + height / 2 - this.shownHeight / 2 / this.scale;
    this.settle();
  }

  /** Keep the image in the window, in the middle where it is the smaller one. */
  settle() {
    this.left = settled(this.left, this.width, this.shownWidth / this.scale);
    this.top = settled(this.top, this.height, this.shownHeight / this.scale);
  }
}

function settled(start, size, seen) {
  if (seen >= size) return (size - seen) / 2;
  return Math.min(Math.max(start, 0), size - seen);
}
