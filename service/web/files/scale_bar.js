/** A bar of a round length, in micrometres where there is a scale, else in pixels. */

import { make } from "./dom.js";

const LONGEST_PX = 180;

/** Follows what a viewer shows. */
export class ScaleBar {
  /** @param {?number} umPerPx Of the image; null where nobody stated it. */
  constructor(umPerPx) {
    this.umPerPx = umPerPx;
    this.line = make("span", { class: "line" });
    this.text = make("span", {});
    this.element = make("div", { class: "scale-bar" }, this.line, this.text);
  }

  /** @param {ViewWindow} view What is seen now. */
  follow(view) {
    const unitPx = view.scale / (this.umPerPx ?? 1);
    const length = roundLength(LONGEST_PX / unitPx);
    this.line.style.width = `${length * unitPx}px`;
    this.text.textContent = this.umPerPx ? inMetres(length) : `${length} px (no scale)`;
  }
}

/**
 * Find the largest 1, 2 or 5 times a power of ten that is not above a length.
 *
 * @param {number} most The length.
 * @returns {number} The round one.
 */
export function roundLength(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  const factor = [5, 2, 1].find((one) => one * power <= most * (1 + 1e-9));
  return Number((factor * power).toPrecision(1));
}

function inMetres(um) {
  return um >= 1000 ? `${um / 1000} mm` : `${um} µm`;
}
