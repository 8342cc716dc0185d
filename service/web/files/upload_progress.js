/** How much of an upload has gone out. */

import { fill, make } from "./dom.js";

/**
 * Show it.
 *
 * @param {HTMLElement} place Where.
 * @param {string} sent What is said when all has gone out.
 * @param {function()} stop Ends the upload.
 * @returns {function(number)} To be told the share that has gone out.
 */
export function showUpload(place, sent, stop) {
  const bar = make("progress", { max: 1, value: 0, "aria-label": "Upload" });
  const text = make("p", { "aria-live": "polite" }, "Sending …");
  const cancel = make("button", { type: "button", onclick: stop }, "Cancel");
  fill(place, make("div", { class: "progress" }, text, bar, cancel));
  return (share) => {
    bar.value = share;
    if (share < 1) return;
    text.textContent = sent;
    bar.removeAttribute("value");
  };
}
