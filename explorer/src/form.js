// A form for a row of a table: numbers with the share of items that lie below, categories, booleans and dates as such.
import { categoryOf, dateText, wordsOf } from "./columns.js";
import { element, formatNumber } from "./dom.js";

const FIRST = 30;

/** The share of ordered values below one, ties by half. @param {Float64Array} ordered @param {number} value */
export function shareBelow(ordered, value) {
  const bound = (/** @type {(other: number) => boolean} */ under) => {
    let low = 0, high = ordered.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (under(ordered[middle])) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return ordered.length ? (bound((other) => other < value) + bound((other) => other <= value)) / 2 / ordered.length : 0.5;
}

/** @param {Float64Array} ordered @param {number} share */
function valueAt(ordered, share) {
  const at = share * (ordered.length - 1), low = Math.floor(at);
  return ordered.length ? ordered[low] + (at - low) * ((ordered[low + 1] ?? ordered[low]) - ordered[low]) : 0;
}

/** @param {any} app @param {Float64Array} row written into @param {() => void} changed */
export function makeForm(app, row, changed) {
  const { data } = app;
  const fields = data.fields.map((/** @type {import("./columns.js").Field} */ field) => (field.categories ? choice : field.kind === "boolean" ? tick : field.kind === "date" ? day : number)(data, field, row, changed));
  const show = () => fields.forEach((/** @type {{say: () => void}} */ field) => field.say());
  const boxes = fields.map((/** @type {{box: HTMLElement}} */ field) => field.box), rest = boxes.slice(FIRST);
  show();
  return { box: element("div", { id: "form" }, [element("div", { class: "fields" }, boxes.slice(0, FIRST)),
    ...(rest.length ? [element("details", {}, [element("summary", { text: `${rest.length} more columns` }), element("div", { class: "fields" }, rest)])] : [])]), show };
}

/** @typedef {import("./columns.js").Field} Field */
/** @typedef {import("./model.js").Data} Data */

/** A number, as digits and as a percentile. @param {Data} data @param {Field} field @param {Float64Array} row @param {() => void} changed */
function number(data, { name, begin: i }, row, changed) {
  const ordered = data.ordered(i), wide = ordered.length ? ordered[ordered.length - 1] - ordered[0] : 0, output = element("output", { class: "small" });
  const digits = element("input", { type: "number", step: "any", "aria-label": name });
  const slider = element("input", { type: "range", min: 0, max: 100, step: 1, "aria-label": `${name}, percentile` });
  const say = () => {
    const share = Math.round(100 * shareBelow(ordered, row[i]));
    output.textContent = Number.isNaN(row[i]) ? "empty" : `above ${share}%`;
    if (document.activeElement !== slider) slider.value = share;
    if (document.activeElement !== digits) digits.value = Number.isNaN(row[i]) ? "" : Number((Math.abs(row[i]) < 1e-7 * wide ? 0 : row[i]).toPrecision(6)); // what float32 left of a zero is a zero
  };
  digits.addEventListener("input", () => { row[i] = digits.value === "" ? NaN : Number(digits.value); say(); changed(); });
  slider.addEventListener("input", () => { row[i] = valueAt(ordered, Number(slider.value) / 100); say(); changed(); });
  const range = ordered.length ? `${formatNumber(ordered[0])} to ${formatNumber(ordered[ordered.length - 1])}` : "";
  return { box: element("div", { class: "field" }, [element("span", { class: "name", text: name, title: `${name}: ${range}` }), digits, slider, output]), say };
}

/** One control in the place of three. @param {string} name @param {any} control */
const plain = (name, control) => element("div", { class: "field" }, [element("span", { class: "name", text: name }), element("span", { class: "wide" }, [control])]);

/** @param {Data} _ @param {Field} field @param {Float64Array} row @param {() => void} changed */
function choice(_, field, row, changed) {
  const { name, begin, end, categories = [] } = field;
  const list = element("select", { "aria-label": name, onchange: () => { row.fill(0, begin, end); row[begin + Number(list.value)] = 1; changed(); } }, categories.map((text, at) => element("option", { value: at, text })));
  return { box: plain(name, list), say: () => (list.value = categoryOf(field, row)) };
}

/** @param {Data} _ @param {Field} field @param {Float64Array} row @param {() => void} changed */
function tick(_, field, row, changed) {
  const { name, begin } = field;
  const box = element("input", { type: "checkbox", "aria-label": name, onchange: () => { row[begin] = Number(box.checked); changed(); } });
  return { box: plain(name, element("label", {}, [box, wordsOf(field)[1]])), say: () => (box.checked = row[begin] >= 0.5) };
}

/** @param {Data} _ @param {Field} field @param {Float64Array} row @param {() => void} changed */
function day(_, { name, begin }, row, changed) {
  const input = element("input", { type: "date", "aria-label": name, oninput: () => { row[begin] = input.value ? Date.parse(input.value) / 864e5 : NaN; changed(); } });
  return { box: plain(name, input), say: () => { if (document.activeElement !== input) input.value = Number.isNaN(row[begin]) ? "" : dateText(row[begin]); } };
}
