/** A photograph with its labels, and the strokes that change them. */

import { fill, make } from "./dom.js";
import { listenForKeys } from "./drawing_keys.js";
import { DrawingTools } from "./drawing_tools.js";
import { readGreyPng } from "./grey_png.js";
import { LabelMap } from "./label_map.js";
import { cssColour, labelColours } from "./map_colours.js";
import { MapViewer } from "./map_viewer.js";
import { NextPlaces } from "./next_places.js";
import { drawStroke, Pencil } from "./pencil.js";
import { decoded, MOST_SHOWN_PX } from "./photographs.js";
import { pointText } from "./point_text.js";
import { problemBox } from "./problem_box.js";
import { ScaleBar } from "./scale_bar.js";
import { annotationPath, ask, askJson } from "./service.js";
import { StepQueue } from "./step_queue.js";
import { slider, zoomButtons } from "./viewer_controls.js";

const OTHER_STATE = 412;
const ERASED = "#ffffff";

/** One annotation on the screen. */
export class AnnotationPanel {
  /**
   * @param {Object} annotation As the service tells it.
   * @param {{minerals: Map<number, Object>, unlabelled: number}} known Colours.
   * @param {AbortSignal} signal Ends it.
   */
  constructor(annotation, { minerals, unlabelled }, signal) {
    Object.assign(this, { annotation, id: annotation.id, minerals, unlabelled, signal });
    Object.assign(this, { map: null, photograph: null, opacity: 0.5, place: null });
    const [height, width] = annotation.shape;
    this.size = { width, height };
    this.queue = new StepQueue(this.id, {
      onAnswer: (answer) => this.lay(answer),
      onFailure: (error, lost) => this.fail(error, lost),
    });
    this.tools = new DrawingTools(annotation.classes, minerals, {
      onChange: () => this.paint(),
      onUndo: () => this.takeBack(),
    });
    this.pencil = new Pencil(this.size, {
      tool: (erases) => this.tools.tool(erases),
      onStroke: (stroke) => this.draw(stroke),
      onChange: () => this.paint(),
    });
    this.next = new NextPlaces(this.id, signal, {
      onChange: () => this.paint(),
      onGo: (region, around) => this.viewer.goTo(region, around),
    });
    this.canvas = canvasOf();
    this.readout = make("p", { class: "readout", id: "readout", "aria-live": "polite" });
    this.trouble = make("div", { id: "drawing-trouble" });
    this.bar = new ScaleBar(annotation.um_per_px);
    this.element = make("div", { class: "look" });
  }

  /** Fetch photograph and labels, and let draw. */
  async load() {
    fill(this.element, make("p", { class: "hint" }, "Fetching the photograph …"));
    try {
      const [photograph] = await Promise.all([this.fetchPhotograph(), this.fetchLabels()]);
      this.photograph = photograph;
    } catch (error) {
      if (!this.signal.aborted) fill(this.element, problemBox(error));
      return;
    }
    this.queue.lastStep = this.annotation.last_step;
    this.build();
  }

  async fetchPhotograph() {
    const response = await ask(annotationPath(this.id, "image.png"), { signal: this.signal });
    return decoded(await response.blob(), this.size);
  }

  /** What is seen from here on is what these labels are: strokes are drawn on them. */
  async fetchLabels() {
    const response = await ask(annotationPath(this.id, "labels.png"), { signal: this.signal });
    const grid = await readGreyPng(response.body, MOST_SHOWN_PX);
    this.map = new LabelMap(grid, labelColours(this.minerals));
    this.queue.follow(response.headers.get("ETag"), this.queue.lastStep);
  }

  build() {
    const { canvas, tools, signal } = this;
    fill(
      this.element,
      make(
        "section",
        { class: "panel", "aria-label": "Photograph and labels" },
        tools.element,
        this.viewControls(),
        make("div", { class: "frame" }, canvas, this.bar.element),
        this.readout,
        this.trouble,
        keyHint(),
        this.thinnedNote(),
      ),
      make("div", { class: "classes" }, tools.palette.element, this.next.element),
    );
    const told = {
      onPoint: (place) => this.point(place),
      onView: (view) => this.bar.follow(view),
    };
    this.viewer = new MapViewer(canvas, this.size, told, this.pencil);
    signal.addEventListener("abort", () => this.viewer.close(), { once: true });
    listenForKeys(canvas, { tools, onDot: () => this.drawDot() }, signal);
    window.addEventListener("beforeunload", (event) => this.stay(event), { signal });
    tools.palette.tell(this.annotation);
    this.point(null);
  }

  viewControls() {
    return make(
      "div",
      { class: "controls" },
      slider("Strength of the labels", this.opacity, (value) => {
        this.opacity = value;
        this.paint();
      }),
      zoomButtons((direction) => this.viewer.zoom(direction)),
    );
  }

  thinnedNote() {
    const { step } = this.map.grid;
    if (step === 1) return null;
    const text = `The labels are too large for a browser: they are shown at 1/${step} of their rows and columns; strokes and files are whole.`;
    return make("p", { class: "hint" }, text);
  }

