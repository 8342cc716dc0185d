/** `#/analyses/ID`: the result, or how far it is, or why there is none. */

import { fill, make } from "./dom.js";
import { follow } from "./event_stream.js";
import { problemBox } from "./problem_box.js";
import { showResult } from "./result_page.js";
import { analysisPath, ask, askJson, ProblemError } from "./service.js";
import { say } from "./status_line.js";

/**
 * Show an analysis, from wherever it is now to its end.
 *
 * @param {HTMLElement} main Where.
 * @param {string} id Of the analysis.
 * @param {AbortSignal} signal Ends it.
 */
export async function showAnalysis(main, id, signal) {
  fill(main, make("p", { class: "hint" }, "Asking for the analysis …"));
  const response = await ask(analysisPath(id), { signal });
  if (response.status !== 202) {
    await showResult(main, await response.json(), signal);
    return;
  }
  const progress = new Progress(main, id);
  progress.tell(await response.json());
  const state = await follow(analysisPath(id, "events"), (told) => progress.tell(told), signal);
  say("");
  if (state === null || state.state === "done") {
    say("The analysis is done.");
    await showResult(main, await askJson(analysisPath(id), { signal }), signal);
  } else {
    progress.end(state);
  }
}

/** How far an analysis is. */
class Progress {
  constructor(main, id) {
    this.id = id;
    this.bar = make("progress", { max: 1, "aria-label": "Progress of the analysis" });
    this.text = make("p", { "aria-live": "polite", id: "progress-text" });
    this.cancel = make(
      "button",
      { type: "button", onclick: () => this.stop() },
      "Cancel the analysis",
    );
    this.rest = make("div", {});
    this.head = make("h1", {}, "Analysis");
    this.hint = make(
      "p",
      { class: "hint" },
      "It goes on without this page, whose address can be kept.",
    );
    fill(
      main,
      make(
        "section",
        { class: "progress" },
        this.head,
        this.text,
        this.bar,
        this.cancel,
        this.rest,
        this.hint,
        make("p", { class: "hint" }, "id ", make("code", {}, id)),
      ),
    );
  }

  tell(state) {
    if (state.sample_id) this.head.textContent = state.sample_id;
    if (state.progress_fraction !== null) this.bar.value = state.progress_fraction;
    const share = Math.round(100 * (state.progress_fraction ?? 0));
    const waits =
      state.state === "queued" ? "Waiting for its turn" : `Running: ${state.stage ?? "begun"}`;
    this.text.textContent = `${waits}, ${share} %, ${state.model}`;
  }

  end(state) {
    for (const one of [this.cancel, this.bar, this.hint]) one.remove();
    this.text.textContent = `This analysis has ended: ${state.state}.`;
    if (state.problem) fill(this.rest, problemBox(new ProblemError(state.problem)));
  }

  async stop() {
    this.cancel.disabled = true;
    try {
      await ask(analysisPath(this.id), { method: "DELETE" });
    } catch (error) {
      fill(this.rest, problemBox(error));
      this.cancel.disabled = false;
    }
  }
}
