// What is being looked at, and the same as the text of the address, so a link shows the same.

/**
 * @typedef {{tab: number, z: number[], item: number, a: number, b: number, t: number, only: number,
 *   colour: string, points: boolean, decodes: boolean, uncertainty: boolean, training: boolean, trip: boolean, morph: boolean,
 *   rank: string, up: boolean, find: string, circle: boolean, given: number}} State
 */

const LAYERS = /** @type {const} */ (["points", "decodes", "uncertainty", "trip", "training", "morph"]);
const RANKS = ["error", "uncertainty", "pca", "change", "name"];

/** @returns {State} */
export const initial = () => ({
  tab: 0, z: [], item: -1, a: -1, b: -1, t: 0, only: -1, colour: "class",
  points: true, decodes: false, uncertainty: true, training: false, trip: false, morph: true,
  rank: "error", up: false, find: "", circle: false, given: -1,
});

/** @param {State} state */
export function toHash(state) {
  const parts = [`tab=${state.tab}`];
  if (state.item >= 0) parts.push(`item=${state.item}`);
  else parts.push(`z=${state.z.join(",")}`);
  if (state.a >= 0) parts.push(`a=${state.a}`);
  if (state.b >= 0) parts.push(`b=${state.b}`);
  if (state.a >= 0 && state.b >= 0) parts.push(`t=${Number(state.t.toFixed(3))}`);
  if (state.only >= 0) parts.push(`only=${state.only}`);
  if (state.circle) parts.push("circle=1");
  if (state.up) parts.push("up=1");
  if (state.given >= 0) parts.push(`given=${state.given}`);
  if (state.find) parts.push(`find=${encodeURIComponent(state.find)}`);
  parts.push(`colour=${encodeURIComponent(state.colour)}`, `rank=${state.rank}`);
  parts.push(`layers=${LAYERS.filter((name) => state[name]).join(",")}`);
  return `#${parts.join("&")}`;
}

/** Whatever of a hash makes sense; the rest is left as it was. @param {string} hash @param {State} before @param {{total: number, tabs: number, sizes: number[], classes: number, colours: string[], conditions?: number}} bounds */
export function fromHash(hash, before, bounds) {
  const given = new URLSearchParams(hash.replace(/^#/, "")), state = { ...before };
  const whole = (/** @type {string} */ name, /** @type {number} */ end, /** @type {number} */ fallback) => {
    const value = Number(given.get(name));
    return given.has(name) && Number.isInteger(value) && value >= 0 && value < end ? value : fallback;
  };
  state.tab = whole("tab", bounds.tabs, state.tab);
  state.item = whole("item", bounds.total, state.item);
  state.a = whole("a", bounds.total, -1);
  state.b = whole("b", bounds.total, -1);
  state.only = whole("only", bounds.classes, -1);
  state.given = whole("given", bounds.conditions ?? 0, -1);
  state.circle = given.get("circle") === "1";
  state.up = given.get("up") === "1";
  state.find = given.get("find") || "";
  const t = Number(given.get("t"));
  if (given.has("t") && t >= 0 && t <= 1) state.t = t;
  const z = (given.get("z") || "").split(",").map(Number);
  if (given.has("z") && z.length === bounds.sizes[state.tab] && z.every(Number.isFinite)) Object.assign(state, { z, item: -1 });
  if (bounds.colours.includes(given.get("colour") || "")) state.colour = /** @type {string} */ (given.get("colour"));
  if (RANKS.includes(given.get("rank") || "")) state.rank = /** @type {string} */ (given.get("rank"));
  if (given.has("layers")) for (const name of LAYERS) state[name] = (given.get("layers") || "").split(",").includes(name);
  return state;
}
