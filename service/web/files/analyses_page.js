/** `#/analyses`: what was analysed, those that were begun last first. */

import { fill, make, table } from "./dom.js";
import { moment } from "./numbers.js";
import { problemBox } from "./problem_box.js";
import { askJson } from "./service.js";

const STATES = ["", "queued", "running", "done", "failed", "cancelled", "dead"];
const STATUSES = ["", "preliminary", "final", "corrected", "rejected"];
const OF_A_PAGE = 25;

/**
 * Show the list with its filters.
 *
 * @param {HTMLElement} main Where.
 * @param {AbortSignal} signal Ends it.
 */
export async function showAnalyses(main, signal) {
  const list = make("div", {});
  const sample = make("input", { id: "filter-sample", type: "search", maxlength: 256 });
  const state = select("filter-state", STATES);
  const status = select("filter-status", STATUSES);
  let asking = new AbortController();
  const show = () => {
    // What was asked for before may be answered later.
    asking.abort();
    asking = new AbortController();
    const mine = asking;
    signal.addEventListener("abort", () => mine.abort(), { once: true, signal: mine.signal });
    const filters = { sample_id: sample.value.trim(), state: state.value, status: status.value };
    return showPage(list, filters, mine.signal);
  };
  for (const one of [sample, state, status]) one.addEventListener("change", show);
  const form = make(
    "form",
    {
      class: "filters",
      onsubmit: (event) => {
        event.preventDefault();
        show();
      },
    },
    labelled("Sample", sample),
    labelled("Work", state),
    labelled("Result", status),
    make("button", { type: "submit" }, "Show"),
  );
  fill(main, make("h1", {}, "Analyses"), form, list);
  await show();
}

/**
 * Show the latest few.
 *
 * @param {HTMLElement} place Where.
 * @param {number} limit How many.
 * @param {AbortSignal} signal Ends it.
 */
export async function showLatest(place, limit, signal) {
  const page = await askJson(`v1/analyses?limit=${limit}`, { signal });
  if (page.analyses.length) {
    fill(
      place,
      make("h2", {}, "Latest analyses"),
      listed(page.analyses),
      make("a", { href: "#/analyses" }, "All analyses"),
    );
  }
}

async function showPage(list, filters, signal, cursors = [null]) {
  const wanted = new URLSearchParams({ limit: OF_A_PAGE });
  const cursor = cursors.at(-1);
  for (const [name, value] of Object.entries({ ...filters, cursor })) {
    if (value) wanted.set(name, value);
  }
  try {
    const page = await askJson(`v1/analyses?${wanted}`, { signal });
    const go = (text, next) =>
      make(
        "button",
        {
          type: "button",
          class: "quiet",
          onclick: () => showPage(list, filters, signal, next),
        },
        text,
      );
    fill(
      list,
      page.analyses.length ? listed(page.analyses) : make("p", {}, "There are none."),
      make(
        "div",
        { class: "actions" },
        cursors.length > 1 ? go("Newer", cursors.slice(0, -1)) : null,
        page.next_cursor ? go("Older", [...cursors, page.next_cursor]) : null,
      ),
    );
  } catch (error) {
    if (!signal.aborted) fill(list, problemBox(error));
  }
}

function listed(analyses) {
  const rows = analyses.map((one) => [
    make(
      "a",
      { href: `#/analyses/${encodeURIComponent(one.id)}` },
      one.sample_id ?? one.id.slice(0, 8),
    ),
    stateText(one),
    one.status ?? "–",
    one.model,
    moment(one.created_utc),
  ]);
  return table("Analyses", ["sample", "work", "result", "model", "begun"], rows, 5);
}

function stateText(one) {
  if (one.state !== "running" || one.progress_fraction === null) return one.state;
  return `running, ${Math.round(100 * one.progress_fraction)} %`;
}

function select(id, values) {
  return make(
    "select",
    { id },
    values.map((one) => make("option", { value: one }, one || "any")),
  );
}

function labelled(text, input) {
  return make("div", { class: "field" }, make("label", { for: input.id }, text), input);
}
