// The columns of a table as their owner knows them: numbers, dates, booleans and categories, and which of them tell most.
import { element, formatDecimals, formatInRange, formatNumber } from "./dom.js";

/** @typedef {{name: string, kind: string, begin: number, end: number, whole?: boolean, categories?: string[], words?: string[]}} Field */
/** @typedef {ArrayLike<number>} Row */

const PACKED = 1e-7, FLOAT = 1e-7; // of a column's range, and of a value: what packing as float32 may take from it
const DAY = 864e5, LOOKED_AT = 2000, VARIED = 16;

/** Columns as fields; in a plain table each is a number. @param {any} facts @returns {Field[]} */
export function fieldsOf(facts) {
  if (facts.fields?.length) return facts.fields;
  return facts.columns.map((/** @type {string} */ name, /** @type {number} */ i) => ({ name, kind: "number", begin: i, end: i + 1 }));
}

/** The category with the largest share, or -1 where the cell is missing. @param {Field} field @param {Row} row */
export function categoryOf({ begin, end }, row) {
  let best = -1;
  for (let i = begin; i < end; i++) if (!Number.isNaN(row[i]) && (best < 0 || row[i] > row[begin + best])) best = i - begin;
  return best;
}

/** How a boolean column says false and true: as its file does. @param {Field} field */
export const wordsOf = ({ words = ["no", "yes"] }) => words;

/** A cell in words; `own` is one of the data, not decoded, and keeps its decimals. @param {import("./model.js").Data} data @param {Field} field @param {Row} row @param {boolean} [own] */
export function cellText(data, field, row, own = false) {
  const value = row[field.begin], share = (/** @type {number} */ p) => (p > 0.995 || p < 0 ? "" : `, ${Math.round(100 * p)}%`);
  if (Number.isNaN(value)) return "missing";
  if (field.kind === "category") {
    const at = categoryOf(field, row);
    return `${field.categories?.[at]}${share(row[field.begin + at])}`;
  }
  if (field.kind === "boolean") return value >= 0.5 ? wordsOf(field)[1] + share(value) : wordsOf(field)[0] + share(1 - value);
  if (field.kind === "date") return dateText(value, field.whole);
  const { low, high } = data.reach, width = high[field.begin] - low[field.begin], whole = Math.round(value);
  const decimals = own ? data.decimals(field.begin) : null;
  if (decimals !== null) return Math.abs(value) < 1e12 && isWritten(value, decimals, width) ? formatDecimals(value, decimals) : formatNumber(value, 6);
  return Math.abs(value - whole) <= Math.min(0.01, PACKED * width) ? formatNumber(whole, 16) : formatInRange(value, width);
}

/** Whether a value was written with so many decimals, as far as packing tells. @param {number} value @param {number} decimals @param {number} width of its column */
export function isWritten(value, decimals, width) {
  const off = PACKED * width + FLOAT * Math.abs(value);
  return 2 * off < 10 ** -decimals && Math.abs(value - Number(value.toFixed(decimals))) <= off;
}

/** Days since 1970 as a date, with the time of day where it has one. @param {number} days @param {boolean} [whole] */
export function dateText(days, whole = true) {
  const time = new Date(Math.round((whole ? Math.round(days) : days) * DAY));
  if (Number.isNaN(time.getTime())) return formatNumber(days);
  return whole ? time.toISOString().slice(0, 10) : time.toISOString().slice(0, 16).replace("T", " ");
}

/** Both ends of a field's values, in words. @param {import("./model.js").Data} data @param {Field} field */
export function rangeText(data, field) {
  const { low, high } = data.reach;
  return [low, high].map((end) => (field.kind === "date" ? dateText(end[field.begin], field.whole) : formatNumber(end[field.begin])));
}

/** How far a field lies from the mean of the items, in standard deviations, with its sign. @param {import("./model.js").Data} data @param {Field} field @param {Row} row */
export function deviation(data, field, row) {
  if (field.kind === "category") return 0;
  const { mean, spread } = data.moments;
  return (row[field.begin] - mean[field.begin]) / spread[field.begin] || 0;
}

/** What a field adds to the squared error. @param {import("./model.js").Model} model @param {Field} field @param {Row} row @param {Row} again */
export function errorOf(model, { begin, end }, row, again) {
  let sum = 0;
  for (let i = begin; i < end; i++) sum += model.squared(row[i] - again[i], i) || 0;
  return sum;
}

