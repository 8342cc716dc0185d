/** The files of an analysis, to be taken away. */

import { hasKey } from "./access_key.js";
import { make, table } from "./dom.js";
import { fileSize } from "./numbers.js";
import { problemBox } from "./problem_box.js";
import { section } from "./result_sections.js";
import { address, analysisPath, ask } from "./service.js";

/**
 * Make the list.
 *
 * @param {Object} result Content of result.json.
 * @param {AbortSignal} signal Ends the looking for sizes.
 * @returns {HTMLElement} A section.
 */
export function fileSection(result, signal) {
  const files = [
    { name: "result.json", media_type: "application/json", sha256: "" },
    ...result.artefacts,
  ];
  const sizes = files.map(() => make("span", {}, "…"));
  const rows = files.map((file, k) => [
    fileLink(result.id, file.name),
    file.media_type,
    sizes[k],
    make("code", { title: file.sha256 }, file.sha256.slice(0, 12)),
  ]);
  const heads = ["file", "media type", "size", "SHA-256"];
  const whole = section("files", "Files", table("Files", heads, rows, 2));
  whenSeen(whole, signal, () => fillSizes(result.id, files, sizes, signal));
  return whole;
}

/**
 * Make a link to a file; with a key it is fetched by script, for links send none.
 *
 * @param {string} id Of the analysis.
 * @param {string} name Of the file.
 * @returns {HTMLElement} The link.
 */
export function fileLink(id, name) {
  return savingLink(analysisPath(id, name), `${id.slice(0, 8)}-${name}`, name);
}

/**
 * Make a link that saves what is at a path; as `fileLink`.
 *
 * @param {string} path Of the service.
 * @param {string} name Under which it is saved.
 * @param {string} text What the link says.
 * @returns {HTMLElement} The link.
 */
export function savingLink(path, name, text) {
  const link = make("a", { href: address(path), download: name }, text);
  link.addEventListener("click", (event) => {
    if (!hasKey()) return;
    event.preventDefault();
    takeAway(path, link.download).catch((error) => link.after(problemBox(error)));
  });
  return link;
}

async function takeAway(path, name) {
  const content = await (await ask(path)).blob();
  const url = URL.createObjectURL(content);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Wait until somebody looks: each size is a request. */
function whenSeen(node, signal, act) {
  const watcher = new IntersectionObserver((entries) => {
    if (!entries.some((one) => one.isIntersecting)) return;
    watcher.disconnect();
    act();
  });
  signal.addEventListener("abort", () => watcher.disconnect(), { once: true });
  watcher.observe(node);
}

async function fillSizes(id, files, sizes, signal) {
  for (const [k, file] of files.entries()) {
    try {
      sizes[k].textContent = fileSize(await sizeOf(analysisPath(id, file.name), signal));
    } catch {
      sizes[k].textContent = "unknown";
    }
  }
}

/** One byte tells the size of all; a HEAD of what is compressed on the way does not. */
async function sizeOf(path, signal) {
  const response = await ask(path, { headers: { Range: "bytes=0-0" }, signal, patient: false });
  await response.arrayBuffer();
  const whole =
    response.headers.get("Content-Range") ?? `/${response.headers.get("Content-Length")}`;
  const bytes = Number(whole.split("/")[1]);
  if (!Number.isFinite(bytes)) throw new Error("the service tells no size");
  return bytes;
}
