/** The picture of an analysis: zoomed by wheel, pinch and keys, moved by dragging and arrows. */

import { ViewWindow } from "./view_window.js";

const STEP = 1.5;
const MOVE_PX = 60;
const WHEEL_SLOWNESS = 400;

/** Draws layers of one image; what they show is decided elsewhere. */
export class MapViewer {
  /**
   * @param {HTMLCanvasElement} canvas Where it draws.
   * @param {{width: number, height: number}} size Of the image, px.
   * @param {{onPoint: function(?number[]), onView: function(ViewWindow)}} told The pixel (row,
   *   column) that is pointed at, null outside; and every change of what is seen.
   * @param {?Pencil} pencil Asked at every press whether it draws; without it pressing moves.
   */
  constructor(canvas, { width, height }, { onPoint, onView }, pencil = null) {
    Object.assign(this, { canvas, onPoint, onView, pencil, layers: [], pending: false });
    this.view = new ViewWindow(width, height);
    this.pointers = new Map();
    this.byKeyboard = false;
    this.ending = new AbortController();
    this.listen();
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(canvas);
  }

  /**
   * Show other layers.
   *
   * @param {Array<{picture: CanvasImageSource, part: number[], opacity: number, sharp: boolean}>}
   *   layers From below; `part` is the width and height in their pixels that fill `over`, the width
   *   and height in pixels of the image. Those with `draw` draw themselves, in pixels of the image;
   *   it is told how many pixels of the screen one of them has.
   */
  show(layers) {
    this.layers = layers;
    this.redraw();
  }

  /** End; the canvas may go, or be drawn on by another viewer. */
  close() {
    this.ending.abort();
    this.watcher.disconnect();
  }

  /**
   * Enlarge about the middle.
   *
   * @param {number} direction 1 enlarges, -1 reduces, 0 shows all.
   */
  zoom(direction) {
    if (direction) this.view.zoom(STEP ** direction);
    else this.view.fit();
    this.changed();
  }

  /**
   * Go to a part of the image.
   *
   * @param {Object} part As for `ViewWindow.show`.
   * @param {number} around As there.
   */
  goTo(part, around) {
    this.view.show(part, around);
    this.changed();
  }

  /**
   * Point at the middle, with a cross.
   *
   * @returns {?number[]} Column and row of the image; null if only now it is seen where that is.
   */
  middle() {
    const wasSeen = this.byKeyboard;
    this.byKeyboard = true;
    this.redraw();
    const { view } = this;
    return wasSeen ? view.imageAt(view.shownWidth / 2, view.shownHeight / 2) : null;
  }

