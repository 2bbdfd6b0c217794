// The row at the place selected as a table: the columns that tell most first, or by error; searchable, in the data's own units.
import { categoryOf, cellText, deviation, errorOf } from "./columns.js";
import { element, fill, place } from "./dom.js";

const FIRST = 12;
/** @type {Record<string, string>} */
const ORDERS = { telling: "most telling on the map", error: "largest error", far: "farthest from the mean", table: "as in the data" };

/** The controls, made once. @param {any} app */
export function makeRowTable(app) {
  const { data } = app;
  if (data.drawn) return;
  app.columns = { order: "telling", find: "", all: false };
  const again = (/** @type {any} */ change) => {
    Object.assign(app.columns, change);
    drawRowTable(app);
  };
  const order = element("select", { id: "column-order", "aria-label": "order of the columns", onchange: () => again({ order: order.value }) }, Object.entries(ORDERS).map(([value, text]) => element("option", { value, text })));
  const find = element("input", { type: "search", id: "column-find", placeholder: "Find a column", "aria-label": "only columns whose name contains", oninput: () => again({ find: find.value }) });
  const more = element("button", { type: "button", id: "more-columns", onclick: () => again({ all: !app.columns.all }) });
  const head = element("tr", {}, [["column"], ["range of the data"], ["original", "number"], ["decoded", "number"]].map(([text, kind]) => element("th", { scope: "col", class: kind, text })));
  place("trio").classList.add("table");
  place("trio").replaceChildren(element("div", { class: "row spread" }, [element("label", {}, ["columns", order]), ...(data.fields.length > 5 ? [find] : [])]),
    element("table", { class: "bars" }, [element("thead", {}, [head]), element("tbody", { id: "row-table" })]), element("p", { id: "no-column", class: "small", text: "No column has these letters in its name.", hidden: true }), more);
}

/** @param {any} app @param {ArrayLike<number> | null} row @param {ArrayLike<number>} again */
function ordered({ data, model, columns }, row, again) {
  const words = columns.find.trim().toLowerCase(), { fields } = data, shown = row || again;
  /** @type {Record<string, (i: number) => number>} */
  const worth = { error: (i) => (row ? errorOf(model, fields[i], row, again) : 0), far: (i) => Math.abs(deviation(data, fields[i], shown)) };
  const all = columns.order === "telling" ? model.telling : [...fields.keys()];
  const left = all.filter((/** @type {number} */ i) => fields[i].name.toLowerCase().includes(words)), by = worth[columns.order];
  return by ? left.map((/** @type {number} */ i) => [by(i), i]).sort((/** @type {number[]} */ a, /** @type {number[]} */ b) => b[0] - a[0]).map((/** @type {number[]} */ pair) => pair[1]) : left;
}

/** @param {any} app */
export function drawRowTable(app) {
  const { data, model, state, columns } = app, row = state.item >= 0 ? data.row(state.item) : app.own, again = model.decode(state.z);
  const order = ordered(app, row, again), shown = columns.all ? order : order.slice(0, FIRST), more = place("more-columns");
  fill("row-table", ...shown.map((/** @type {number} */ i) => line(data, data.fields[i], row, again)));
  place("no-column").hidden = order.length > 0;
  more.hidden = order.length <= FIRST;
  more.textContent = columns.all ? `Show the first ${FIRST}` : `Show all ${order.length} columns`;
}

/** @param {import("./model.js").Data} data @param {import("./columns.js").Field} field @param {ArrayLike<number> | null} row @param {ArrayLike<number>} again */
function line(data, field, row, again) {
  const { low, high } = data.reach, { begin } = field;
  const at = field.kind === "category" ? begin + Math.max(0, categoryOf(field, row || again)) : begin;
  const no = field.kind === "boolean" && !((row || again)[begin] >= 0.5); // as of a category, the bar is the share of what the original says
  const share = (/** @type {number} */ whole) => { const value = no ? 1 - whole : whole; return (100 * Math.min(1, Math.max(0, field.kind === "number" || field.kind === "date" ? (value - low[begin]) / (high[begin] - low[begin] || 1) : value))).toFixed(1); };
  const bar = (/** @type {string} */ kind, /** @type {number} */ value) => {
    const made = element("span", { class: `bar ${kind}` });
    made.style.width = Number.isNaN(value) ? "0" : `${share(value)}%`;
    return made;
  };
  return element("tr", {}, [
    element("th", { scope: "row", text: field.name, title: field.name }),
    element("td", { class: "pair" }, [...(row ? [bar("original", row[at])] : []), bar("decoded", again[at])]),
    element("td", { class: "number", text: row ? cellText(data, field, row, true) : "–" }),
    element("td", { class: "number", text: cellText(data, field, again) }),
  ]);
}
