// Elements made without any markup: words are only ever text, so no label can become code.

/**
 * @param {string} tag
 * @param {Record<string, any>} [properties] attributes; `on…` are listeners, `text` is the words
 * @param {(Node | string)[]} [children]
 * @returns {any}
 */
export function element(tag, properties = {}, children = []) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "text") made.textContent = value;
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

/** @param {string} id @returns {any} */
export const place = (id) => document.getElementById(id);

/** @param {string} id @param {(Node | string)[]} children */
export const fill = (id, ...children) => place(id).replaceChildren(...children);

/** A number for reading: four digits that matter, a true minus. @param {number} value */
export function said(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 0.001 || size >= 1e6) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
  return text.replace("-", "−");
}

/** @param {number} value */
export const two = (value) => value.toFixed(2).replace("-", "−");
