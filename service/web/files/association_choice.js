/** Which minerals may occur: an association, or single ones. */

import { fill, make } from "./dom.js";
import { swatch } from "./modal_legend.js";

const OWN = "own";
const BACKGROUND_CODE = 0;

/** A choice of associations, and ticks for single minerals. */
export class AssociationChoice {
  /**
   * @param {{associations: Object, minerals: Map<number, Object>}} known Of the page.
   * @param {function()} onChange Told that something else is chosen.
   */
  constructor({ associations, minerals }, onChange) {
    Object.assign(this, { associations, minerals });
    this.association = make("select", { id: "association" });
    this.own = make("fieldset", { class: "minerals", hidden: true });
    this.element = make("div", {}, this.association, this.own);
    this.element.addEventListener("change", () => {
      this.showOwn();
      onChange();
    });
  }

  /**
   * Offer other minerals.
   *
   * @param {number[]} codes Of them.
   * @param {string} all What it says where all may occur.
   */
  offer(codes, all) {
    fill(
      this.association,
      make("option", { value: "" }, all),
      this.associationsOf(new Set(codes)),
      make("option", { value: OWN }, "These minerals …"),
    );
    fill(
      this.own,
      make("legend", {}, "Minerals that may occur"),
      codes.map((code) => tickOf(this.minerals.get(code))),
    );
    this.showOwn();
  }

  /** @returns {string} As a request states it; empty for all. */
  stated() {
    if (this.association.value !== OWN) return this.association.value;
    return [...this.own.querySelectorAll("input:checked")].map((one) => one.value).join(",");
  }

  associationsOf(offered) {
    return Object.entries(this.associations).map(([name, codes]) => {
      const named = codes
        .filter((code) => offered.has(code) && code !== BACKGROUND_CODE)
        .map((code) => this.minerals.get(code).symbol);
      return named.length ? make("option", { value: name }, `${name}: ${named.join(", ")}`) : null;
    });
  }

  showOwn() {
    this.own.hidden = this.association.value !== OWN;
  }
}

function tickOf(mineral) {
  const { code, name } = mineral;
  return make(
    "label",
    {},
    make("input", { type: "checkbox", value: code, checked: code === BACKGROUND_CODE }),
    swatch(mineral),
    ` ${name}`,
  );
}
