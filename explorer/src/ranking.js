// Items in order of error or distance: filters, a strip of the first, and the order that every part of the page shares.
import { element, fill, place } from "./dom.js";
import { itemButton } from "./panels.js";
import { drawTable, figures, makeTable } from "./table.js";

const STRIP = 34, CARDS = 16; // two whole rows where the page is widest, of pictures and of tables
/** @type {Record<string, string>} */
const ORDERS = { error: "largest error", uncertainty: "farthest from the data", pca: "largest PCA error", change: "largest change of rank against PCA" };

/** Places in an order from the largest down, 1 first. @param {number[]} items @param {ArrayLike<number>} values @param {number} total */
export function placesIn(items, values, total) {
  const places = new Float64Array(total);
  [...items].sort((a, b) => values[b] - values[a]).forEach((item, at) => (places[item] = at + 1));
  return places;
}

/** @param {any} app @returns {number[]} */
export function ranked(app) {
  const { model, data, state } = app, all = Array.from({ length: data.total }, (_, item) => item);
  if (app.rankedFor !== model) {
    const [ours, pca] = [placesIn(all, model.errors, data.total), placesIn(all, model.pcaErrors, data.total)];
    app.change = ours.map((rank, item) => pca[item] - rank); // above 0: ranked nearer to the top than by PCA
    app.rankedFor = model;
  }
  const items = all.filter((item) => app.visible(item)), way = state.up ? -1 : 1;
  if (state.rank === "name") return items.sort((a, b) => way * data.name(a).localeCompare(data.name(b), "en", { numeric: true }));
  const values = { error: model.errors, uncertainty: model.uncertainties, pca: model.pcaErrors, change: app.change.map(Math.abs) }[/** @type {string} */ (state.rank)];
  return items.sort((a, b) => way * (values[b] - values[a]));
}

/** What is made once: orders, filters, and where strip and table go. @param {any} app */
export function makeRanking(app) {
  const { data, state } = app, { classes, labelName } = data.facts;
  const choices = element("div", { class: "row", role: "group", "aria-label": "order" }, Object.entries(ORDERS).map(([rank, text]) =>
    element("button", { type: "button", text, "data-rank": rank, onclick: () => app.set({ rank, up: false }) })));
  const find = element("input", { type: "search", id: "find", "aria-label": `only ${app.what}s whose name contains`, placeholder: "Filter by name", oninput: () => app.set({ find: find.value }) });
  const classOf = element("select", { id: "only", "aria-label": `only one ${labelName}`, onchange: () => app.set({ only: Number(classOf.value) }) },
    [element("option", { value: "-1", text: `every ${labelName}` }), ...classes.map((/** @type {string} */ name, /** @type {number} */ index) => element("option", { value: index, text: name }))]);
  find.value = state.find;
  fill("ranking", element("div", { class: "row spread" }, [choices, element("div", { class: "row" }, [...(classes.length > 1 ? [classOf] : []), find])]),
    element("div", { class: "strip", id: "strip" }), element("p", { id: "none-found", class: "small", text: `No ${app.what} passes these filters.`, hidden: true }), makeTable(app));
}

/** @param {any} app */
export function drawRanking(app) {
  const { state, data } = app, order = (app.order = ranked(app)), only = place("only");
  const by = /** @type {"error" | "uncertainty" | "pca" | "change"} */ (state.rank === "name" ? "error" : state.rank);
  for (const button of place("ranking").querySelectorAll("[data-rank]")) button.setAttribute("aria-pressed", String(state.rank === button.dataset.rank && !state.up));
  if (only) only.value = state.only;
  if (document.activeElement?.id !== "find") place("find").value = state.find;
  fill("strip", ...order.slice(0, data.drawn ? STRIP : CARDS).map((item) => itemButton(app, item, () => app.select(item), figures(app, item)[by])));
  place("none-found").hidden = order.length > 0;
  drawTable(app);
}

/** The selected item's entries, in every list, where the lists themselves stay. @param {any} app */
export function markCurrent({ state }) {
  for (const entry of document.querySelectorAll("[data-item]")) {
    if (Number(entry.getAttribute("data-item")) === state.item) entry.setAttribute("aria-current", "true");
    else entry.removeAttribute("aria-current");
  }
}
