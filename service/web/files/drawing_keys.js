/** Keys of an annotation: number keys choose, ctrl-Z takes back, space moves, Enter draws a dot. */

const TYPED = "input:not([type=checkbox], [type=radio], [type=range]), select, textarea, dialog";

/**
 * Listen for them as long as the annotation is shown.
 *
 * @param {HTMLCanvasElement} canvas What is drawn on.
 * @param {{tools: DrawingTools, onDot: function()}} view What they act on.
 * @param {AbortSignal} signal Ends it.
 */
export function listenForKeys(canvas, { tools, onDot }, signal) {
  const on = (target, name, act) => target.addEventListener(name, act, { signal });
  on(document, "keydown", (event) => {
    if (event.target.closest?.(TYPED)) return;
    if (pressed(event, canvas, tools)) event.preventDefault();
  });
  on(document, "keyup", (event) => {
    if (event.key !== " " || !tools.moving) return;
    // A button that has the focus would be pressed by it.
    event.preventDefault();
    tools.move(false);
  });
  on(window, "blur", () => tools.move(false));
  on(canvas, "keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    onDot();
  });
}

function pressed(event, canvas, tools) {
  const { key, ctrlKey, metaKey, altKey, shiftKey } = event;
  if ((ctrlKey || metaKey) && !altKey && !shiftKey && key.toLowerCase() === "z") {
    if (!event.repeat) tools.onUndo();
    return true;
  }
  if (ctrlKey || metaKey || altKey) return false;
  if (key !== " ") return tools.press(key);
  const meant = canvas.matches(":hover") || document.activeElement === canvas;
  if (meant) tools.move(true);
  return meant;
}
