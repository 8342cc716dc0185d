/** `#/annotations`: begin one, or open one by its id. */

import { annotationRequest } from "./analysis_request.js";
import { AssociationChoice } from "./association_choice.js";
import { ChosenImages } from "./chosen_images.js";
import { choices } from "./choices.js";
import { fill, make } from "./dom.js";
import { problemBox } from "./problem_box.js";
import { field, sampleFields } from "./sample_fields.js";
import { post } from "./upload.js";
import { showUpload } from "./upload_progress.js";

const FIELDS = ["umPerPx", "sample", "section", "field", "operator", "instrument"];
const SENT = "Sent. Finding what strokes can spread to: some seconds for a large photograph.";

/**
 * Show the form.
 *
 * @param {HTMLElement} main Where.
 * @param {AbortSignal} signal Ends what goes on for it.
 */
export async function showNewAnnotation(main, signal) {
  const page = new NewAnnotation(await choices(), signal);
  fill(
    main,
    make("h1", {}, "Label a photograph by strokes"),
    make(
      "p",
      {},
      "A few strokes spread to what looks like them. The labels train models, judge them and calibrate colours.",
    ),
    page.form,
    openForm(),
  );
}

/** The form, and what it is doing. */
class NewAnnotation {
  constructor(known, signal) {
    this.signal = signal;
    this.images = new ChosenImages(() => {}, []);
    this.occurring = new AssociationChoice(known, () => {});
    this.occurring.offer([...known.minerals.keys()], "All minerals");
    this.outcome = make("div", { id: "outcome" });
    this.send = make("button", { type: "submit", class: "main" }, "Begin");
    this.form = make(
      "form",
      { class: "new-analysis", novalidate: true },
      this.images.element,
      this.associationField(),
      scaleField(),
      sampleFields(),
      make("div", { class: "actions" }, this.send),
      this.outcome,
    );
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
  }

  associationField() {
    return make(
      "div",
      { class: "field" },
      make("label", { for: "association" }, "What may occur (association)"),
      this.occurring.element,
      make("p", { class: "hint" }, "These minerals are what strokes can be drawn with."),
    );
  }

  body() {
    const { elements } = this.form;
    const stated = Object.fromEntries(FIELDS.map((name) => [name, elements[name].value.trim()]));
    const request = annotationRequest({ ...stated, association: this.occurring.stated() });
    const form = new FormData();
    form.append("request", JSON.stringify(request));
    form.append("image", this.images.image, this.images.image.name);
    return form;
  }

  async submit() {
    if (!this.images.image) {
      const problem = { title: "No photograph", detail: "Choose a photograph first." };
      this.images.input.focus();
      fill(this.outcome, problemBox({ problem }));
      return;
    }
    const ending = new AbortController();
    const stop = () => ending.abort(new DOMException("cancelled", "AbortError"));
    this.signal.addEventListener("abort", stop, { once: true });
    this.send.disabled = true;
    const onSent = showUpload(this.outcome, SENT, stop);
    try {
      const begun = await post("v1/annotations", this.body(), { signal: ending.signal, onSent });
      location.hash = `#/annotations/${encodeURIComponent(begun.id)}`;
    } catch (error) {
      if (ending.signal.aborted) fill(this.outcome, make("p", {}, "Cancelled."));
      else fill(this.outcome, problemBox(error));
    } finally {
      this.send.disabled = false;
    }
  }
}

function scaleField() {
  return field(
    "umPerPx",
    "Micrometres per pixel",
    { inputmode: "decimal", placeholder: "such as 0.5" },
    "Kept with the labels; without it lengths are in pixels, unless the file states a scale.",
  );
}

/** There is no list of annotations: who has begun one has its address. */
function openForm() {
  const input = make("input", { id: "annotation-id", maxlength: 128, autocomplete: "off" });
  return make(
    "form",
    {
      class: "section filters",
      onsubmit: (event) => {
        event.preventDefault();
        const id = input.value.trim();
        if (id) location.hash = `#/annotations/${encodeURIComponent(id)}`;
      },
    },
    make(
      "div",
      { class: "field" },
      make("label", { for: input.id }, "Id of one that was begun"),
      input,
    ),
    make("button", { type: "submit", class: "quiet" }, "Open"),
  );
}