  draw(stroke) {
    this.queue.draw(stroke);
    this.paint();
  }

  /** At the cross that the keyboard moves. */
  drawDot() {
    const middle = this.viewer.middle();
    if (middle) this.pencil.dot(middle);
  }

  takeBack() {
    this.queue.takeBack();
    this.paint();
  }

  async lay({ labels_png: png, changed, ...figures }) {
    if (png) await this.map.lay(png, changed);
    fill(this.trouble);
    this.tools.palette.tell(figures);
    this.tell();
    this.paint();
  }

  /** Show what stands, and say what does not. */
  async fail(error, lost) {
    let said = error;
    try {
      await this.readAgain();
    } catch (again) {
      // Where the first was the way to the service, so is the second.
      if (error.problem?.status === OTHER_STATE) said = again;
    }
    if (this.signal.aborted) return;
    fill(this.trouble, said.problem?.status === OTHER_STATE ? meanwhile(said) : problemBox(said));
    const text = error.problem?.status ? refusedText(lost) : unansweredText(lost);
    if (lost) this.trouble.firstChild.append(make("p", {}, text));
    this.paint();
  }

  async readAgain() {
    const [told] = await Promise.all([
      askJson(annotationPath(this.id), { signal: this.signal }),
      this.fetchLabels(),
    ]);
    this.queue.lastStep = told.last_step;
    this.tools.palette.tell(told);
    this.tell();
  }

  point(place) {
    this.place = place;
    this.tell();
    this.paint();
  }

  tell() {
    const { minerals, unlabelled, place } = this;
    const result = { scale: { um_per_px: this.annotation.um_per_px } };
    const known = { labels: this.map.grid, confidence: null, minerals, unlabelled, result };
    this.readout.textContent = place ? pointText(place, known) : "Point at the photograph.";
  }

  paint() {
    if (!this.viewer) return;
    this.tools.undo.disabled = this.queue.lastStep === null && !this.queue.waiting.length;
    this.canvas.classList.toggle("moving", this.tools.tool(false) === null);
    this.viewer.show([
      { ...this.photograph, over: [this.size.width, this.size.height], opacity: 1, sharp: false },
      this.labelLayer(),
      { draw: (context) => this.drawStrokes(context) },
      { draw: (context, scale) => this.next.draw(context, scale) },
      { draw: (context, scale) => this.drawTip(context, scale) },
    ]);
  }

  labelLayer() {
    const { picture, grid } = this.map;
    const part = [grid.columns, grid.rows];
    const over = part.map((one) => one * grid.step);
    return { picture, part, over, opacity: this.opacity, sharp: true };
  }

  drawStrokes(context) {
    const strokes = [...this.queue.strokes, this.pencil.stroke].filter(Boolean);
    for (const stroke of strokes) drawStroke(context, stroke, this.colourOf(stroke.code));
  }

  /** A ring as wide as a stroke, where it would begin. */
  drawTip(context, scale) {
    const tool = this.tools.tool(false);
    if (!this.place || !tool) return;
    const [row, column] = this.place;
    for (const [colour, line] of [
      ["#000", 3],
      [this.colourOf(tool.code), 1.5],
    ]) {
      context.strokeStyle = colour;
      context.lineWidth = line / scale;
      context.beginPath();
      context.arc(column + 0.5, row + 0.5, Math.max(tool.widthPx / 2, 2 / scale), 0, 2 * Math.PI);
      context.stroke();
    }
  }

  colourOf(code) {
    return code === null ? ERASED : cssColour(this.minerals.get(code).colour_rgb);
  }

  /** Strokes that are not sent yet would be lost. */
  stay(event) {
    if (this.queue.waiting.length) event.preventDefault();
  }
}

function canvasOf() {
  return make("canvas", {
    class: "map",
    tabindex: 0,
    role: "application",
    "aria-label":
      "Photograph with labels. Plus and minus zoom, arrows move, 0 shows all; Enter draws a dot in the middle, which is told below.",
  });
}

function keyHint() {
  const text =
    "Drag to draw; hold space, or take the hand, to move; two fingers or the wheel zoom. Keys: 1 to 9 choose a class, [ and ] the width, X exact, ctrl-Z undo.";
  return make("p", { class: "hint" }, text);
}

function meanwhile(error) {
  return make(
    "div",
    { class: "notice", role: "alert" },
    make("h2", {}, "Somebody else has drawn meanwhile"),
    make("p", {}, "What you see now is the annotation as it stands."),
    make("p", { class: "hint" }, error.message),
  );
}

function refusedText(lost) {
  return lost === 1
    ? "Your last stroke was not drawn."
    : `Your last ${lost} strokes were not drawn.`;
}

/** Of what was sent and not answered nobody here knows whether it arrived. */
function unansweredText(lost) {
  const what = lost === 1 ? "your last stroke" : `the first of your last ${lost} strokes`;
  const others = lost === 1 ? "" : "; the others are not";
  return `No answer came to ${what}: it may be drawn or not${others}. Load the page again to see.`;
}
