/** Steps of an annotation: sent one after the other, each on what was seen when it was made. */

import { annotationPath, ask } from "./service.js";

/** What waits to be drawn, or to be taken back. */
export class StepQueue {
  /**
   * @param {string} id Of the annotation.
   * @param {{onAnswer: function(Object), onFailure: function(Error, number): Promise}} told Each
   *   answer when it has come; or what went wrong, and how many steps are lost with it. Nothing is
   *   sent until that is done: it says by `follow` what is seen from there on.
   */
  constructor(id, { onAnswer, onFailure }) {
    Object.assign(this, { id, onAnswer, onFailure, waiting: [], working: false });
    this.follow(null, null);
  }

  /** Strokes that are not drawn yet, in their order. */
  get strokes() {
    return this.waiting.filter(Boolean);
  }

  /**
   * Take over what is seen now.
   *
   * @param {?string} etag Of what was read last.
   * @param {?number} lastStep The last step that stands.
   */
  follow(etag, lastStep) {
    this.lastStep = lastStep;
    // A proxy that compresses makes tags weak, which never match; these name a state, not bytes.
    this.etag = etag?.replace(/^W\//, "") ?? null;
  }

  /**
   * Draw a stroke.
   *
   * @param {Object} stroke As the service takes it.
   */
  draw(stroke) {
    this.waiting.push(stroke);
    this.work();
  }

  /** Take back the last step that stands when all that waits is drawn. */
  takeBack() {
    this.waiting.push(null);
    this.work();
  }

  async work() {
    if (this.working) return;
    this.working = true;
    while (this.waiting.length) await this.workOff();
    this.working = false;
  }

  async workOff() {
    try {
      const answer = await this.sent(this.waiting[0]);
      this.waiting.shift();
      if (answer) await this.onAnswer(answer);
    } catch (error) {
      // What waits was drawn on what is no more, or was never there.
      const lost = this.waiting.splice(0).filter(Boolean).length;
      await this.onFailure(error, lost);
    }
  }

  /** Without the signal of the view: what was drawn is drawn, also if another page is shown. */
  async sent(stroke) {
    const headers = this.etag ? { "If-Match": this.etag } : {};
    if (stroke === null && this.lastStep === null) return null;
    const response = stroke
      ? await ask(annotationPath(this.id, "steps"), {
          method: "POST",
          headers: { ...headers, "Content-Type": "application/json" },
          body: JSON.stringify({ strokes: [stroke] }),
        })
      : await ask(annotationPath(this.id, "steps", this.lastStep), { method: "DELETE", headers });
    const answer = await response.json();
    this.follow(response.headers.get("ETag"), answer.last_step);
    return answer;
  }
}
