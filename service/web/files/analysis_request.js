/** From what was chosen to what is posted. */

const REGION = "region";

/**
 * Make the JSON of an analysis, without what was left open.
 *
 * @param {Object} stated Values of the fields, as text; `views` as `ChosenImages` tells them, and the
 *   file of the `region`.
 * @param {{default: string[]}} outputs Names of the files that every analysis makes.
 * @returns {Object} The part `request`.
 */
export function analysisRequest(stated, outputs) {
  return filled({
    model: stated.model,
    association: stated.association,
    um_per_px: numberOf(stated.umPerPx),
    sample: sampleOf(stated),
    min_grain_area_px: numberOf(stated.minGrain),
    touching_grains: stated.touching || null,
    calibration: stated.calibration,
    outputs: stated.pdf ? [...outputs.default, "report.pdf"] : null,
    views: stated.views.length ? stated.views.map(viewOf) : null,
    region: stated.region ? REGION : null,
  });
}

/**
 * Make the JSON of an annotation, without what was left open.
 *
 * @param {Object} stated Values of the fields, as text.
 * @returns {Object} The part `request`.
 */
export function annotationRequest(stated) {
  return filled({
    association: stated.association,
    um_per_px: numberOf(stated.umPerPx),
    sample: sampleOf(stated),
  });
}

/**
 * Make the form that is posted.
 *
 * @param {{kind: string, image: File, files: File[], views: function(): Array}} images Chosen.
 * @param {Object} request As `analysisRequest` makes it.
 * @param {?File} region The mask that the request names.
 * @returns {{path: string, form: FormData}} Where to, and what.
 */
export function posted(images, request, region) {
  const form = new FormData();
  if (images.kind === "fields") {
    // The scale is that of the fields; the analysis takes it over.
    const { um_per_px: umPerPx, ...analysis } = request;
    form.append("request", JSON.stringify(filled({ um_per_px: umPerPx, analysis })));
    for (const file of images.files) form.append("field", file, file.name);
    return { path: "v1/panoramas", form };
  }
  form.append("request", JSON.stringify(request));
  form.append("image", images.image, images.image.name);
  if (images.kind === "views") {
    for (const view of images.views()) form.append(view.part, view.file, view.file.name);
  }
  if (region) form.append(REGION, region, region.name);
  return { path: "v1/analyses", form };
}

/**
 * Make the form of an estimate: the begin of a PNG or JPEG tells its size.
 *
 * @param {File} image The photograph.
 * @param {Object} request As `analysisRequest` makes it.
 * @returns {FormData} What is posted.
 */
export function estimateForm(image, request) {
  const { views: _views, region: _region, ...alone } = request;
  const form = new FormData();
  form.append("request", JSON.stringify(alone));
  form.append("image", image.slice(0, 256 * 1024), image.name);
  return form;
}

function sampleOf(stated) {
  const sample = filled({
    id: stated.sample,
    section: stated.section,
    field: stated.field,
    operator: stated.operator,
    instrument: stated.instrument,
  });
  return Object.keys(sample).length ? sample : null;
}

function viewOf({ part, light, angle }) {
  return filled({ part, light, stage_angle_deg: numberOf(angle) });
}

function filled(members) {
  const stated = Object.entries(members).filter(
    ([, one]) => one !== null && one !== undefined && one !== "",
  );
  return Object.fromEntries(stated);
}

/** What is no number is sent as it is: the service says best what is wrong with it. */
function numberOf(text) {
  if (text === "") return null;
  const value = Number(text.replace(",", "."));
  return Number.isFinite(value) ? value : text;
}
