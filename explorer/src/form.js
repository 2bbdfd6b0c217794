// A form for a row of a table: each column's number, and beside it the share of items that lie below.
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
  const fields = data.facts.columns.map((/** @type {string} */ name, /** @type {number} */ i) => {
    const ordered = data.ordered(i), output = element("output", { class: "small" });
    const number = element("input", { type: "number", step: "any", "aria-label": name });
    const slider = element("input", { type: "range", min: 0, max: 100, step: 1, "aria-label": `${name}, percentile` });
    const say = () => {
      const share = Math.round(100 * shareBelow(ordered, row[i]));
      output.textContent = Number.isNaN(row[i]) ? "empty" : `above ${share} %`;
      if (document.activeElement !== slider) slider.value = share;
      if (document.activeElement !== number) number.value = Number.isNaN(row[i]) ? "" : Number(row[i].toPrecision(6));
    };
    number.addEventListener("input", () => { row[i] = number.value === "" ? NaN : Number(number.value); say(); changed(); });
    slider.addEventListener("input", () => { row[i] = valueAt(ordered, Number(slider.value) / 100); say(); changed(); });
    const range = ordered.length ? `${formatNumber(ordered[0])} to ${formatNumber(ordered[ordered.length - 1])}` : "";
    return { box: element("div", { class: "field" }, [element("span", { class: "name", text: name, title: `${name}: ${range}` }), number, slider, output]), say };
  });
  const show = () => fields.forEach((/** @type {{say: () => void}} */ field) => field.say());
  const boxes = fields.map((/** @type {{box: HTMLElement}} */ field) => field.box), rest = boxes.slice(FIRST);
  show();
  return { box: element("div", { id: "form" }, [element("div", { class: "fields" }, boxes.slice(0, FIRST)),
    ...(rest.length ? [element("details", {}, [element("summary", { text: `${rest.length} more columns` }), element("div", { class: "fields" }, rest)])] : [])]), show };
}
