/** Which model looks, and what may occur. */

import { fill, make } from "./dom.js";
import { swatch } from "./modal_legend.js";

const OWN = "own";

/** Two fields that depend on each other. */
export class ModelChoice {
  /**
   * @param {Object[]} models Of GET /v1/models.
   * @param {{associations: Object, minerals: Map<number, Object>}} known Of the page.
   * @param {function()} onChange Told that something else is chosen.
   */
  constructor(models, { associations, minerals }, onChange) {
    Object.assign(this, { models, associations, minerals, onChange });
    this.model = make(
      "select",
      { id: "model" },
      models.map((one) =>
        make(
          "option",
          { value: `${one.name}:${one.version}`, selected: one.default },
          `${one.name}:${one.version}${one.default ? " (default)" : ""}`,
        ),
      ),
    );
    this.about = make("p", { class: "hint", id: "model-hint" });
    this.association = make("select", { id: "association" });
    this.own = make("fieldset", { class: "minerals", hidden: true });
    this.model.addEventListener("change", () => {
      this.describe();
      onChange();
    });
    this.association.addEventListener("change", () => {
      this.showOwn();
      onChange();
    });
    this.own.addEventListener("change", onChange);
    this.element = make(
      "div",
      { class: "grid" },
      make(
        "div",
        { class: "field" },
        make("label", { for: "model" }, "Model"),
        this.model,
        this.about,
      ),
      make(
        "div",
        { class: "field" },
        make("label", { for: "association" }, "What may occur (association)"),
        this.association,
        this.own,
        make(
          "p",
          { class: "hint" },
          "What is known of the deposit makes the map better: nothing else is named then.",
        ),
      ),
    );
    this.describe();
  }

  /** @returns {{model: string, association: string}} As the request states them. */
  stated() {
    const codes = [...this.own.querySelectorAll("input:checked")].map((one) => one.value);
    const association = this.association.value === OWN ? codes.join(",") : this.association.value;
    return { model: this.model.value, association };
  }

  describe() {
    const chosen = this.models.find((one) => `${one.name}:${one.version}` === this.model.value);
    if (!chosen) {
      this.about.textContent =
        "No model is served yet. The service may still be starting: load the page again.";
      return;
    }
    const doubts = chosen.degradations.length ? ` ${chosen.degradations.join("; ")}` : "";
    this.about.textContent = `${chosen.description} Classes: ${chosen.classes.map((one) => one.name).join(", ")}.${doubts}`;
    const known = new Set(chosen.classes.map((one) => one.code));
    const offered = Object.entries(this.associations).map(([name, codes]) => {
      const named = codes
        .filter((code) => known.has(code) && code !== 0)
        .map((code) => this.minerals.get(code).symbol);
      return named.length ? make("option", { value: name }, `${name}: ${named.join(", ")}`) : null;
    });
    fill(
      this.association,
      make("option", { value: "" }, "Anything that the model knows"),
      offered,
      make("option", { value: OWN }, "These minerals …"),
    );
    fill(
      this.own,
      make("legend", {}, "Minerals that may occur"),
      chosen.classes.map((one) =>
        make(
          "label",
          {},
          make("input", { type: "checkbox", value: one.code, checked: one.code === 0 }),
          swatch(this.minerals.get(one.code)),
          ` ${one.name}`,
        ),
      ),
    );
    this.showOwn();
  }

  showOwn() {
    this.own.hidden = this.association.value !== OWN;
  }
}
