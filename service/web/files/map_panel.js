/** Photograph, mineral map and confidence of an analysis, to be looked at. */

import { fill, make } from "./dom.js";
import { readGreyPng } from "./grey_png.js";
import { certaintyColours, certaintyStops, mineralColours, painted } from "./map_colours.js";
import { MapViewer } from "./map_viewer.js";
import { liesOnPhotograph, MOST_SHOWN_PX, offered, pictureFor } from "./photographs.js";
import { pointText } from "./point_text.js";
import { problemBox } from "./problem_box.js";
import { ScaleBar } from "./scale_bar.js";
import { analysisPath, ask } from "./service.js";
import { radios, slider, zoomButtons } from "./viewer_controls.js";

const MODES = [
  ["both", "Photograph and map"],
  ["photograph", "Photograph"],
  ["map", "Map"],
  ["confidence", "Confidence"],
];

/** One analysis on the screen. */
export class MapPanel {
  /**
   * @param {Object} result Content of result.json.
   * @param {{minerals: Map<number, Object>, unlabelled: number}} known Colours.
   * @param {AbortSignal} signal Ends it.
   */
  constructor(result, { minerals, unlabelled }, signal) {
    Object.assign(this, { result, minerals, unlabelled, signal });
    Object.assign(this, { labels: null, confidence: null, below: null, isolated: null });
    Object.assign(this, { mode: "both", opacity: 0.45 });
    this.canvas = make("canvas", {
      class: "map",
      tabindex: 0,
      role: "application",
      "aria-describedby": "readout",
      "aria-label":
        "Mineral map. Plus and minus zoom, arrows move, 0 shows all; what is in the middle is told below.",
    });
    this.readout = make(
      "p",
      { class: "readout", id: "readout", "aria-live": "polite" },
      "Point at the map.",
    );
    this.notes = make("div", { class: "hint", id: "map-notes" });
    this.bar = new ScaleBar(result.scale?.um_per_px ?? null);
    this.element = make("section", { class: "panel", "aria-label": "Map" });
  }

  /** Fetch the layers and show them; what cannot be shown is said. */
  async load() {
    fill(this.element, make("p", { class: "hint" }, "Fetching the map …"));
    try {
      [this.labels, this.confidence] = await Promise.all(
        ["labels.png", "confidence.png"].map((name) => this.grid(name)),
      );
      this.below = await pictureFor(this.result, this.size(), this.signal);
    } catch (error) {
      if (!this.signal.aborted) fill(this.element, problemBox(error));
      return;
    }
    this.opacity = this.below.plain ? this.opacity : 0;
    this.build();
  }

  /**
   * Show one mineral alone.
   *
   * @param {?number} code Which; null for all.
   */
  isolate(code) {
    this.isolated = code;
    // Nothing would be seen of it otherwise.
    if (code !== null && this.opacity < 0.3) this.setOpacity(0.75);
    this.paint();
  }

  async grid(name) {
    if (!this.result.artefacts.some((one) => one.name === name)) return null;
    const response = await ask(analysisPath(this.result.id, name), { signal: this.signal });
    return readGreyPng(response.body, MOST_SHOWN_PX);
  }

  size() {
    const image = this.result.provenance?.image;
    const { width, height } = this.labels ?? { width: image?.width_px, height: image?.height_px };
    if (!width || !height) throw new Error("The result names no map and no size of the image.");
    return { width, height };
  }

  build() {
    const controls = make(
      "div",
      { class: "controls" },
      this.modeChoice(),
      this.opacityChoice(),
      zoomButtons((direction) => this.viewer.zoom(direction)),
    );
    const frame = make("div", { class: "frame" }, this.canvas, this.bar.element);
    this.ramp = make("div", { class: "ramp", hidden: true }, "0 %", rampPicture(), "100 % certain");
    fill(
      this.element,
      controls,
      frame,
      this.readout,
      this.ramp,
      this.notes,
      this.photographChoice(),
    );
    this.viewer = new MapViewer(this.canvas, this.size(), {
      onPoint: (place) => this.tell(place),
      onView: (view) => this.bar.follow(view),
    });
    this.signal.addEventListener("abort", () => this.viewer.close(), { once: true });
    this.tellNotes();
    this.paint();
  }

