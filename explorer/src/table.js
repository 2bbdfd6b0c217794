// Every item as a row of a table that sorts by its columns: the way to each dot that needs no map.
import { element, fill, place, formatError } from "./dom.js";

const ROWS = 100;
const COLUMNS = /** @type {const} */ ([["name", "name"], ["error", "squared error"], ["uncertainty", "distance, percentile"], ["pca", "PCA's error"], ["change", "rank against PCA"]]);

/** @param {any} app */
export function makeTable(app) {
  const heads = COLUMNS.map(([rank, text]) => element("th", { scope: "col", "data-sort": rank, class: rank === "name" ? null : "number" },
    [element("button", { type: "button", class: "sort", text, onclick: () => app.set({ rank, up: app.state.rank === rank && !app.state.up }) })]));
  const head = element("thead", {}, [element("tr", {}, [element("th", { scope: "col", class: "number", text: "rank" }), ...heads])]);
  const more = element("button", { type: "button", id: "more-rows", onclick: () => { app.tableRows += 500; drawTable(app); } });
  app.tableRows = ROWS;
  const box = element("details", { ontoggle: () => drawTable(app) }, [element("summary", { id: "table-summary" }),
    element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": `table of ${app.what}s` }, [element("table", { id: "table" }, [head, element("tbody", { id: "table-rows" })]), more])]);
  return box;
}

/** How many of the data are listed, and how many that are made up. @param {any} app */
function listed({ order, data, what }) {
  const own = order.filter((/** @type {number} */ item) => item < data.n).length, made = order.length - own;
  return `${own.toLocaleString("en")} ${what}${own === 1 ? "" : "s"}${made ? ` and ${made} made up` : ""}`;
}

/** What an item is ranked by, in words. @param {any} app @param {number} item */
export function figures({ model, change }, item) {
  const moved = change[item];
  return {
    error: formatError(model.errors[item]),
    uncertainty: `${Math.round(100 * model.uncertainties[item])}%`,
    pca: formatError(model.pcaErrors[item]),
    change: moved === 0 ? "=" : `${moved > 0 ? "▲" : "▼"} ${Math.abs(moved)}`,
  };
}

/** @param {any} app */
export function drawTable(app) {
  const { data, state, order } = app, table = place("table"), shown = Math.min(app.tableRows, order.length);
  fill("table-summary", `Table of ${listed(app)}`);
  if (!table.closest("details").open) return;
  for (const head of table.querySelectorAll("[data-sort]")) head.setAttribute("aria-sort", state.rank !== head.dataset.sort ? "none" : state.up === (state.rank !== "name") ? "ascending" : "descending");
  fill("table-rows", ...order.slice(0, shown).map((/** @type {number} */ item, /** @type {number} */ at) => {
    const { error, uncertainty, pca, change } = figures(app, item), numbers = [error, uncertainty, pca, change];
    const name = element("td", {}, [element("button", { type: "button", text: data.name(item), onclick: () => app.select(item) })]);
    return element("tr", { "data-item": item, "aria-current": item === state.item ? "true" : null, onpointerenter: () => app.hint(item), onpointerleave: () => app.hint(-1) },
      [element("td", { class: "number", text: at + 1 }), name, ...numbers.map((text) => element("td", { class: "number", text }))]);
  }));
  const rest = order.length - shown, more = place("more-rows");
  if (rest <= 0 && document.activeElement === more) table.closest(".scroll").focus();
  more.hidden = rest <= 0;
  more.textContent = `${Math.min(500, rest)} more rows`;
}
