// Dots by group: the class, coloured as in the figures, or a column of categories or booleans, with names and each item's group.
import { categoryOf, wordsOf } from "./columns.js";
import { classColours } from "./colours.js";

/** @typedef {{names: string[], of: Int32Array, colours: string[], counts: number[]}} Group */

/** What the dots are coloured by, where that is a group; null where it is a number or nothing. @param {any} app @returns {Group | null} */
export function groupOf(app) {
  const { data, state } = app;
  app.groups ??= new Map();
  if (!app.groups.has(state.colour)) app.groups.set(state.colour, made(app, namesAndPlaces(data, state.colour)));
  return app.groups.get(state.colour);
}

/** @param {import("./model.js").Data} data @param {string} colour @returns {[string[], Int32Array] | null} */
function namesAndPlaces(data, colour) {
  if (colour === "class") return data.labels && [data.facts.classes, /** @type {Int32Array} */ (data.labels)];
  const field = /^\d+$/.test(colour) ? data.fields[Number(colour)] : null;
  if (field?.kind === "category") return [field.categories || [], Int32Array.from({ length: data.n }, (_, item) => categoryOf(field, data.row(item)))];
  if (field?.kind === "boolean") return [wordsOf(field), Int32Array.from({ length: data.n }, (_, item) => { const value = data.row(item)[field.begin]; return Number.isNaN(value) ? -1 : Number(value >= 0.5); })];
  return null;
}

/** @param {any} app @param {[string[], Int32Array] | null} found @returns {Group | null} */
function made({ data, models }, found) {
  if (!found) return null;
  const [names, of] = found, { facts } = data, { seen } = models[0], sums = names.map(() => [0, 0, 0]);
  for (let item = 0; item < data.n; item++) if (of[item] >= 0) [seen[2 * item], seen[2 * item + 1], 1].forEach((value, i) => (sums[of[item]][i] += value));
  return { names, of, colours: names === facts.classes ? facts.colours : classColours(sums.map(([x, y, count]) => [x / (count || 1), y / (count || 1)])), counts: sums.map(([, , count]) => count) };
}
