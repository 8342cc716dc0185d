/** Elements of the page. Text becomes text nodes, so that no text from anywhere is ever markup. */

/**
 * Make an element.
 *
 * @param {string} tag Its name.
 * @param {Object} attributes Attributes; `on...` are listeners, `null` and `false` leave one out.
 * @param {...(Node|string|number|null|Array)} children What is in it; strings are text.
 * @returns {HTMLElement} The element.
 */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...shown(children));
  return node;
}

/**
 * Put other content into an element.
 *
 * @param {Element} node The element.
 * @param {...(Node|string|number|null|Array)} children As for `make`.
 */
export function fill(node, ...children) {
  node.replaceChildren(...shown(children));
}

/**
 * Make a table whose numbers are right-aligned.
 *
 * @param {string} caption What it shows.
 * @param {string[]} heads One for each column.
 * @param {Array<Array<Node|string|null>>} rows Cells; the first of each row is its head.
 * @param {number} texts So many columns at the left are text.
 * @returns {HTMLElement} The table, in a frame that scrolls where it is too wide.
 */
export function table(caption, heads, rows, texts = 1) {
  const kind = (column) => (column < texts ? null : "number");
  const head = heads.map((text, k) => make("th", { scope: "col", class: kind(k) }, text));
  const body = rows.map((cells) =>
    make(
      "tr",
      {},
      cells.map((cell, k) =>
        k === 0 ? make("th", { scope: "row" }, cell) : make("td", { class: kind(k) }, cell),
      ),
    ),
  );
  const whole = make(
    "table",
    {},
    make("caption", {}, caption),
    make("thead", {}, make("tr", {}, head)),
    make("tbody", {}, body),
  );
  return make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": caption }, whole);
}

function shown(children) {
  return children.flat(3).filter((one) => one !== null && one !== undefined && one !== false);
}
