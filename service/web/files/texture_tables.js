/** How minerals sit among each other: contacts, locking and liberation, as tables. */

import { contactBars } from "./contact_bars.js";
import { make, table } from "./dom.js";
import { share, significant } from "./numbers.js";
import { defined, named, section } from "./result_sections.js";

// Of a cell or a particle: from this share on a mineral counts as liberated in it.
const LIBERATED = ["80", "90", "95"];

/**
 * Make the section of contacts.
 *
 * @param {Object} result Content of result.json.
 * @param {Map<number, Object>} minerals With names and colours, by code.
 * @returns {?HTMLElement} Null where nothing touches anything, or the result is older than this.
 */
export function contactSection(result, minerals) {
  const { contacts } = result;
  if (!contacts?.association_percent?.length || contacts.codes.length < 2) return null;
  const phases = contacts.codes.map((code) => minerals.get(code) ?? unnamed(code));
  const [unit, lengths] = boundaries(contacts);
  const rows = phases.map((phase, row) => [
    named(phase, minerals),
    ...contacts.association_percent[row].map((percent, column) =>
      row === column ? "–" : share(percent),
    ),
    significant(lengths[row]),
  ]);
  const heads = ["% of the boundary of", ...phases.map(({ symbol }) => `against ${symbol}`)];
  return section(
    "contacts",
    "Contacts: what each mineral touches",
    contactBars(phases, contacts.association_percent),
    table("Contacts", [...heads, `boundary, ${unit}`], rows),
    make("p", { class: "basis" }, "A row is read across and sums to 100 %."),
    defined(result, ["association_percent", "contact_length", "halo"]),
  );
}

/**
 * Make the section of the locking of grains, and of what grows in what.
 *
 * @param {Object} result Content of result.json.
 * @param {Map<number, Object>} minerals With names and colours, by code.
 * @returns {?HTMLElement} Null where there are no grains, or the result is older than this.
 */
export function lockingSection(result, minerals) {
  const entries = Object.entries(result.textures?.locking ?? {});
  if (!entries.length) return null;
  const rows = entries.map(([symbol, one]) => [
    named(bySymbol(symbol, minerals), minerals),
    String(one.grains),
    ...["liberated", "binary", "ternary", "complex"].map((kind) =>
      share(one.locking_percent?.[kind]),
    ),
    String(one.enclosed_grains),
  ]);
  const heads = ["mineral", "grains", "with none", "with one", "with two", "with three or more"];
  return section(
    "locking",
    "Locking: with how many other minerals grains are grown together, % of their area",
    table("Locking of grains", [...heads, "grains inside one other"], rows),
    intergrowthTable(result.textures.intergrowths ?? []),
    defined(result, ["locking", "enclosed", "intergrowth"]),
  );
}

/**
 * Make the section of liberation: of particles in resin, else the potential of intact ore.
 *
 * @param {Object} result Content of result.json.
 * @param {Map<number, Object>} minerals With names and colours, by code.
 * @returns {?HTMLElement} Null where neither was measured.
 */
export function liberationSection(result, minerals) {
  const { particles, intact_ore_potential: potential } = result.liberation ?? {};
  if (particles) return particleSection(result, particles, minerals);
  if (potential) return potentialSection(result, potential, minerals);
  return null;
}

function particleSection(result, { particles, minerals: found }, minerals) {
  const rows = Object.entries(found).map(([symbol, one]) => [
    named(bySymbol(symbol, minerals), minerals),
    ...LIBERATED.map((least) => share(one.liberated_percent[least])),
  ]);
  const heads = ["mineral", ...LIBERATED.map((least) => `in particles of at least ${least} %`)];
  return section(
    "liberation",
    "Liberation: % of the area of each mineral",
    table("Liberation", heads, rows),
    make("p", { class: "basis" }, `Measured on ${particles} particles in resin.`),
    defined(result, ["liberation", "particle"]),
  );
}

function potentialSection(result, potential, minerals) {
  const unit = potential.sizes_um ? "um" : "px";
  const shown = unit === "um" ? "µm" : "px";
  const rows = Object.entries(potential.minerals).map(([symbol, one]) => [
    named(bySymbol(symbol, minerals), minerals),
    ...one.liberated_percent["90"].map((percent) => share(percent)),
    significant(one[`liberation_size_${unit}`]),
  ]);
  const sizes = potential[`sizes_${unit}`].map((size) => `${significant(size)} ${shown}`);
  return section(
    "liberation",
    "Liberation potential of intact ore: % of the area, by the size of cells",
    table(
      "Liberation potential",
      ["in cells of at least 90 %", ...sizes, `liberation size, ${shown}`],
      rows,
    ),
    make("p", { class: "basis" }, "For 80 and 95 % see liberation.csv."),
    defined(result, ["liberation_potential", "liberation_size"]),
  );
}

function intergrowthTable(found) {
  if (!found.length) return null;
  const rows = found.map(({ host, guest, kind, features }) => [
    host,
    guest,
    kind,
    significant(features.contact_px),
  ]);
  return table("Intergrowths", ["host", "guest", "intergrowth", "contact, px"], rows, 3);
}

function boundaries({ boundary_px: lengths, length_um: square }) {
  if (!square) return ["px", lengths];
  return ["µm", square.map((row) => row.reduce((sum, one) => sum + one, 0))];
}

function bySymbol(symbol, minerals) {
  const found = [...minerals.values()].find((one) => one.symbol === symbol);
  return found ?? { code: null, name: symbol, symbol };
}

function unnamed(code) {
  return { code, name: `code ${code}`, symbol: String(code) };
}
