/** One line that tells what goes on; read out to who does not see it. */

/**
 * Say something, or nothing any more.
 *
 * @param {string} text What.
 */
export function say(text) {
  document.getElementById("status").textContent = text;
}
