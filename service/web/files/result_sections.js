/** What the sections of a result are made of: a head, names of minerals, definitions. */

import { make } from "./dom.js";
import { swatch } from "./modal_legend.js";

/**
 * Make a section with a head.
 *
 * @param {string} id Of the element.
 * @param {string} title Its head.
 * @param {...Node} content What follows.
 * @returns {HTMLElement} The section.
 */
export function section(id, title, ...content) {
  return make(
    "section",
    { id, class: "section", "aria-labelledby": `${id}-title` },
    make("h2", { id: `${id}-title` }, title),
    ...content.filter(Boolean),
  );
}

/**
 * Make the name of a mineral, beside its colour.
 *
 * @param {{code: number, name: string, symbol: string}} phase Of a result.
 * @param {Map<number, Object>} minerals With colours, by code.
 * @returns {HTMLElement} Both.
 */
export function named({ code, name, symbol }, minerals) {
  return make("span", { class: "named" }, swatch(minerals.get(code)), ` ${name} (${symbol})`);
}

/**
 * Make the list of what the numbers mean.
 *
 * @param {Object} result Content of result.json.
 * @param {Array<string|false>} names Which of its definitions; those that it has not are left out.
 * @returns {HTMLElement} The list.
 */
export function defined(result, names) {
  const known = names.filter((name) => name && result.definitions[name]);
  return make(
    "dl",
    { class: "definitions" },
    known.map((name) => [make("dt", {}, name), make("dd", {}, result.definitions[name])]),
  );
}
