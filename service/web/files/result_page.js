/** A result: the picture first, then the numbers, then the files. */

import { choices } from "./choices.js";
import { fill, make } from "./dom.js";
import { fileLink, fileSection } from "./file_list.js";
import { MapPanel } from "./map_panel.js";
import { modalLegend } from "./modal_legend.js";
import { doubts, resultHead, reviewList } from "./result_head.js";
import { section } from "./result_sections.js";
import { definitionSection, elementSection, grainSection, modalSection } from "./result_tables.js";
import { contactSection, liberationSection, lockingSection } from "./texture_tables.js";

/**
 * Show a result.
 *
 * @param {HTMLElement} main Where.
 * @param {Object} result Content of result.json.
 * @param {AbortSignal} signal Ends what is fetched for it.
 */
export async function showResult(main, result, signal) {
  const known = await choices();
  document.title = `${result.sample?.id ?? result.id.slice(0, 8)} – Petroserve`;
  const panel = new MapPanel(result, known, signal);
  const legend = modalLegend(result, known.minerals, (code) => panel.isolate(code));
  fill(
    main,
    resultHead(result),
    doubts(result),
    make("div", { class: "look" }, panel.element, legend),
    modalSection(result, known.minerals),
    grainSection(result),
    contactSection(result, known.minerals),
    lockingSection(result, known.minerals),
    liberationSection(result, known.minerals),
    elementSection(result),
    reviewList(result),
    fileSection(result, signal),
    provenanceSection(result),
    definitionSection(result),
  );
  await panel.load();
}

function provenanceSection(result) {
  const { provenance } = result;
  const facts = [
    ["id and version", `${result.id}, version ${result.version} (${result.status})`],
    ["image, SHA-256", provenance?.image?.sha256],
    [
      "size of the image",
      provenance?.image
        ? `${provenance.image.height_px} rows x ${provenance.image.width_px} columns`
        : null,
    ],
    ["model, SHA-256", result.model?.sha256],
    ["terms of the weights", provenance?.model?.weight_terms],
    [
      "software",
      provenance?.software?.petroserve ? `Petroserve ${provenance.software.petroserve}` : null,
    ],
    ["resampling", provenance?.parameters?.resampling_reason],
  ].filter(([, value]) => value);
  return section(
    "provenance",
    "Provenance",
    make(
      "dl",
      { class: "facts" },
      facts.map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]),
    ),
    make("p", {}, "The whole of it is in ", fileLink(result.id, "provenance.json"), "."),
  );
}
