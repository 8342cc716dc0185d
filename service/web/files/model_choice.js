/** Which model looks, and what may occur. */

import { AssociationChoice } from "./association_choice.js";
import { make } from "./dom.js";

/** Two fields that depend on each other. */
export class ModelChoice {
  /**
   * @param {Object[]} models Of GET /v1/models.
   * @param {{associations: Object, minerals: Map<number, Object>}} known Of the page.
   * @param {function()} onChange Told that something else is chosen.
   */
  constructor(models, known, onChange) {
    this.models = models;
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
    this.occurring = new AssociationChoice(known, onChange);
    this.model.addEventListener("change", () => {
      this.describe();
      onChange();
    });
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
        this.occurring.element,
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
    return { model: this.model.value, association: this.occurring.stated() };
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
    this.occurring.offer(
      chosen.classes.map((one) => one.code),
      "Anything that the model knows",
    );
  }
}
