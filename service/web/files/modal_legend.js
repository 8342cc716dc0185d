/** The minerals with their colours, shares and intervals; a click shows one of them alone. */

import { make } from "./dom.js";
import { cssColour } from "./map_colours.js";
import { interval, share } from "./numbers.js";

/**
 * Make the legend.
 *
 * @param {Object} result Content of result.json.
 * @param {Map<number, Object>} minerals With colours, by code.
 * @param {function(?number)} onIsolate Told the code that is to be seen alone, null for all.
 * @returns {HTMLElement} The legend.
 */
export function modalLegend(result, minerals, onIsolate) {
  const entries = byShare(result.modal);
  const most = Math.max(...entries.map(highest), 1e-3);
  const rows = entries.map((entry) => legendRow(entry, minerals.get(entry.code), most));
  const all = make("button", { type: "button", class: "quiet" }, "All minerals");
  const choose = (code) => {
    for (const row of rows)
      row.setAttribute("aria-pressed", String(Number(row.dataset.code) === code));
    all.disabled = code === null;
    onIsolate(code);
  };
  for (const row of rows) {
    row.addEventListener("click", () => {
      choose(row.getAttribute("aria-pressed") === "true" ? null : Number(row.dataset.code));
    });
  }
  all.addEventListener("click", () => choose(null));
  all.disabled = true;
  return make(
    "section",
    { class: "legend", "aria-label": "Minerals" },
    make("h2", {}, "Area of the annotated field, %"),
    make(
      "ul",
      {},
      rows.map((row) => make("li", {}, row)),
    ),
    make(
      "p",
      { class: "hint" },
      "Thick line: 95 % interval for which field was photographed. ",
      result.modal.some((one) => one.total_ci95)
        ? "Thin line: with the mistakes of the map as well. "
        : "",
      "Click a mineral to see it alone.",
    ),
    all,
  );
}

/**
 * Sort phases, the largest share first.
 *
 * @param {Object[]} modal Of a result.
 * @returns {Object[]} Another array.
 */
export function byShare(modal) {
  return [...modal].sort((a, b) => b.area_percent - a.area_percent || a.code - b.code);
}

/**
 * Make the patch of a mineral's colour.
 *
 * @param {?Object} mineral With `colour_rgb`.
 * @returns {HTMLElement} The patch.
 */
export function swatch(mineral) {
  const patch = make("span", { class: "swatch", "aria-hidden": "true" });
  patch.style.backgroundColor = cssColour(mineral?.colour_rgb ?? [128, 128, 128]);
  return patch;
}

function highest(entry) {
  return Math.max(entry.area_percent, ...(entry.ci95 ?? []), ...(entry.total_ci95 ?? []));
}

function legendRow(entry, mineral, most) {
  const bar = make("span", { class: "share" }, part("filled", [0, entry.area_percent], most));
  bar.firstChild.style.backgroundColor = cssColour(mineral?.colour_rgb ?? [128, 128, 128]);
  if (entry.total_ci95) bar.append(part("thin", entry.total_ci95, most));
  if (entry.ci95) bar.append(part("thick", entry.ci95, most));
  const said = `${entry.name}, ${share(entry.area_percent)} %, 95 % interval ${interval(entry.ci95)}`;
  return make(
    "button",
    {
      type: "button",
      class: "phase",
      "aria-pressed": "false",
      "data-code": entry.code,
      "aria-label": said,
    },
    swatch(mineral),
    make("span", { class: "phase-name" }, entry.name, " ", make("small", {}, entry.symbol)),
    make("span", { class: "number" }, share(entry.area_percent)),
    bar,
  );
}

function part(kind, [low, high], most) {
  const span = make("span", { class: kind });
  span.style.left = `${(100 * low) / most}%`;
  span.style.width = `${(100 * (high - low)) / most}%`;
  return span;
}
