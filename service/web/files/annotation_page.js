/** `#/annotations/ID`: draw strokes on a photograph, and see what they spread to. */

import { AnnotationPanel } from "./annotation_panel.js";
import { choices } from "./choices.js";
import { fill, make } from "./dom.js";
import { savingLink } from "./file_list.js";
import { significant } from "./numbers.js";
import { section } from "./result_sections.js";
import { annotationPath, askJson } from "./service.js";

/**
 * Show an annotation as it stands.
 *
 * @param {HTMLElement} main Where.
 * @param {string} id Of the annotation.
 * @param {AbortSignal} signal Ends it.
 */
export async function showAnnotation(main, id, signal) {
  fill(main, make("p", { class: "hint" }, "Asking for the annotation …"));
  const [known, annotation] = await Promise.all([
    choices(),
    askJson(annotationPath(id), { signal }),
  ]);
  const title = annotation.sample?.id ?? `Annotation ${annotation.id.slice(0, 8)}`;
  document.title = `${title} – Petroserve`;
  const panel = new AnnotationPanel(annotation, known, signal);
  fill(
    main,
    make("h1", {}, title),
    factsOf(annotation),
    warningsOf(annotation),
    panel.element,
    fileSection(annotation),
  );
  await panel.load();
}

function factsOf({ shape: [rows, columns], um_per_px: umPerPx, association }) {
  const scale = umPerPx ? `${significant(umPerPx)} µm per px` : "no scale was stated";
  const offered = association ? `, association ${association}` : "";
  return make("p", { class: "hint" }, `${rows} rows x ${columns} columns, ${scale}${offered}.`);
}

function warningsOf({ image_warnings: warnings }) {
  if (!warnings.length) return null;
  const lines = warnings.map((one) => make("li", {}, one));
  return make("div", { class: "notice" }, make("ul", {}, lines));
}

function fileSection({ id, artefacts }) {
  const link = (name, saved) =>
    make("li", {}, savingLink(annotationPath(id, name), `${id.slice(0, 8)}-${saved}`, saved));
  return section(
    "files",
    "Files, as the annotation stands",
    make(
      "ul",
      { class: "file-links" },
      artefacts.map(({ name }) => link(name, name)),
      link("steps", "steps.json"),
    ),
    make(
      "p",
      { class: "hint" },
      "The address of this page opens it again. id ",
      make("code", {}, id),
    ),
  );
}
