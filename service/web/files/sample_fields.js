/** Fields of the form that are only text or a tick. */

import { make } from "./dom.js";

/**
 * Make a field.
 *
 * @param {string} id Of the input.
 * @param {string} title Its label.
 * @param {Object} attributes Of the input.
 * @param {string} hint What it is for.
 * @returns {HTMLElement} Label, input, hint.
 */
export function field(id, title, attributes = {}, hint = "") {
  const described = hint ? `${id}-hint` : null;
  return make(
    "div",
    { class: "field" },
    make("label", { for: id }, title),
    make("input", {
      id,
      name: id,
      type: "text",
      autocomplete: "off",
      "aria-describedby": described,
      ...attributes,
    }),
    hint ? make("p", { class: "hint", id: described }, hint) : null,
  );
}

/**
 * Make a tick.
 *
 * @param {string} id Of the input.
 * @param {string} title Its label.
 * @returns {HTMLElement} Both.
 */
export function tick(id, title) {
  return make(
    "label",
    { class: "tick" },
    make("input", { id, name: id, type: "checkbox" }),
    " ",
    title,
  );
}

/** @returns {HTMLElement} The fields that name the sample. */
export function sampleFields() {
  const text = { maxlength: 256 };
  return make(
    "fieldset",
    { class: "grid" },
    make("legend", {}, "Sample"),
    field("sample", "Sample id", text),
    field("section", "Section", text),
    field("field", "Field", text),
    field("operator", "Operator", text),
    field("instrument", "Instrument", text),
  );
}

/** @returns {HTMLElement} What is seldom needed. */
export function furtherFields() {
  return make(
    "details",
    {},
    make("summary", {}, "More"),
    make(
      "div",
      { class: "grid" },
      field("minGrain", "Smallest grain that is measured, px", {
        inputmode: "numeric",
        placeholder: "10",
      }),
      field("calibration", "Id of a colour calibration", { maxlength: 128 }),
      field(
        "region",
        "Region: a mask of the photograph",
        { type: "file", accept: "image/png,image/tiff" },
        "Of the same size; where it is black nothing is measured (a scale bar, a scratch, resin).",
      ),
    ),
    tick("touching", "Tell touching grains of one mineral apart (takes seconds)"),
    tick("pdf", "Make report.pdf as well"),
  );
}
