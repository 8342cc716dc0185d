/** The contacts of each mineral as a bar, for who would rather look than read. */

import { make } from "./dom.js";
import { cssColour } from "./map_colours.js";

// Thinner parts cannot be told apart; the table beside has them.
const LEAST_PERCENT = 0.2;
// Of a bar as wide as a telephone is a letter so much.
const LETTER_PERCENT = 3;

/**
 * Draw one bar for each phase, cut by what it touches.
 *
 * @param {Object[]} phases With `name`, `symbol`, `colour_rgb`; in the order of the matrix.
 * @param {number[][]} association Row i: per cent of the boundary of phase i, by phase.
 * @returns {HTMLElement} The picture; hidden from who hears the page, for the table says the same.
 */
export function contactBars(phases, association) {
  const bars = phases.map((phase, row) => [
    make("span", { class: "symbol" }, phase.symbol),
    make(
      "span",
      { class: "bar-of" },
      phases.map((other, column) => partOf(other, association[row][column])),
    ),
  ]);
  return make("div", { class: "contact-bars", "aria-hidden": "true" }, bars);
}

function partOf({ name, symbol, colour_rgb: colour = [128, 128, 128] }, percent) {
  if (percent < LEAST_PERCENT) return null;
  const title = `${name} (${symbol}), ${percent.toFixed(1)} %`;
  const fits = percent > LETTER_PERCENT * (symbol.length + 0.5);
  const part = make("span", { title }, make("span", { class: "in-bar" }, fits ? symbol : ""));
  part.style.width = `${percent}%`;
  part.style.backgroundColor = cssColour(colour);
  // Black or white, whichever is told better from the colour (weights of Rec. 709).
  const [red, green, blue] = colour;
  part.style.color = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 128 ? "#000" : "#fff";
  return part;
}
