/** The page: which address shows what. */

import { hasKey, forgetKey } from "./access_key.js";
import { showAnalyses } from "./analyses_page.js";
import { showAnalysis } from "./analysis_page.js";
import { showAnnotation } from "./annotation_page.js";
import { fill, make } from "./dom.js";
import { showNewAnalysis } from "./new_analysis_page.js";
import { showNewAnnotation } from "./new_annotation_page.js";
import { problemBox } from "./problem_box.js";
import { askJson, ProblemError } from "./service.js";
import { say } from "./status_line.js";

const WITH_ID = /^\/(analyses|annotations)\/([^/?]+)$/;
const main = document.getElementById("main");
let shown = new AbortController();

/** Show what the address names; what was shown before ends. */
async function route() {
  // Others are places of the page itself.
  if (location.hash && !location.hash.startsWith("#/")) return;
  shown.abort(new DOMException("another page is shown", "AbortError"));
  shown = new AbortController();
  const { signal } = shown;
  document.title = "Petroserve";
  say("");
  try {
    await showAt(location.hash.slice(1), signal);
  } catch (error) {
    if (!signal.aborted) fill(main, problemBox(error));
  }
}

async function showAt(place, signal) {
  const [, kind, text] = WITH_ID.exec(place) ?? [];
  const id = text && idOf(text);
  if (kind && id === null) showNothing(place);
  else if (kind === "analyses") await showAnalysis(main, id, signal);
  else if (kind === "annotations") await showAnnotation(main, id, signal);
  else if (place === "/analyses") await showAnalyses(main, signal);
  else if (place === "/annotations") await showNewAnnotation(main, signal);
  else if (place === "/" || place === "") await showNewAnalysis(main, signal);
  else showNothing(place);
}

/** What stands in the address as an id; null where it is none. */
function idOf(text) {
  try {
    const id = decodeURIComponent(text);
    // Steps of a path: they would lead to another address of the service.
    return id === "." || id === ".." ? null : id;
  } catch {
    return null;
  }
}

function showNothing(place) {
  const detail = `The address of this page ends in #${place}, and nothing is there.`;
  const problem = { title: "There is no such page", detail };
  fill(main, problemBox(new ProblemError(problem)), make("a", { href: "#/" }, "New analysis"));
}

/** Go on to another page, also for who hears it or goes through it by keys. */
function goOn() {
  if (location.hash.startsWith("#/")) main.focus({ preventScroll: true });
  route();
}

function showKeyButton() {
  document.getElementById("forget-key").hidden = !hasKey();
}

async function nameSoftware() {
  const root = await askJson("./", { headers: { Accept: "application/json" } });
  document.getElementById("software").textContent = `Petroserve ${root.version}`;
}

document.getElementById("forget-key").addEventListener("click", () => {
  forgetKey();
  location.hash = "#/";
  route();
});
// By script, for a link would take the place of the address that names what is shown.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
document.addEventListener("key-changed", showKeyButton);
window.addEventListener("hashchange", goOn);
// A photograph that is dropped beside its field would take the place of the page.
for (const name of ["dragover", "drop"]) {
  document.addEventListener(name, (event) => event.preventDefault());
}
showKeyButton();
route();
// The page is no worse without it.
nameSoftware().catch(() => {});