  modeChoice() {
    const there = {
      both: this.below.picture || this.labels,
      photograph: this.below.picture,
      map: this.labels,
      confidence: this.confidence,
    };
    const named = MODES.map(([mode, name]) => [
      mode,
      this.below.plain ? name : name.replace("Photograph", "overlay.jpg"),
      !there[mode],
    ]);
    return radios("Show", "mode", named, this.mode, (mode) => {
      this.mode = mode;
      this.paint();
    });
  }

  opacityChoice() {
    this.slider = slider("Strength of the map", this.opacity, (value) => {
      this.opacity = value;
      this.paint();
    });
    return this.slider;
  }

  /** Where the photograph is not at hand, let it be chosen from this computer. */
  photographChoice() {
    if (this.below.plain || !liesOnPhotograph(this.result)) return null;
    const said = make("span", { role: "status" });
    const input = make("input", { type: "file", accept: "image/*", id: "photograph-again" });
    input.addEventListener("change", async () => {
      const why = await offered(input.files[0], this.result, this.size());
      said.textContent = why;
      if (!why) {
        this.viewer.close();
        this.opacity = 0.45;
        await this.load();
      }
    });
    return make(
      "p",
      { class: "again" },
      make(
        "label",
        { for: "photograph-again" },
        "Lay the map over the photograph on this computer: ",
      ),
      input,
      " ",
      said,
    );
  }

  setOpacity(value) {
    this.opacity = value;
    this.slider.set(value);
  }

  paint() {
    if (!this.viewer) return;
    const { mode } = this;
    this.slider.classList.toggle("off", mode !== "both");
    this.ramp.hidden = mode !== "confidence";
    const layers = [];
    if (mode === "both" || mode === "photograph") layers.push(this.photographLayer());
    if (mode === "both") layers.push(this.mapLayer(this.opacity, false));
    if (mode === "map") layers.push(this.mapLayer(1, true));
    if (mode === "confidence") layers.push(this.confidenceLayer());
    this.viewer.show(layers.filter(Boolean));
  }

  photographLayer() {
    const { width, height } = this.size();
    if (!this.below.picture) return null;
    return { ...this.below, over: [width, height], opacity: 1, sharp: false };
  }

  mapLayer(opacity, alone) {
    if (!this.labels) return null;
    const colours = mineralColours(this.minerals, this.unlabelled, {
      alone,
      isolated: this.isolated,
    });
    return this.gridLayer("map", this.labels, colours, opacity, `${alone} ${this.isolated}`);
  }

  confidenceLayer() {
    return (
      this.confidence &&
      this.gridLayer("confidence", this.confidence, certaintyColours(), 1, "", this)
    );
  }

  /** Paint a grid, unless what was painted last is the same: the slider is moved smoothly. */
  gridLayer(name, grid, colours, opacity, key, open = null) {
    if (this.last?.key !== `${name} ${key}`) {
      this.last = { key: `${name} ${key}`, picture: painted(grid, colours, open) };
    }
    const over = [grid.columns * grid.step, grid.rows * grid.step];
    return {
      picture: this.last.picture,
      part: [grid.columns, grid.rows],
      over,
      opacity,
      sharp: true,
    };
  }

  tell(place) {
    this.readout.textContent = place ? pointText(place, this) : "Point at the map.";
  }

  tellNotes() {
    const { labels, confidence, below } = this;
    const notes = [below.note];
    if (!labels)
      notes.push(
        "There is no labels.png (see degradations and files): the map cannot be pointed at.",
      );
    if (labels?.step > 1)
      notes.push(
        `The map is too large for a browser: it is shown and read out at 1/${labels.step} of its rows and columns; the files are whole.`,
      );
    if (labels && !confidence) notes.push("There is no confidence.png.");
    if (!this.result.scale) notes.push("No scale was stated: lengths are in pixels.");
    fill(
      this.notes,
      notes.filter(Boolean).map((one) => make("p", {}, one)),
    );
  }
}

function rampPicture() {
  const picture = make("span", { class: "colours" });
  picture.style.backgroundImage = `linear-gradient(to right, ${certaintyStops().join(", ")})`;
  return picture;
}
