/** Requests to the service: with the key, again after `Retry-After`; errors are its problems. */

import { askForKey, keyHeaders, keyNow } from "./access_key.js";
import { say } from "./status_line.js";

const MOST_TRIES = 8;
const LONGEST_WAIT_S = 60;
const BUSY = new Set([429, 503]);

/** What the service, or the way to it, said instead of an answer. */
export class ProblemError extends Error {
  /**
   * @param {Object} problem Members of RFC 9457; at least `title` and `detail`.
   * @param {?number} retryAfterS After how many seconds to ask again.
   */
  constructor(problem, retryAfterS = null) {
    super(problem.detail ?? problem.title);
    this.problem = problem;
    this.retryAfterS = retryAfterS;
  }
}

/**
 * Tell the address of a path of the service, also behind a proxy that adds a prefix.
 *
 * @param {string} path Without a slash at its beginning.
 * @returns {string} The address.
 */
export function address(path) {
  return new URL(path, document.baseURI.replace(/#.*/, "")).href;
}

/**
 * Tell the path of an analysis.
 *
 * @param {string} id Its id.
 * @param {string} file One of its files; without it the analysis itself.
 * @returns {string} The path.
 */
export function analysisPath(id, file = "") {
  const root = `v1/analyses/${encodeURIComponent(id)}`;
  return file ? `${root}/${encodeURIComponent(file)}` : root;
}

/**
 * Tell the path of an annotation.
 *
 * @param {string} id Its id.
 * @param {...(string|number)} parts Of it: one of its files, its steps, one of them.
 * @returns {string} The path.
 */
export function annotationPath(id, ...parts) {
  return ["v1/annotations", ...[id, ...parts].map(encodeURIComponent)].join("/");
}

/**
 * Ask the service; ask for a key where it wants one, wait where it is busy.
 *
 * @param {string} path As for `address`.
 * @param {Object} options Of `fetch`; `patient: false` gives up at once where it is busy.
 * @returns {Promise<Response>} A good answer.
 * @throws {ProblemError} Any other.
 */
export async function ask(path, { patient = true, ...options } = {}) {
  return persistently(() => asked(path, options), { patient, signal: options.signal });
}

/**
 * Ask the service for JSON; as `ask`.
 *
 * @param {string} path As for `address`.
 * @param {Object} options As for `ask`.
 * @returns {Promise<Object>} The document.
 */
export async function askJson(path, options = {}) {
  return (await ask(path, options)).json();
}

/**
 * Try until it works: with another key after 401, later after 429 and 503.
 *
 * @param {function(): Promise} attempt Fails with a `ProblemError`.
 * @param {{patient: boolean, signal: ?AbortSignal}} how Whether to wait, and what ends the waiting.
 * @returns {Promise} What the attempt gives at last.
 */
export async function persistently(attempt, { patient = true, signal = null } = {}) {
  for (let tries = 1; ; tries += 1) {
    const refused = keyNow();
    try {
      return await attempt();
    } catch (error) {
      const status = error instanceof ProblemError ? error.problem.status : null;
      if (status === 401) {
        if (!(await askForKey(error.message, refused))) throw error;
        signal?.throwIfAborted();
      } else if (patient && BUSY.has(status) && error.retryAfterS !== null && tries < MOST_TRIES) {
        await waited(error, signal);
      } else {
        throw error;
      }
    }
  }
}

/**
 * Make the error of an answer that is none.
 *
 * @param {number} status Of HTTP.
 * @param {string} text Its body.
 * @param {?string} retryAfter Its header.
 * @returns {ProblemError} With the members of the problem document, where it is one.
 */
export function problemOf(status, text, retryAfter) {
  const seconds = /^\d+$/.test(retryAfter ?? "") ? Number(retryAfter) : null;
  let members;
  try {
    members = JSON.parse(text);
  } catch {
    members = null;
  }
  const stated = members && typeof members === "object" ? members : {};
  const plain = { title: `The service answered ${status}`, detail: text.slice(0, 300) };
  return new ProblemError({ ...plain, ...stated, status }, seconds);
}

/**
 * Wait.
 *
 * @param {number} seconds How long.
 * @param {?AbortSignal} signal Ends it early, with its reason as the error.
 * @returns {Promise<void>} When it is over.
 */
export function pause(seconds, signal = null) {
  return new Promise((resolve, reject) => {
    const ended = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", ended);
      resolve();
    }, seconds * 1000);
    if (signal?.aborted) ended();
    signal?.addEventListener("abort", ended, { once: true });
  });
}

async function asked(path, options) {
  const headers = { ...keyHeaders(), ...options.headers };
  let response;
  try {
    response = await fetch(address(path), { ...options, headers });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw unreachable(error);
  }
  if (response.ok) return response;
  throw problemOf(response.status, await response.text(), response.headers.get("Retry-After"));
}

/**
 * Make the error of a request that got no answer.
 *
 * @param {Error} error What the browser says.
 * @returns {ProblemError} Without a status.
 */
export function unreachable(error) {
  const detail = `${error.message || "no connection"}. Is it running, and can this computer reach it?`;
  return new ProblemError({ title: "The service did not answer", detail, status: null });
}

async function waited(error, signal) {
  const seconds = Math.min(Math.max(error.retryAfterS, 1), LONGEST_WAIT_S);
  say(`${error.message} Asking again in ${seconds} s.`);
  try {
    await pause(seconds, signal);
  } finally {
    say("");
  }
}
