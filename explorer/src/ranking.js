// Items in order of what is odd about them: a strip of the first, and a table of all as an equal route to every dot.
import { element, fill, said } from "./dom.js";
import { itemButton } from "./panels.js";

const STRIP = 24, TABLE = 200;
const ORDERS = { error: "largest error", doubt: "farthest from the data", pca: "largest PCA error", change: "largest change of rank" };

/** @param {any} app @returns {number[]} */
export function ranked(app) {
  const { model, data, state } = app, items = Array.from({ length: data.total }, (_, i) => i).filter((i) => app.visible(i));
  const by = (/** @type {ArrayLike<number>} */ values) => (/** @type {number} */ a, /** @type {number} */ b) => values[b] - values[a];
  const place = (/** @type {ArrayLike<number>} */ values) => {
    const rank = new Float64Array(data.total);
    [...items].sort(by(values)).forEach((item, at) => (rank[item] = at + 1));
    return rank;
  };
  app.ranks = [place(model.errors), place(model.pcaErrors)];
  const change = app.ranks[0].map((/** @type {number} */ rank, /** @type {number} */ i) => Math.abs(rank - app.ranks[1][i]));
  return items.sort(by({ error: model.errors, doubt: model.doubts, pca: model.pcaErrors, change }[/** @type {string} */ (state.rank)]));
}

/** @param {any} app */
export function drawRanking(app) {
  const { model, data, state } = app, order = (app.order = ranked(app));
  const choices = element("div", { class: "row", role: "group", "aria-label": "order" }, Object.entries(ORDERS).map(([rank, text]) =>
    element("button", { type: "button", text, "aria-pressed": String(state.rank === rank), onclick: () => app.set({ rank }) })));
  const rows = order.slice(0, TABLE).map((item, at) => element("tr", {}, [
    element("td", { class: "number", text: at + 1 }),
    element("td", {}, [element("button", { type: "button", text: data.name(item), onclick: () => app.select(item) })]),
    ...[said(model.errors[item]), `${Math.round(100 * model.doubts[item])} %`, said(model.pcaErrors[item]), String(app.ranks[1][item] - app.ranks[0][item])].map((text) => element("td", { class: "number", text })),
  ]));
  const head = ["place", "item", "error", "distance, quantile", "PCA error", "rank change"].map((text) => element("th", { scope: "col", text }));
  fill("ranking", choices, element("div", { class: "strip", id: "strip" }, order.slice(0, STRIP).map((item) => itemButton(app, item, () => app.select(item)))),
    element("details", {}, [element("summary", { text: `Table view${order.length > TABLE ? `, the first ${TABLE} of ${order.length}` : ""}` }),
      element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "table of items" }, [element("table", {}, [element("thead", {}, [element("tr", {}, head)]), element("tbody", {}, rows)])])]));
}
