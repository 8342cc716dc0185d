/** What a press on the photograph does: draw a class, erase, or move; how wide, how far. */

import { ClassPalette } from "./class_palette.js";
import { make } from "./dom.js";
import { tick } from "./sample_fields.js";

const [ERASER, HAND] = ["eraser", "hand"];
const MOST_WIDTH_PX = 500;
const FIRST_WIDTH_PX = 5;
const WIDER = 1.25;

/** The tools with their keys. */
export class DrawingTools {
  /**
   * @param {Object[]} classes Of the annotation.
   * @param {Map<number, Object>} minerals With colours, by code.
   * @param {{onChange: function(), onUndo: function()}} told That another tool is chosen; that the
   *   last step is to be taken back.
   */
  constructor(classes, minerals, { onChange, onUndo }) {
    Object.assign(this, { onChange, onUndo, moving: false });
    this.palette = new ClassPalette(classes, minerals, (code) => this.choose(code));
    this.eraser = this.toolButton("Eraser", "e", ERASER);
    this.hand = this.toolButton("Hand", "h", HAND);
    this.width = widthInput();
    this.width.addEventListener("input", onChange);
    this.exact = tick("exact", "exact: only what is drawn");
    this.undo = make(
      "button",
      { type: "button", class: "quiet", id: "undo", "aria-keyshortcuts": "Control+z" },
      "Undo",
    );
    this.undo.addEventListener("click", onUndo);
    this.element = make(
      "div",
      { class: "controls tools", role: "group", "aria-label": "Tools" },
      this.eraser,
      this.hand,
      make("label", { class: "stroke-width" }, "Width, px ", this.width),
      this.exact,
      this.undo,
    );
    this.choose(this.palette.first);
  }

  /** Width of strokes in pixels of the photograph; what is no width is the usual one. */
  get widthPx() {
    const stated = Number(this.width.value);
    return stated > 0 && stated <= MOST_WIDTH_PX ? stated : FIRST_WIDTH_PX;
  }

  /**
   * Tell what is drawn with now.
   *
   * @param {boolean} erases Whether the pen is turned to its eraser.
   * @returns {?Tool} Null where a press moves.
   */
  tool(erases) {
    if (this.moving || this.chosen === HAND) return null;
    const code = erases || this.chosen === ERASER ? null : this.chosen;
    const exact = this.exact.querySelector("input").checked;
    return { code, widthPx: this.widthPx, exact };
  }

  /**
   * Choose a tool.
   *
   * @param {number|string} tool Code of a class, "eraser" or "hand".
   */
  choose(tool) {
    this.chosen = tool;
    this.palette.mark(typeof tool === "number" ? tool : null);
    this.eraser.setAttribute("aria-pressed", String(tool === ERASER));
    this.hand.setAttribute("aria-pressed", String(tool === HAND));
    this.onChange();
  }

  /**
   * Move instead of drawing, as long as it is wanted.
   *
   * @param {boolean} wanted Whether it is.
   */
  move(wanted) {
    if (this.moving === wanted) return;
    this.moving = wanted;
    this.onChange();
  }

  /**
   * Do what a key means.
   *
   * @param {string} key As the event names it.
   * @returns {boolean} Whether it means anything.
   */
  press(key) {
    const code = this.palette.codeOf(key);
    const named = { e: ERASER, h: HAND };
    if (code !== null) this.choose(code);
    else if (key in named) this.choose(named[key]);
    else if (key === "x") this.exact.querySelector("input").click();
    else if (key === "[" || key === "]") this.widen(key === "]");
    else return false;
    return true;
  }

  /** A step is at least one pixel, and a quarter of what is wide. */
  widen(more) {
    const now = Math.round(this.widthPx);
    const next = more ? Math.ceil(now * WIDER) : Math.floor(now / WIDER);
    this.width.value = Math.min(Math.max(next, 1), MOST_WIDTH_PX);
    this.onChange();
  }

  toolButton(name, key, tool) {
    return make(
      "button",
      {
        type: "button",
        class: "quiet tool",
        "aria-keyshortcuts": key,
        onclick: () => this.choose(tool),
      },
      name,
      " ",
      make("kbd", { "aria-hidden": "true" }, key.toUpperCase()),
    );
  }
}

function widthInput() {
  return make("input", {
    id: "stroke-width",
    type: "number",
    min: 1,
    max: MOST_WIDTH_PX,
    step: "any",
    value: FIRST_WIDTH_PX,
  });
}
