// Many items at once: how many, what distinguishes them from the rest, and their ids as a file.
import { cellText, dateText } from "./columns.js";
import { element, fill, formatError, place } from "./dom.js";
import { overlay } from "./lines.js";
import { picture } from "./pictures.js";

const LINES = 8;

/** Whether a point lies within a closed line. @param {number[]} point @param {number[][]} line */
export function inside([x, y], line) {
  let odd = false;
  for (let i = 0, j = line.length - 1; i < line.length; j = i++) {
    const [[a, b], [c, d]] = [line[i], line[j]];
    if (b > y !== d > y && x < ((c - a) * (y - b)) / (d - b) + a) odd = !odd;
  }
  return odd;
}

/** Mean of each column over the chosen items and over the rest, and their difference in pooled standard deviations (Cohen's d). @param {import("./model.js").Data} data @param {Uint8Array} chosen */
export function effects(data, chosen) {
  const { width, n } = data, shift = data.moments.mean;
  const [count, sum, square] = [0, 1, 2].map(() => [new Float64Array(width), new Float64Array(width)]);
  for (let item = 0; item < n; item++) {
    const side = chosen[item] ? 0 : 1;
    for (let i = 0; i < width; i++) {
      const value = data.rows[item * width + i] - shift[i];
      if (Number.isNaN(value)) continue;
      count[side][i]++;
      sum[side][i] += value;
      square[side][i] += value * value;
    }
  }
  const mean = sum.map((values, side) => values.map((value, i) => value / (count[side][i] || NaN)));
  const size = mean[0].map((value, i) => {
    const within = [0, 1].reduce((total, side) => total + square[side][i] - count[side][i] * (mean[side][i] || 0) ** 2, 0);
    const pooled = Math.sqrt(Math.max(0, within) / Math.max(1, count[0][i] + count[1][i] - 2));
    const off = value - mean[1][i];
    return Number.isNaN(off) || off === 0 ? 0 : pooled > 0 ? off / pooled : Math.sign(off) * Infinity;
  });
  return { chosen: mean[0].map((value, i) => value + shift[i]), rest: mean[1].map((value, i) => value + shift[i]), size };
}

/** @param {any} app */
export function drawChosen(app) {
  const { chosen, data, model } = app, box = place("chosen");
  box.hidden = !chosen && !app.missed;
  if (!chosen) return fill("chosen", ...(app.missed ? [element("h2", { text: `No ${app.what} selected` }), element("p", { class: "small", text: "Nothing lies inside. Draw around dots, or zoom out." })] : []));
  const items = [...chosen.keys()].filter((item) => chosen[item] && item < data.n), { what } = app;
  const middle = (/** @type {number[]} */ of) => of.reduce((sum, item) => sum + model.errors[item], 0) / (of.length || 1);
  const rest = Array.from({ length: data.n }, (_, item) => item).filter((item) => !chosen[item]);
  const buttons = element("span", { class: "row" }, [
    element("button", { type: "button", id: "export-ids", text: "Export ids", onclick: () => download(items.map((item) => data.facts.ids[item])) }),
    element("button", { type: "button", id: "clear-chosen", text: "Clear", onclick: () => app.choose(null) })]);
  fill("chosen", element("div", { class: "row spread" }, [element("h2", { text: `${items.length.toLocaleString("en")} of ${data.n.toLocaleString("en")} ${what}s selected` }), buttons]),
    element("p", { class: "small", text: [...classesOf(app, items), `mean error ${formatError(middle(items))}${rest.length ? `, the rest ${formatError(middle(rest))}` : ""}`].join("; ") + "." }),
    ...(rest.length && items.length ? [data.pictures ? pictures(app) : data.lines ? overlay(data, effects(data, chosen).rest, effects(data, chosen).chosen, ["mean of the rest", "mean of the selection"]) : columns(app)] : []));
}

/** @param {any} app @param {number[]} items */
function classesOf({ data }, items) {
  if (!data.labels) return [];
  const counts = new Map();
  for (const item of items) counts.set(data.label(item), (counts.get(data.label(item)) || 0) + 1);
  const listed = [...counts].sort((a, b) => b[1] - a[1]);
  return [listed.slice(0, 5).map(([name, count]) => `${name} (${count})`).join(", ") + (listed.length > 5 ? ` and ${listed.length - 5} more` : "")];
}

/** @param {any} app */
function pictures({ data, chosen }) {
  const { chosen: mean, rest } = effects(data, chosen), off = mean.map((value, i) => value - rest[i]);
  const most = off.reduce((least, value) => Math.max(least, Math.abs(value)), 0) || 1;
  return element("div", { class: "trio" }, [["mean of the selection", picture(data, mean, { name: "mean of the selection" })], ["mean of the rest", picture(data, rest, { name: "mean of the rest" })],
    ["difference", picture(data, off, { signed: most, name: "difference of the means" })]].map(([name, shown]) => element("figure", {}, [element("figcaption", { text: name }), shown])));
}

/** @param {any} app */
function columns({ data, chosen }) {
  const found = effects(data, chosen);
  const lines = data.fields.map((/** @type {any} */ field) => {
    let at = field.begin;
    for (let i = field.begin; i < field.end; i++) if (Math.abs(found.size[i]) > Math.abs(found.size[at])) at = i;
    const share = (/** @type {number} */ value) => `${Math.round(100 * value)}%`;
    const say = (/** @type {Float64Array} */ mean) => (field.kind === "category" || field.kind === "boolean" ? share(mean[at]) : field.kind === "date" ? dateText(mean[at], field.whole) : cellText(data, { ...field, kind: "number" }, mean));
    const name = field.kind === "category" ? `${field.name}: ${field.categories[at - field.begin]}` : field.name;
    return { name, size: found.size[at], here: say(found.chosen), there: say(found.rest) };
  }).sort((/** @type {any} */ a, /** @type {any} */ b) => Math.abs(b.size) - Math.abs(a.size)).slice(0, LINES);
  const head = element("tr", {}, ["column", "selection", "rest", "effect (sd)"].map((text, i) => element("th", { scope: "col", class: i ? "number" : null, text })));
  return element("table", {}, [element("thead", {}, [head]), element("tbody", {}, lines.map((/** @type {any} */ line) => element("tr", {}, [element("th", { scope: "row", text: line.name }), element("td", { class: "number", text: line.here }), element("td", { class: "number", text: line.there }),
    element("td", { class: "number", text: Number.isFinite(line.size) ? `${line.size < 0 ? "−" : "+"}${Math.abs(line.size).toFixed(2)}` : line.size < 0 ? "below all" : "above all" })])))]);
}

/** @param {string[]} ids */
function download(ids) {
  const cell = (/** @type {string} */ id) => (/[",\n]/.test(id) ? `"${id.replaceAll('"', '""')}"` : id);
  const link = element("a", { href: URL.createObjectURL(new Blob([["id", ...ids.map(cell)].join("\n"), "\n"], { type: "text/csv" })), download: "selected-ids.csv" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
