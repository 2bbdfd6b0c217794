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

const FOCUSABLE = "button, input, select, summary, [tabindex]";

/** What had the focus in a place keeps it when the place is filled again: the same by name, else what came where it was. @param {string} id @param {(Node | string)[]} children */
export function fill(id, ...children) {
  const box = place(id), held = document.activeElement, inside = held !== box && box.contains(held);
  const listed = () => [...box.querySelectorAll(FOCUSABLE)], at = inside ? listed().indexOf(held) : -1;
  box.replaceChildren(...children);
  if (inside) ((held?.id && place(held.id)) || listed()[Math.min(at, listed().length - 1)])?.focus({ preventScroll: true });
}

/** Words whose dates stay in one line. @param {string} text */
export const datesKept = (text) => text.replace(/\b\d{4}-\d\d(-\d\d)?\b/g, (date) => date.replaceAll("-", "\u2011"));

/** A name for a narrow place: it breaks after what joins its parts, a date only after its day. @param {string} text */
export const breakable = (text) => datesKept(text).replace(/(?<=\p{L}|\p{N})[-_./](?=\p{L}|\p{N})/gu, (mark) => `${mark}\u200b`);

const HUGE = 1e12; // from here on by powers of ten

/** A number for reading: so many digits that matter, a true minus. @param {number} value @param {number} [digits] */
export function formatNumber(value, digits = 4) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-4 || size >= HUGE) ? value.toExponential(2) : grouped(Number(value.toPrecision(digits)));
  return text.replaceAll("-", "−");
}

/** A number with so many decimals. @param {number} value @param {number} decimals */
export const formatDecimals = (value, decimals) => (Math.abs(value) < 1e4 ? value.toFixed(decimals) : value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals })).replace("-", "−");

/** An error with three digits, zeros at the end among them; what rounding leaves of none is 0. @param {number} value */
export function formatError(value) {
  if (Math.abs(value) < 1e-20) return "0";
  return value >= 1e-4 && value < 999.5 ? value.toPrecision(3) : formatNumber(value, 3);
}

/** A number with commas between thousands, from five digits on: a year has none. @param {number} value */
const grouped = (value) => (Math.abs(value) < 1e4 ? String(value) : value.toLocaleString("en", { maximumFractionDigits: 12 }));

/** A number of a range so wide: enough digits to distinguish its values. @param {number} value @param {number} width */
export function formatInRange(value, width) {
  if (!Number.isFinite(value)) return "–";
  const digits = width >= 1 && width < 100 ? 2 : 3 - Math.ceil(Math.log10(width || Math.abs(value) || 1)), size = Math.abs(value);
  const tiny = digits > 6, places = Math.min(15, Math.max(2, Math.ceil(Math.log10(size || 1)) + digits - 1)), step = 10 ** -digits;
  const text = (tiny && size > 10 ** -digits / 2) || size >= HUGE ? value.toExponential(places) : size >= 1e4 ? grouped(digits < 0 ? Math.round(value / step) * step : Number(value.toFixed(Math.min(digits, 3)))) : value.toFixed(Math.min(Math.max(digits, 0), 6));
  return (Number(text) === 0 ? text.replace("-", "") : text).replaceAll("-", "−");
}
