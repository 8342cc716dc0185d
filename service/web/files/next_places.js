/** Where to draw next: the places that the service proposes, marked and gone to. */

import { fill, make } from "./dom.js";
import { problemBox } from "./problem_box.js";
import { annotationPath, askJson } from "./service.js";

const BUDGET_PERCENT = 5;
const MOST = 12;
// Of a place, so that it is seen what it lies in.
const AROUND = 4;

/** A button, the places it has found, and their marks. */
export class NextPlaces {
  /**
   * @param {string} id Of the annotation.
   * @param {AbortSignal} signal Ends it.
   * @param {{onChange: function(), onGo: function(Object, number)}} told That marks are others; and
   *   which rectangle is to be seen, with how much around it.
   */
  constructor(id, signal, { onChange, onGo }) {
    Object.assign(this, { id, signal, onChange, onGo, places: [], current: -1 });
    this.list = make("div", { class: "actions", id: "places" });
    const find = make(
      "button",
      { type: "button", class: "quiet", id: "next", onclick: () => this.find() },
      "Where next?",
    );
    this.element = make(
      "section",
      { class: "places", "aria-label": "Where next" },
      find,
      this.list,
    );
  }

  /** Ask for places, and go to the first. */
  async find() {
    const path = `${annotationPath(this.id, "proposals")}?budget_percent=${BUDGET_PERCENT}`;
    try {
      const { proposals } = await askJson(path, { signal: this.signal });
      this.places = proposals.slice(0, MOST);
      this.build();
      if (this.places.length) this.go(0);
      else fill(this.list, make("p", {}, "Nothing is left that looks like nothing annotated."));
    } catch (error) {
      if (!this.signal.aborted) fill(this.list, problemBox(error));
    }
  }

  /**
   * Draw the marks.
   *
   * @param {CanvasRenderingContext2D} context In pixels of the image.
   * @param {number} scale Pixels of the screen of one of them.
   */
  draw(context, scale) {
    for (const [k, { region }] of this.places.entries()) {
      const { row, column, height, width } = region;
      for (const [colour, line] of k === this.current ? CURRENT : OTHER) {
        context.strokeStyle = colour;
        context.lineWidth = line / scale;
        context.strokeRect(column, row, width, height);
      }
    }
  }

  build() {
    this.buttons = this.places.map(({ region: { row, column } }, k) =>
      make(
        "button",
        {
          type: "button",
          class: "quiet",
          "aria-label": `Place ${k + 1}, row ${row}, column ${column}`,
          onclick: () => this.go(k),
        },
        String(k + 1),
      ),
    );
    const hide = make(
      "button",
      { type: "button", class: "quiet", onclick: () => this.hide() },
      "Hide",
    );
    fill(this.list, this.buttons, hide);
  }

  go(k) {
    this.current = k;
    for (const [n, button] of this.buttons.entries())
      button.setAttribute("aria-pressed", String(n === k));
    this.onChange();
    this.onGo(this.places[k].region, AROUND);
  }

  hide() {
    this.places = [];
    fill(this.list);
    this.onChange();
  }
}

const OTHER = [
  ["#000", 4],
  ["#fff", 2],
];
const CURRENT = [
  ["#000", 7],
  ["#ff3df2", 4],
];
