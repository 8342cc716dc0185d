/** What the service lets the page know of minerals, associations and files. */

import { askJson } from "./service.js";

let known = null;

/**
 * Fetch it once.
 *
 * @returns {Promise<{minerals: Map<number, Object>, unlabelled: number, associations: Object,
 *   outputs: Object}>} Minerals by code, codes by association, names of files.
 */
export function choices() {
  known ??= fetched().catch((error) => {
    known = null;
    throw error;
  });
  return known;
}

async function fetched() {
  const document = await askJson("web/choices.json");
  return {
    minerals: new Map(document.minerals.map((one) => [one.code, one])),
    unlabelled: document.unlabelled_code,
    associations: document.associations,
    outputs: document.outputs,
  };
}
