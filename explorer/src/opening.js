// Where the page opens: a typical item, a path from it, and the colouring that says most.

/** The path that is there to begin with: from where the page opens to a place some way off, of another class. @param {any} app */
export function firstPath({ model, data, state }) {
  const a = state.item;
  if (a < 0) return {};
  const stride = Math.ceil(data.n / 500), z = model.code(a), { deviation } = model.facts;
  const off = (/** @type {number} */ b) => Math.hypot(...model.code(b).map((/** @type {number} */ value, /** @type {number} */ i) => (value - z[i]) / deviation[i]));
  const others = Array.from({ length: Math.floor(data.n / stride) }, (_, k) => k * stride).filter((b) => b !== a && model.uncertainties[b] < 0.95 && (!data.labels || data.labels[b] !== data.labels[a]));
  const ordered = others.map((b) => [off(b), b]).sort((left, right) => left[0] - right[0]);
  return ordered.length ? { a, b: ordered[Math.floor(0.6 * ordered.length)][1] } : {};
}

/** Where the page opens: of the items inside the data, the one whose error is nearest to the middle of all. @param {any} app */
export function typical({ model, data }) {
  const { errors, uncertainties } = model, order = Array.from({ length: data.n }, (_, i) => i).sort((a, b) => errors[a] - errors[b]);
  const middle = Math.floor(order.length / 2), inside = [...order.keys()].filter((at) => uncertainties[order[at]] < 0.95);
  return order[inside.reduce((best, at) => (Math.abs(at - middle) < Math.abs(best - middle) ? at : best), inside[0] ?? middle)];
}

/** Of items without classes: windows by how anomalous they are, what is drawn by its error, table rows by the column that says most. @param {import("./model.js").Data} data @param {import("./model.js").Model} model */
export function firstColour(data, model) {
  const measure = data.measures[data.measures.length - 1];
  return measure ? measure.name : data.drawn || data.facts.noun === "word" ? "error" : String(model.telling[0] ?? "none");
}
