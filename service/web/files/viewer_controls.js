/** Controls with labels. */

import { make } from "./dom.js";

/**
 * Make a choice of one out of a few.
 *
 * @param {string} title What is chosen.
 * @param {string} name Of the group.
 * @param {Array<[string, string, boolean]>} options Value, text, and whether it cannot be chosen.
 * @param {string} value Chosen at first.
 * @param {function(string)} onChange Told what is chosen.
 * @returns {HTMLElement} The group.
 */
export function radios(title, name, options, value, onChange) {
  const made = options.map(([option, text, off]) => {
    const input = make("input", {
      type: "radio",
      name,
      value: option,
      checked: option === value,
      disabled: Boolean(off),
      onchange: () => onChange(option),
    });
    return make("label", { class: "choice" }, input, make("span", {}, text));
  });
  return make("fieldset", { class: "radios" }, make("legend", {}, title), made);
}

/**
 * Make a slider from 0 to 100 %.
 *
 * @param {string} title What it changes.
 * @param {number} value At first, 0 to 1.
 * @param {function(number)} onChange Told the value.
 * @returns {HTMLElement} The slider in its label; `set(value)` moves it.
 */
export function slider(title, value, onChange) {
  const input = make("input", { type: "range", min: 0, max: 100, value: Math.round(100 * value) });
  const shown = make("output", {}, `${input.value} %`);
  const tell = () => {
    shown.textContent = `${input.value} %`;
  };
  input.addEventListener("input", () => {
    tell();
    onChange(Number(input.value) / 100);
  });
  const whole = make("label", { class: "slider" }, title, input, shown);
  whole.set = (share) => {
    input.value = Math.round(100 * share);
    tell();
  };
  return whole;
}

/**
 * Make the buttons that zoom.
 *
 * @param {function(number)} onZoom Told 1 to enlarge, -1 to reduce, 0 to show all.
 * @returns {HTMLElement} The buttons.
 */
export function zoomButtons(onZoom) {
  const button = (sign, name, direction) =>
    make(
      "button",
      {
        type: "button",
        class: "quiet",
        "aria-label": name,
        title: name,
        onclick: () => onZoom(direction),
      },
      sign,
    );
  return make(
    "div",
    { class: "zoom", role: "group", "aria-label": "Zoom" },
    button("+", "Enlarge", 1),
    button("−", "Reduce", -1),
    button("All", "Show all", 0),
  );
}
