/** Uploads: `XMLHttpRequest`, for `fetch` does not tell how much of a body has gone out. */

import { keyHeaders } from "./access_key.js";
import { address, persistently, problemOf, unreachable } from "./service.js";

/**
 * Post a form.
 *
 * @param {string} path Of the service.
 * @param {FormData} form What is sent.
 * @param {{headers: Object, onSent: function(number), signal: AbortSignal}} how Headers, what is
 *   told the share that has gone out, and what ends it.
 * @returns {Promise<Object>} The JSON of the answer.
 */
export function post(path, form, { headers = {}, onSent, signal }) {
  return persistently(() => sent(path, form, headers, onSent, signal), { signal });
}

/**
 * Make a key under which the same request may be sent again.
 *
 * @returns {string} The value of `Idempotency-Key`.
 */
export function newKey() {
  const numbers = crypto.getRandomValues(new Uint32Array(4));
  return `"page-${Array.from(numbers, (one) => one.toString(16).padStart(8, "0")).join("")}"`;
}

function sent(path, form, headers, onSent, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address(path));
    for (const [name, value] of Object.entries({ ...keyHeaders(), ...headers })) {
      request.setRequestHeader(name, value);
    }
    request.upload.onprogress = (event) => onSent(event.loaded / Math.max(event.total, 1));
    request.onerror = () => reject(unreachable(new Error("the connection broke")));
    request.onabort = () => reject(signal.reason);
    request.onload = () => settle(request, resolve, reject);
    const stop = () => request.abort();
    signal.addEventListener("abort", stop, { once: true });
    request.onloadend = () => signal.removeEventListener("abort", stop);
    request.send(form);
  });
}

function settle(request, resolve, reject) {
  if (request.status >= 200 && request.status < 300) {
    resolve(JSON.parse(request.responseText));
    return;
  }
  const retryAfter = request.getResponseHeader("Retry-After");
  reject(problemOf(request.status, request.responseText, retryAfter));
}
