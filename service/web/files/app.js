/** The page: which address shows what. */

import { hasKey, forgetKey } from "./access_key.js";
import { showAnalyses } from "./analyses_page.js";
import { showAnalysis } from "./analysis_page.js";
import { showAnnotation } from "./annotation_page.js";
import { fill } from "./dom.js";
import { showNewAnalysis } from "./new_analysis_page.js";
import { showNewAnnotation } from "./new_annotation_page.js";
import { problemBox } from "./problem_box.js";
import { askJson } from "./service.js";
import { say } from "./status_line.js";

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
  const analysis = /^\/analyses\/([^/?]+)$/.exec(place);
  const annotation = /^\/annotations\/([^/?]+)$/.exec(place);
  if (analysis) await showAnalysis(main, decodeURIComponent(analysis[1]), signal);
  else if (annotation) await showAnnotation(main, decodeURIComponent(annotation[1]), signal);
  else if (place === "/analyses") await showAnalyses(main, signal);
  else if (place === "/annotations") await showNewAnnotation(main, signal);
  else await showNewAnalysis(main, signal);
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
window.addEventListener("hashchange", route);
showKeyButton();
route();
// The page is no worse without it.
nameSoftware().catch(() => {});
