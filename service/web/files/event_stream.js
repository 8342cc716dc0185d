/** Server-sent events over `fetch`, which can send a key; `EventSource` cannot. */

import { ask, pause, ProblemError } from "./service.js";
import { say } from "./status_line.js";

const RECONNECT_S = 2;
const MOST_SILENT_TRIES = 90;
// The service says something every 15 s; a machine that is gone does not even close.
const LONGEST_SILENCE_S = 60;
// What a proxy answers while the service behind it starts again.
const AWAY = new Set([502, 503, 504]);

/**
 * Follow an analysis to its end, over as many connections as it takes.
 *
 * @param {string} path Of its events.
 * @param {function(Object)} onState Told every state on the way.
 * @param {AbortSignal} signal Ends the following.
 * @returns {Promise<?Object>} The last state; null where the service says that it was told before.
 */
export async function follow(path, onState, signal) {
  let lastId = null;
  for (let silent = 0; silent < MOST_SILENT_TRIES; silent += 1) {
    try {
      for await (const event of connected(path, lastId, signal)) {
        if (event === null) return null;
        lastId = event.id ?? lastId;
        silent = 0;
        say("");
        const state = JSON.parse(event.data);
        if (event.name !== "progress") return state;
        onState(state);
      }
    } catch (error) {
      const status = error instanceof ProblemError ? error.problem.status : null;
      const refused = status && !AWAY.has(status);
      if (signal.aborted || refused || error instanceof SyntaxError) throw error;
    }
    say("The service tells nothing at the moment. Asking again.");
    await pause(RECONNECT_S, signal);
  }
  throw new ProblemError({ title: "The service tells no more", detail: "Load the page again." });
}

async function* connected(path, lastId, signal) {
  const headers = { Accept: "text/event-stream" };
  if (lastId !== null) headers["Last-Event-ID"] = lastId;
  const response = await ask(path, { headers, signal });
  if (response.status === 204) yield null;
  else yield* eventsOf(response.body);
}

/**
 * Read events from a body (WHATWG HTML, section 9.2).
 *
 * @param {ReadableStream} body Bytes.
 * @yields {{id: ?string, name: string, data: string}} Each event.
 */
export async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await soon(reader.read());
      if (done) return;
      text += value.replaceAll("\r\n", "\n");
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const event = parsed(text.slice(0, end));
        text = text.slice(end + 2);
        if (event.data) yield event;
      }
    }
  } finally {
    // Who follows no further gives the place back: a tenant has only so many.
    reader.cancel().catch(() => {});
  }
}

/** Wait for a piece of the body, but not for one that will never come. */
async function soon(piece) {
  let timer;
  const silence = new Promise((_, reject) => {
    const ended = () => reject(new Error("the service is silent"));
    timer = setTimeout(ended, LONGEST_SILENCE_S * 1000);
  });
  try {
    return await Promise.race([piece, silence]);
  } finally {
    clearTimeout(timer);
  }
}

function parsed(block) {
  const event = { id: null, name: "message", data: "" };
  for (const line of block.split("\n")) {
    const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (field === "id") event.id = value;
    else if (field === "event") event.name = value;
    else if (field === "data") event.data += event.data ? `\n${value}` : value;
  }
  return event;
}
