/**
 * The picture below a map. The service keeps no photograph: it is that of this tab, or one that is
 * chosen again, or else `overlay.jpg`.
 */

import { analysisPath, ask } from "./service.js";

// The largest canvas of browsers on telephones; larger pictures are shown reduced.
export const MOST_SHOWN_PX = 4096 * 4096;
// What is decoded in a browser at all: four bytes each.
const MOST_DECODED_PX = 80_000_000;
const kept = new Map();

/**
 * Keep the photograph of an analysis as long as this tab is open.
 *
 * @param {string} id Of the analysis.
 * @param {File} file The photograph.
 */
export function remember(id, file) {
  kept.set(id, file);
}

/**
 * Find a picture to show below the map.
 *
 * @param {Object} result Content of result.json.
 * @param {{width: number, height: number}} size Of the map.
 * @param {AbortSignal} signal Ends it.
 * @returns {Promise<{picture: ?ImageBitmap, part: number[], plain: boolean, note: string}>} The
 *   picture, the part of it that the map covers, whether it is the bare photograph, what to say.
 */
export async function pictureFor(result, size, signal) {
  const file = kept.get(result.id);
  const why = file ? await notShown(file, result, size) : "The service keeps no photographs.";
  if (!why) {
    const picture = await decoded(file, size);
    return { ...picture, plain: true, note: reducedNote("The photograph", picture.picture, size) };
  }
  return overlayPicture(result, size, why, signal);
}

/**
 * Check whether a file is the photograph of an analysis, and keep it if it is.
 *
 * @param {File} file The file.
 * @param {Object} result Content of result.json.
 * @param {{width: number, height: number}} size Of the map.
 * @returns {Promise<string>} Why it cannot be shown; empty if it can.
 */
export async function offered(file, result, size) {
  const wanted = result.provenance?.image?.sha256;
  // Browsers compute digests on https and on this machine only; elsewhere the size has to do.
  if (wanted && globalThis.crypto?.subtle) {
    const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    const hex = Array.from(new Uint8Array(digest), (one) => one.toString(16).padStart(2, "0"));
    if (hex.join("") !== wanted) return "This is not the file that was analysed.";
  }
  const why = await notShown(file, result, size);
  if (!why) remember(result.id, file);
  return why;
}

/**
 * Tell whether the map lies on the photograph as it was sent.
 *
 * @param {Object} result Content of result.json.
 * @returns {boolean} Not where fields were joined, or a lens was corrected.
 */
export function liesOnPhotograph(result) {
  return !result.provenance?.lens && (result.provenance?.image?.fields ?? 1) === 1;
}

async function notShown(file, result, { width, height }) {
  if (!liesOnPhotograph(result)) return "The map lies on a picture that was corrected or joined.";
  if (width * height > MOST_DECODED_PX) return "The photograph is too large for a browser.";
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return "The browser cannot show a file of this kind (such as TIFF).";
  }
  const fits = bitmap.width === width && bitmap.height === height;
  const said = `The file has ${bitmap.width} x ${bitmap.height} px, the map ${width} x ${height}.`;
  bitmap.close();
  return fits ? "" : said;
}

async function overlayPicture(result, size, why, signal) {
  const listed = result.artefacts.some((one) => one.name === "overlay.jpg");
  if (!listed)
    return { picture: null, part: [0, 0], plain: false, note: `${why} There is no overlay.jpg.` };
  const response = await ask(analysisPath(result.id, "overlay.jpg"), { signal });
  const found = await decoded(await response.blob(), size);
  const note = `${why} What is shown instead is overlay.jpg: the photograph tinted and outlined by the map.`;
  return {
    ...found,
    plain: false,
    note: `${note} ${reducedNote("It", found.picture, size)}`.trim(),
  };
}

/**
 * Decode a picture whose width is that of the map; below it there may be a legend.
 *
 * @param {Blob} blob The file.
 * @param {{width: number, height: number}} size Of the map.
 * @returns {Promise<{picture: ImageBitmap, part: number[]}>} The picture, reduced where it is too
 *   large to be shown, and the part of it that the map covers.
 */
export async function decoded(blob, { width, height }) {
  const most = Math.floor(width * Math.min(1, Math.sqrt(MOST_SHOWN_PX / (width * height))));
  let picture = await createImageBitmap(blob);
  if (picture.width > most) {
    const whole = picture;
    picture = await createImageBitmap(whole, { resizeWidth: most, resizeQuality: "high" });
    whole.close();
  }
  return { picture, part: [picture.width, (height * picture.width) / width] };
}

function reducedNote(what, picture, { width }) {
  if (picture.width === width) return "";
  return `${what} is shown at 1/${(width / picture.width).toFixed(1)} of its size.`;
}
