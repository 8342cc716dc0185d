/** The classes of an annotation: what is drawn with, and the area that each has. */

import { make } from "./dom.js";
import { cssColour } from "./map_colours.js";
import { swatch } from "./modal_legend.js";
import { fixed } from "./numbers.js";

const KEYS = 9;
const BACKGROUND_CODE = 0;

/** One button for each class; the first nine have a key. */
export class ClassPalette {
  /**
   * @param {Object[]} classes Of the annotation.
   * @param {Map<number, Object>} minerals With colours, by code.
   * @param {function(number)} onChoose Told the code that is chosen.
   */
  constructor(classes, minerals, onChoose) {
    this.codes = classes.map((one) => one.code);
    this.rows = classes.map((one, k) => new PaletteRow(one, minerals.get(one.code), k, onChoose));
    this.annotated = make("p", { id: "annotated", role: "status" });
    this.element = make(
      "section",
      { class: "legend palette", "aria-label": "Classes" },
      make("h2", {}, "Draw with"),
      make(
        "ul",
        {},
        this.rows.map((row) => make("li", {}, row.button)),
      ),
      this.annotated,
    );
  }

  /** The class to begin with: the first that is a mineral. */
  get first() {
    return this.codes.find((code) => code !== BACKGROUND_CODE) ?? this.codes[0];
  }

  /**
   * Tell the class of a key.
   *
   * @param {string} key As the event names it.
   * @returns {?number} Its code; null if there is none.
   */
  codeOf(key) {
    return /^[1-9]$/.test(key) ? (this.codes[Number(key) - 1] ?? null) : null;
  }

  /**
   * Show which class is chosen.
   *
   * @param {?number} code Its code; null for none.
   */
  mark(code) {
    for (const row of this.rows) row.button.setAttribute("aria-pressed", String(row.code === code));
  }

  /**
   * Show how far the annotation is.
   *
   * @param {{annotated_fraction: number, area_fraction: Object, steps: number}} figures Of it.
   */
  tell({ annotated_fraction: annotated, area_fraction: shares, steps }) {
    const strokes = `${steps} ${steps === 1 ? "step" : "steps"}`;
    this.annotated.textContent = `${fixed(100 * annotated, 1)} % of the photograph annotated, ${strokes}. Shares of minerals are of what is annotated.`;
    const most = Math.max(...Object.values(shares), 1e-5);
    for (const row of this.rows) row.tell(shares[row.code] ?? null, most);
  }
}

class PaletteRow {
  constructor({ code, name, symbol }, mineral, k, onChoose) {
    Object.assign(this, { code, name });
    const key = k < KEYS ? String(k + 1) : null;
    this.filled = make("span", { class: "filled" });
    this.filled.style.backgroundColor = cssColour(mineral?.colour_rgb ?? [128, 128, 128]);
    this.bar = make("span", { class: "share" }, this.filled);
    this.share = make("span", { class: "number" });
    this.button = make(
      "button",
      {
        type: "button",
        class: "phase",
        "aria-pressed": "false",
        "aria-keyshortcuts": key,
        "data-code": code,
        onclick: () => onChoose(code),
      },
      swatch(mineral),
      make("span", { class: "phase-name" }, name, " ", make("small", {}, symbol)),
      this.share,
      key ? make("kbd", { "aria-hidden": "true" }, key) : make("span", {}),
      this.bar,
    );
  }

  tell(share, most) {
    this.share.textContent = share === null ? "" : `${fixed(100 * share)} %`;
    this.bar.hidden = share === null;
    this.filled.style.left = "0";
    this.filled.style.width = `${(100 * (share ?? 0)) / most}%`;
  }
}
