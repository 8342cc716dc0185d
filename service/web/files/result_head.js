/** What a result is, and what is to be doubted in it. */

import { make } from "./dom.js";
import { fixed, moment } from "./numbers.js";

const MEANING = {
  preliminary: "nobody has reviewed it",
  final: "reviewed",
  corrected: "corrected by a reviewer",
  rejected: "rejected by a reviewer: its numbers are not to be used",
};

/**
 * Make the head of a result.
 *
 * @param {Object} result Content of result.json.
 * @returns {HTMLElement} Sample, status, model, scale.
 */
export function resultHead(result) {
  const { model, scale, sample, provenance } = result;
  const facts = [
    ["status", `${result.status}, version ${result.version}: ${MEANING[result.status] ?? ""}`],
    ["model", model ? `${model.name}:${model.version}` : "none: a label image was measured"],
    ["trained on", trainedOn(provenance?.model)],
    ["measured accuracy", accuracy(provenance)],
    ["may occur", provenance?.request?.association ?? "anything that the model knows"],
    [
      "scale",
      scale ? `${scale.um_per_px} µm per px (${scale.source})` : "none: lengths are in pixels",
    ],
    ["sample", sampleText(sample)],
    ["begun", provenance?.started_utc ? moment(provenance.started_utc) : null],
    ["id", make("code", {}, result.id)],
  ].filter(([, value]) => value);
  return make(
    "header",
    { class: "result-head" },
    make(
      "h1",
      {},
      sample?.id ?? "Analysis",
      " ",
      make("span", { class: `badge ${result.status}` }, result.status),
    ),
    make(
      "dl",
      { class: "facts" },
      facts.map(([name, value]) => [
        make("dt", {}, name),
        make("dd", { "data-fact": name }, value),
      ]),
    ),
  );
}

/**
 * Make the list of what was done with less than was asked, and of warnings.
 *
 * @param {Object} result Content of result.json.
 * @returns {HTMLElement} A box; it says so where there is nothing.
 */
export function doubts(result) {
  const said = [
    result.status === "rejected"
      ? "Rejected: a reviewer says that these numbers are not to be used."
      : null,
    result.quality.calibrate_first
      ? "Calibrate first: the colours are so far from the training images that the map is guesswork."
      : null,
    paintedOnly(result.provenance?.model),
  ].filter(Boolean);
  const groups = [
    ["", said],
    ["Done with less than was asked (degradations)", result.degradations],
    ["Warnings", result.quality.warnings],
  ].filter(([, lines]) => lines.length);
  if (!groups.length) {
    return make("p", { class: "fine" }, "No warnings and no degradations.");
  }
  return make(
    "section",
    { class: "notice", "aria-label": "What to doubt" },
    groups.map(([head, lines]) => [
      head ? make("h2", {}, head) : null,
      make(
        "ul",
        {},
        lines.map((line) => make("li", {}, line)),
      ),
    ]),
  );
}

/**
 * Make the list of reviews.
 *
 * @param {Object} result Content of result.json.
 * @returns {?HTMLElement} Null where there is none.
 */
export function reviewList(result) {
  if (!result.reviews?.length) return null;
  const lines = result.reviews.map((one) => {
    const why = one.reason ? `: ${one.reason}` : "";
    return make(
      "li",
      {},
      `Version ${one.version}, ${moment(one.reviewed_utc)}: ${one.status} by ${one.reviewer}${why}`,
    );
  });
  return make("section", { class: "section" }, make("h2", {}, "Reviews"), make("ul", {}, lines));
}

function sampleText(sample) {
  const parts = ["section", "field", "operator", "instrument"]
    .filter((name) => sample?.[name])
    .map((name) => `${name} ${sample[name]}`);
  return [sample?.id, ...parts].filter(Boolean).join(", ") || "not named";
}

function trainedOn(model) {
  return model?.training_data ?? null;
}

function paintedOnly(model) {
  if (!model?.phantom_fraction) return null;
  const share = fixed(100 * model.phantom_fraction, 0);
  return `${share} % of what the model was trained on is painted (phantoms), not photographed.`;
}

/** The figures that fit the association, or those of all classes open. */
function accuracy(provenance) {
  const figures = provenance?.model?.evaluations ?? [];
  const asked = provenance?.request?.association ?? null;
  const one =
    figures.find((each) => each.association === asked) ??
    figures.find((each) => each.association === null);
  if (!one) return null;
  const told = one.association ? `told ${one.association}` : "all classes open";
  const judged = provenance.model.judged_by;
  const of = judged ? `; of ${judged.name}:${judged.version}, which was not trained on them` : "";
  return (
    `mean IoU ${fixed(one.mean_iou)} (by colour alone ${fixed(one.baseline_mean_iou)}), ` +
    `${one.images} held-out images, ${told}${of}`
  );
}
