/** The first page: a photograph goes in. */

import { showLatest } from "./analyses_page.js";
import { analysisRequest, estimateForm, posted } from "./analysis_request.js";
import { ChosenImages } from "./chosen_images.js";
import { choices } from "./choices.js";
import { fill, make } from "./dom.js";
import { ModelChoice } from "./model_choice.js";
import { duration } from "./numbers.js";
import { remember } from "./photographs.js";
import { problemBox } from "./problem_box.js";
import { field, furtherFields, sampleFields } from "./sample_fields.js";
import { ask, askJson } from "./service.js";
import { newKey, post } from "./upload.js";
import { showUpload } from "./upload_progress.js";

const LATEST = 6;
const ESTIMATE_AFTER_MS = 400;
// What has gone out whole may have been taken while its answer was on the way.
const CANCELLED = "Cancelled. Where all of it had been sent, it may be among the analyses.";

/**
 * Show the form.
 *
 * @param {HTMLElement} main Where.
 * @param {AbortSignal} signal Ends what goes on for it.
 */
export async function showNewAnalysis(main, signal) {
  fill(main, make("p", { class: "hint" }, "Asking for the models …"));
  const [known, { models }] = await Promise.all([choices(), askJson("v1/models", { signal })]);
  const page = new NewAnalysis(known, models, signal);
  const latest = make("section", { class: "section" });
  fill(main, make("h1", {}, "Analyse a photograph of a polished section"), page.element, latest);
  // The form is what matters.
  await showLatest(latest, LATEST, signal).catch((error) => fill(latest, problemBox(error)));
}

/** The form, and what it is doing. */
class NewAnalysis {
  constructor(known, models, signal) {
    Object.assign(this, { known, signal, timer: 0, key: null });
    this.images = new ChosenImages(() => this.changed());
    this.choice = new ModelChoice(models, known, () => this.changed());
    this.estimate = make("p", { class: "hint", id: "estimate", role: "status" });
    this.outcome = make("div", { id: "outcome" });
    this.send = make("button", { type: "submit", class: "main" }, "Analyse");
    this.form = make(
      "form",
      { class: "new-analysis", novalidate: true },
      this.images.element,
      this.choice.element,
      field(
        "umPerPx",
        "Micrometres per pixel",
        { inputmode: "decimal", placeholder: "such as 0.5" },
        "Without it lengths are in pixels, unless the file states a scale; nothing is guessed.",
      ),
      sampleFields(),
      furtherFields(),
      make("div", { class: "actions" }, this.send, this.estimate),
      this.outcome,
    );
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.form.addEventListener("input", () => {
      this.key = null;
    });
    this.form.elements.umPerPx.addEventListener("change", () => this.changed());
    this.element = this.form;
  }

  /** What was asked for: values of the fields as text. */
  request() {
    const { elements } = this.form;
    const names = [
      "umPerPx",
      "sample",
      "section",
      "field",
      "operator",
      "instrument",
      "minGrain",
      "calibration",
    ];
    const text = Object.fromEntries(names.map((name) => [name, elements[name].value.trim()]));
    const ticks = { touching: elements.touching.checked, pdf: elements.pdf.checked };
    const views = this.images.kind === "views" ? this.images.views() : [];
    return analysisRequest(
      { ...text, ...ticks, ...this.choice.stated(), views, region: this.region() },
      this.known.outputs,
    );
  }

  /** The mask of what is to be measured, if one was chosen. */
  region() {
    return this.form.elements.region.files[0];
  }

  changed() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.key = null;
    this.estimate.textContent = "";
    if (!this.images.image || this.images.kind === "fields") return;
    this.timer = setTimeout(() => this.tellEstimate(), ESTIMATE_AFTER_MS);
  }

  async tellEstimate() {
    const { timer } = this;
    const body = estimateForm(this.images.image, this.request());
    try {
      const response = await ask("v1/estimate", {
        method: "POST",
        body,
        signal: this.signal,
        patient: false,
      });
      const told = await response.json();
      // Of what is asked for now, not of what was chosen before.
      if (timer === this.timer) this.estimate.textContent = estimateText(told);
    } catch {
      // It is a courtesy; what is wrong is told when the analysis is asked for.
    }
  }

  async submit() {
    if (!this.images.image) {
      this.images.input.focus();
      fill(
        this.outcome,
        problemBox({ problem: { title: "No photograph", detail: "Choose a photograph first." } }),
      );
      return;
    }
    const { path, form } = posted(this.images, this.request(), this.region());
    const ending = new AbortController();
    const stop = () => ending.abort(new DOMException("cancelled", "AbortError"));
    this.signal.addEventListener("abort", stop, { once: true });
    this.send.disabled = true;
    const bar = showUpload(this.outcome, "Sent.", stop);
    try {
      const taken = await post(path, form, {
        headers: this.headers(),
        signal: ending.signal,
        onSent: (share) => bar(share),
      });
      this.finish(path, taken);
    } catch (error) {
      if (ending.signal.aborted) fill(this.outcome, make("p", {}, CANCELLED));
      else fill(this.outcome, problemBox(error));
      // Refused is refused; what got no answer may be under way, and is found again under its key.
      if (error.problem?.status) this.key = null;
    } finally {
      this.send.disabled = false;
    }
  }

  headers() {
    this.key ??= newKey();
    return { Prefer: "respond-async", "Idempotency-Key": this.key };
  }

  finish(path, { id }) {
    if (path === "v1/analyses") remember(id, this.images.image);
    location.hash = `#/analyses/${encodeURIComponent(id)}`;
  }
}

function estimateText({
  seconds,
  tiles,
  queue_wait_seconds: wait,
  width_px: width,
  height_px: height,
}) {
  const size = `${height} rows x ${width} columns, ${tiles} ${tiles === 1 ? "tile" : "tiles"}`;
  const waits = wait >= 1 ? `, after a wait of ${duration(wait)}` : "";
  return seconds === null ? `${size}.` : `${size}: ${duration(seconds)}${waits}.`;
}