  listen() {
    const how = { passive: false, signal: this.ending.signal };
    const on = (name, act) => this.canvas.addEventListener(name, act, how);
    on("wheel", (event) => this.wheel(event));
    on("pointerdown", (event) => this.press(event));
    on("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) on(end, (event) => this.release(event));
    on("pointerleave", () => this.onPoint(null));
    on("keydown", (event) => this.key(event));
    on("blur", () => {
      this.byKeyboard = false;
      this.redraw();
    });
  }

  wheel(event) {
    event.preventDefault();
    const { x, y } = this.place(event);
    this.view.zoom(Math.exp(-event.deltaY / WHEEL_SLOWNESS), x, y);
    this.changed();
    this.point(x, y);
  }

  press(event) {
    if (this.pencil?.ignores(event)) return;
    // The hand that holds a pen lies on the screen.
    if (event.pointerType === "pen") this.pointers.clear();
    this.canvas.setPointerCapture(event.pointerId);
    const place = this.place(event);
    this.pointers.set(event.pointerId, place);
    // Two fingers zoom, whatever the first of them had begun.
    if (this.pointers.size > 1) this.pencil?.abandon();
    else this.pencil?.begin(event, this.view.imageAt(place.x, place.y));
  }

  release(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    if (event.type === "pointerup") this.pencil?.lift();
    else this.pencil?.abandon();
  }

  drag(event) {
    const place = this.place(event);
    const before = this.pointers.get(event.pointerId);
    this.byKeyboard = false;
    if (before && this.pencil?.drawing) {
      this.sketch(event);
    } else if (before) {
      if (this.pointers.size === 2) this.pinch(event.pointerId, before, place);
      else this.view.move(place.x - before.x, place.y - before.y);
      this.pointers.set(event.pointerId, place);
      this.changed();
    }
    this.point(place.x, place.y);
  }

  /** Browsers bundle what a quick hand or pen does between two pictures. */
  sketch(event) {
    const bundled = event.getCoalescedEvents?.() ?? [];
    for (const one of bundled.length ? bundled : [event]) {
      const { x, y } = this.place(one);
      this.pencil.draw(this.view.imageAt(x, y), this.view.scale);
    }
    this.redraw();
  }

  pinch(moved, before, place) {
    const [other] = [...this.pointers].filter(([id]) => id !== moved).map(([, one]) => one);
    const apart = (one) => Math.max(Math.hypot(one.x - other.x, one.y - other.y), 1);
    this.view.zoom(apart(place) / apart(before), (place.x + other.x) / 2, (place.y + other.y) / 2);
  }

  key(event) {
    const moves = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const zooms = { "+": 1, "=": 1, "-": -1, _: -1, 0: 0, Home: 0 };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves) this.view.move(...moves[event.key].map((one) => one * MOVE_PX));
    else if (event.key in zooms) this.zoom(zooms[event.key]);
    else return;
    event.preventDefault();
    this.byKeyboard = true;
    this.changed();
    this.point(this.view.shownWidth / 2, this.view.shownHeight / 2);
  }

  place(event) {
    const frame = this.canvas.getBoundingClientRect();
    return { x: event.clientX - frame.left, y: event.clientY - frame.top };
  }

  point(x, y) {
    const [column, row] = this.view.imageAt(x, y).map(Math.floor);
    const inside = row >= 0 && column >= 0 && row < this.view.height && column < this.view.width;
    this.onPoint(inside ? [row, column] : null);
  }

  resize() {
    const { width, height } = this.canvas.getBoundingClientRect();
    if (!width || !height) return;
    this.view.resize(width, height);
    this.changed();
  }

  changed() {
    this.onView(this.view);
    this.redraw();
  }

  redraw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      if (!this.ending.signal.aborted) this.draw();
    });
  }

  draw() {
    const density = window.devicePixelRatio || 1;
    const { canvas, view } = this;
    const size = [view.shownWidth, view.shownHeight].map((one) => Math.round(one * density));
    if (canvas.width !== size[0]) canvas.width = size[0];
    if (canvas.height !== size[1]) canvas.height = size[1];
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, ...size);
    const scale = view.scale * density;
    context.setTransform(scale, 0, 0, scale, -view.left * scale, -view.top * scale);
    for (const layer of this.layers) {
      if (layer.draw) layer.draw(context, scale);
      else drawLayer(context, layer, scale);
    }
    if (this.byKeyboard) drawCross(context, size, density);
  }
}

function drawLayer(context, { picture, part, over, opacity, sharp }, scale) {
  context.globalAlpha = opacity;
  // Codes are enlarged as squares; whatever is reduced is averaged.
  context.imageSmoothingEnabled = !(sharp && scale >= 1) && scale < 4;
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, ...part, 0, 0, ...over);
  context.globalAlpha = 1;
}

/** What the keyboard points at: the middle. */
function drawCross(context, [width, height], density) {
  context.setTransform(1, 0, 0, 1, 0, 0);
  for (const [colour, stroke] of [
    ["#000", 4],
    ["#fff", 2],
  ]) {
    context.strokeStyle = colour;
    context.lineWidth = stroke * density;
    context.beginPath();
    for (const [x, y] of [
      [12, 0],
      [0, 12],
    ]) {
      context.moveTo(width / 2 - x * density, height / 2 - y * density);
      context.lineTo(width / 2 + x * density, height / 2 + y * density);
    }
    context.stroke();
  }
}
