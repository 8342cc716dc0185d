/** A refusal as the service words it. */

import { make } from "./dom.js";

/**
 * Show an error.
 *
 * @param {Error} error With the members of a problem document, where the service gave one.
 * @returns {HTMLElement} A box that is read out at once.
 */
export function problemBox(error) {
  const problem = error.problem ?? {
    title: "Something of this page failed",
    detail: error.message,
  };
  return make(
    "div",
    { class: "problem", role: "alert" },
    make("h2", {}, problem.title ?? "The service refused"),
    make("p", {}, problem.detail ?? ""),
    faults(problem.errors),
    problem.type ? make("p", { class: "hint" }, make("code", {}, problem.type)) : null,
  );
}

function faults(errors) {
  if (!Array.isArray(errors) || !errors.length) return null;
  const lines = errors.map((one) =>
    make("li", {}, make("code", {}, one.pointer ?? ""), " ", one.detail ?? ""),
  );
  return make("ul", {}, lines);
}
