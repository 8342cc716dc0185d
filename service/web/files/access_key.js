/** The API key or token of this tab: asked for when it is needed, kept until the tab is closed. */

const NAME = "petroserve-key";
// What a header can carry: with anything else browsers send nothing, and do not say why.
const SENDABLE = /^[\x21-\x7e]+$/;
const UNSENDABLE =
  "This is no key: keys are letters, digits and signs of ASCII, without spaces between them.";
let held = stored();
let asking = null;

/**
 * Tell the headers that show the key.
 *
 * @returns {Object} `Authorization`, or nothing without a key.
 */
export function keyHeaders() {
  return held ? { Authorization: `Bearer ${held}` } : {};
}

/** @returns {string} The key; empty without one. */
export function keyNow() {
  return held;
}

/** @returns {boolean} Whether there is a key. */
export function hasKey() {
  return Boolean(held);
}

/** Forget the key. */
export function forgetKey() {
  keep("");
}

/**
 * Ask for a key; everything that was refused at the same time shares one answer.
 *
 * @param {string} detail Why the service refused.
 * @param {string} refused The key that it refused.
 * @returns {Promise<boolean>} Whether there is another one now.
 */
export async function askForKey(detail, refused) {
  // A refusal that was slow to come is of the key before.
  if (held && held !== refused) return true;
  asking ??= dialogue(detail).finally(() => {
    asking = null;
  });
  return asking;
}

function dialogue(detail) {
  const dialog = document.getElementById("key-dialog");
  const input = document.getElementById("key-input");
  document.getElementById("key-detail").textContent = detail;
  input.value = "";
  return new Promise((resolve) => {
    const given = (event) => {
      event.preventDefault();
      const key = input.value.trim();
      if (!SENDABLE.test(key)) {
        document.getElementById("key-detail").textContent = UNSENDABLE;
        return;
      }
      keep(key);
      dialog.close();
    };
    const form = document.getElementById("key-form");
    const before = held;
    form.addEventListener("submit", given);
    document.getElementById("key-cancel").onclick = () => dialog.close();
    dialog.addEventListener(
      "close",
      () => {
        form.removeEventListener("submit", given);
        input.value = "";
        resolve(Boolean(held) && held !== before);
      },
      { once: true },
    );
    dialog.showModal();
  });
}

function keep(key) {
  held = key;
  try {
    if (key) sessionStorage.setItem(NAME, key);
    else sessionStorage.removeItem(NAME);
  } catch {
    // A browser that stores nothing: the key lives as long as the page does.
  }
  document.dispatchEvent(new CustomEvent("key-changed"));
}

function stored() {
  try {
    return sessionStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}
