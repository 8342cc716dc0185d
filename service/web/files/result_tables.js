/** The numbers of a result as tables, each with what it is a number of. */

import { make, table } from "./dom.js";
import { byShare } from "./modal_legend.js";
import { fixed, interval, share, significant } from "./numbers.js";
import { defined, named, section } from "./result_sections.js";

/**
 * Make the table of the modal composition.
 *
 * @param {Object} result Content of result.json.
 * @param {Map<number, Object>} minerals With colours, by code.
 * @returns {HTMLElement} A section.
 */
export function modalSection(result, minerals) {
  const physical = result.scale !== null;
  const [withMap, withMass] = ["total_ci95", "mass_percent"].map((name) =>
    result.modal.some((one) => one[name] !== null && one[name] !== undefined),
  );
  const columns = [
    ["area %", (one) => share(one.area_percent)],
    ["95 % interval of area", (one) => interval(one.ci95)],
    withMap && ["the same with mistakes of the map", (one) => interval(one.total_ci95)],
    ["ore %", (one) => share(one.ore_percent)],
    ["95 % interval of ore", (one) => interval(one.ore_ci95)],
    withMass && ["mass %", (one) => share(one.mass_percent)],
    withMass && ["95 % interval of mass", (one) => interval(one.mass_ci95)],
    ["area px", (one) => String(one.area_px)],
    physical && ["area µm²", (one) => significant(one.area_um2)],
  ].filter(Boolean);
  const rows = byShare(result.modal).map((one) => [
    named(one, minerals),
    ...columns.map(([, read]) => read(one)),
  ]);
  return section(
    "modal",
    "Modal composition",
    table("Modal composition", ["mineral", ...columns.map(([head]) => head)], rows),
    make("p", { class: "basis" }, basisText(result.modal_basis)),
    notFound(result.not_found ?? []),
    defined(result, [
      "area_percent",
      "ci95",
      withMap && "total_ci95",
      "ore_percent",
      withMass && "mass_percent",
      result.not_found?.length && "not_found",
    ]),
  );
}

/**
 * Make the table of grain sizes.
 *
 * @param {Object} result Content of result.json.
 * @returns {HTMLElement} A section.
 */
export function grainSection(result) {
  const unit = result.scale ? "um" : "px";
  const shown = unit === "um" ? "µm" : "px";
  const rows = Object.entries(result.grains).map(([symbol, one]) => {
    const sizes = one[`ecd_${unit}`];
    const read = (name) => significant(sizes?.[name]);
    const bounds = one[`p80_ci95_${unit}`];
    return [
      `${one.name} (${symbol})`,
      String(one.count),
      String(one.touching_edge),
      String(one.below_minimum.count),
      read("number_p50"),
      read("area_p20"),
      read("area_p50"),
      read("area_p80"),
      bounds ? bounds.map(significant).join(" – ") : "–",
    ];
  });
  const heads = [
    "mineral",
    "grains",
    "cut by the edge",
    "too small",
    `P50 by number, ${shown}`,
    `P20 by area, ${shown}`,
    `P50 by area, ${shown}`,
    `P80 by area, ${shown}`,
    "95 % interval of P80",
  ];
  return section(
    "grains",
    `Grain size: equivalent circle diameter (ECD), ${shown}`,
    rows.length ? table("Grain size", heads, rows) : make("p", {}, "No grains."),
    unit === "px"
      ? make("p", { class: "basis" }, "Lengths are in pixels: nobody stated a scale.")
      : null,
    defined(result, ["grain", "ecd", "p80_ci95", "minimum_size", "edge_rule"]),
  );
}

/**
 * Make the table of elements.
 *
 * @param {Object} result Content of result.json.
 * @returns {?HTMLElement} A section; null where there are none.
 */
export function elementSection(result) {
  const elements = Object.entries(result.element_percent ?? {});
  if (!elements.length) return null;
  const rows = elements.map(([symbol, percent]) => [
    symbol,
    share(percent),
    interval(result.element_ci95?.[symbol]),
  ]);
  return section(
    "elements",
    "Elements in the ore minerals",
    table("Elements", ["element", "mass %", "95 % interval"], rows),
    defined(result, ["element_percent"]),
  );
}

/**
 * Make the list of all definitions.
 *
 * @param {Object} result Content of result.json.
 * @returns {HTMLElement} A section that opens.
 */
export function definitionSection(result) {
  return make(
    "details",
    { class: "section" },
    make("summary", {}, make("h2", {}, "All definitions")),
    defined(result, Object.keys(result.definitions)),
  );
}

function basisText(basis) {
  const made = basis.intervals;
  return [
    `Basis: ${basis.field_px} annotated pixels of the field (area %), ${basis.ore_px} of ore`,
    `minerals (ore %), ${basis.unlabelled_px} not annotated and in no basis. Intervals:`,
    `${made.method}, level ${made.level}, ${made.blocks} blocks of`,
    `${made.block_px.map((one) => one.toFixed(0)).join(" x ")} px, ${made.resamples} resamples.`,
  ].join(" ");
}

function notFound(phases) {
  if (!phases.length) return null;
  const said = phases.map((one) => {
    const bound = one.map_upper_percent ?? one.upper_percent;
    const below = bound === null ? "no limit can be stated" : `below ${fixed(bound)} %`;
    return `${one.name} (${one.symbol}): ${below}`;
  });
  return make(
    "p",
    { class: "basis" },
    `Looked for and not found, with the 95 % upper limit of area %: ${said.join("; ")}.`,
  );
}