/**
 * Fields by how much of their variance the place on the map explains; of two that say the same, the second comes later.
 * @param {import("./model.js").Model} model @returns {number[]} indices of fields
 */
export function tellingFields(model) {
  const { data } = model, { fields } = data, stride = Math.max(1, Math.ceil(data.n / LOOKED_AT));
  const items = Array.from({ length: Math.ceil(data.n / stride) }, (_, k) => k * stride), cells = cellsOfMap(model, items);
  const share = fields.map((field) => explained(data, field, items, cells)), left = new Set(fields.keys());
  /** @type {number[]} */ const chosen = [], apart = share.slice();
  while (left.size && chosen.length < VARIED) {
    const next = [...left].reduce((best, i) => (apart[i] > apart[best] ? i : best));
    chosen.push(next);
    left.delete(next);
    for (const i of left) apart[i] = Math.min(apart[i], share[i] * (1 - correlation(data, fields[i], fields[next], items) ** 2));
  }
  return [...chosen, ...[...left].sort((a, b) => share[b] - share[a])];
}

/** Which cell of a coarse grid of equal counts each item is in. @param {import("./model.js").Model} model @param {number[]} items */
function cellsOfMap(model, items) {
  const axes = Math.min(2, model.nAxes), side = Math.max(2, Math.min(8, Math.floor(axes > 1 ? Math.sqrt(items.length / 10) : items.length / 10)));
  const cell = new Int32Array(items.length);
  for (let axis = 0; axis < axes; axis++) {
    const order = [...items.keys()].sort((a, b) => model.seen[2 * items[a] + axis] - model.seen[2 * items[b] + axis]);
    order.forEach((k, at) => (cell[k] = cell[k] * side + Math.floor((at * side) / order.length)));
  }
  return cell;
}

/** The share of a field's variance that lies between cells, less what chance would give. @param {import("./model.js").Data} data @param {Field} field @param {number[]} items @param {Int32Array} cells */
function explained(data, field, items, cells) {
  let total = 0, between = 0, used = 0;
  for (let i = field.begin; i < field.end; i++) {
    const sums = new Map(), middle = data.moments.mean[i];
    let sum = 0, square = 0, count = 0;
    items.forEach((item, k) => {
      const value = data.rows[item * data.width + i] - middle;
      if (Number.isNaN(value)) return;
      const cell = sums.get(cells[k]) || [0, 0];
      sums.set(cells[k], cell);
      cell[0] += value;
      cell[1]++;
      sum += value;
      square += value * value;
      count++;
    });
    const within = [...sums.values()].reduce((part, [s, n]) => part + (s * s) / n, 0) - (sum * sum) / (count || 1);
    const all = square - (sum * sum) / (count || 1);
    total += all;
    between += all - ((all - within) * Math.max(0, count - 1)) / Math.max(1, count - sums.size);
    used = Math.max(used, count);
  }
  return total > 0 && used > 2 ? between / total : -1;
}

/** @param {import("./model.js").Data} data @param {Field} a @param {Field} b @param {number[]} items */
function correlation(data, a, b, items) {
  const { mean } = data.moments;
  let ab = 0, aa = 0, bb = 0;
  for (const item of items) {
    const [x, y] = [a, b].map((field) => data.rows[item * data.width + field.begin] - mean[field.begin]);
    if (Number.isNaN(x + y)) continue;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / (Math.sqrt(aa * bb) || 1);
}

/** The most telling columns of a row at a glance: names, and bars to either side of the mean. @param {import("./model.js").Model} model @param {Row} row @param {number} [most] */
export function miniBars(model, row, most = 4) {
  const { data } = model;
  return element("span", { class: "mini", "aria-hidden": "true" }, model.telling.slice(0, most).map((i) => {
    const field = data.fields[i], by = Math.max(-3, Math.min(3, deviation(data, field, row)));
    const bar = element("i", {});
    Object.assign(bar.style, { left: `${50 + Math.min(0, by) * 16}%`, width: `${Math.abs(by) * 16}%` });
    const shown = field.kind === "category" || Number.isNaN(row[field.begin]) ? element("em", { text: cellText(data, field, row) }) : element("b", {}, [bar]);
    return element("span", {}, [element("span", { text: field.name }), shown]);
  }));
}
