// The dots: held-out items by group, number or nothing; training codes by a cross; names where their groups are densest.
import { GREY, contrast, ramp } from "./colours.js";

const GLYPHS = 1500, LARGE = 3000, NAMES = 40, HIGH = 17, CELL = 30; // pixels: a name's line, and cells in which items are counted
const WORDS = 140, WORDS_TRIED = 1500; // named at once
const CROWDED = 9; // classes from which a name is drawn small

/** A fixed place across a lane, in [-1/2, 1/2). @param {number} item */
export const jitter = (item) => ((item * 0.618034) % 1) - 0.5;

/** @param {any} map @param {any} pen @param {string} faint */
export function drawTraining(map, pen, faint) {
  const { model } = map, z = new Float64Array(model.size);
  pen.strokeStyle = faint;
  pen.lineWidth = 1;
  pen.beginPath();
  for (let row = 0; row < model.nKnown; row++) {
    for (let i = 0; i < model.size; i++) z[i] = model.known[i * model.nKnown + row];
    const [x, y] = map.toScreen(model.along(z, 0), map.line ? map.track + 0.6 * jitter(row) : model.along(z, 1));
    pen.moveTo(x - 2, y - 2);
    pen.lineTo(x + 2, y + 2);
    pen.moveTo(x - 2, y + 2);
    pen.lineTo(x + 2, y - 2);
  }
  pen.stroke();
}

/** Dots; the group's own glyph where there is room; other dots fade with distance from the slice. @param {any} map @param {any} pen @param {string} ink */
export function drawPoints(map, pen, ink) {
  const { app, model } = map, { data, isolated } = app, large = data.n > LARGE, group = app.group;
  const glyphs = group && data.n <= GLYPHS && group.names.every((/** @type {string} */ name) => name.length === 1);
  const off = model.size > 2 ? offSlice(map) : null, paper = getComputedStyle(document.body).getPropertyValue("--paper");
  const pale = (group?.colours || []).map((/** @type {string} */ tint) => contrast(tint, paper) < 3); // they need an edge
  pen.font = "600 11px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.strokeStyle = ink;
  for (let item = 0; item < data.total; item++) {
    if (!app.visible(item)) continue;
    const [x, y] = map.spots[item], of = group && item < data.n ? group.of[item] : -1;
    if (x < -9 || x > map.side + 9 || y < -9 || y > map.height + 9) continue;
    const apart = (isolated >= 0 && of !== isolated) || (app.chosen && !app.chosen[item]);
    pen.globalAlpha = (off ? Math.max(0.15, Math.exp(-0.5 * off[item] ** 2)) : large ? 0.6 : 0.9) * (apart ? 0.15 : 1);
    pen.fillStyle = colour(map, item, of);
    if (item >= data.n) {
      pen.lineWidth = 1.5;
      pen.strokeRect(x - 4, y - 4, 8, 8);
    } else if (glyphs && of >= 0) {
      pen.lineWidth = 0.5;
      if (pale[of]) pen.strokeText(group.names[of], x, y);
      pen.fillText(group.names[of], x, y);
    } else if (large) pen.fillRect(x - 1.5, y - 1.5, 3, 3);
    else {
      pen.lineWidth = 0.8;
      pen.beginPath();
      pen.arc(x, y, 3.5, 0, 2 * Math.PI);
      pen.fill();
      pen.stroke();
    }
  }
  pen.globalAlpha = 1;
}

/** How many deviations each item lies off the slice. @param {any} map */
function offSlice({ model, app }) {
  const z = app.base, { size, codes, seen } = model, here = [model.along(z, 0), model.along(z, 1)], off = new Float64Array(app.data.total);
  const scale = model.facts.deviation.reduce((/** @type {number} */ sum, /** @type {number} */ value) => sum + value * value, 0) || 1;
  for (let item = 0; item < off.length; item++) {
    let square = -((seen[2 * item] - here[0]) ** 2) - (seen[2 * item + 1] - here[1]) ** 2;
    for (let i = 0; i < size; i++) square += (codes[item * size + i] - z[i]) ** 2;
    off[item] = Math.sqrt(Math.max(0, square) / scale);
  }
  return off;
}

/**
 * Where a name can stand without touching another: at its place, or a line above or below; null where there is no room.
 * @param {number[][]} drawn middle, height and half width of those already there @param {number[]} at @param {number} half
 * @returns {number[] | null}
 */
export function freePlace(drawn, [x, y], half) {
  const free = (/** @type {number} */ h) => drawn.every(([other, height, reach]) => Math.abs(other - x) >= reach + half || Math.abs(height - h) >= HIGH);
  const height = [0, -HIGH, HIGH, -2 * HIGH, 2 * HIGH].map((by) => y + by).find(free);
  return height === undefined ? null : [x, height];
}

/** The spot where a group's items are densest and others fewest: the middle of its items in the best three cells by three. @param {Map<string, number[]>} cells @param {Map<string, number>} all */
function densest(cells, all) {
  let best = -Infinity, found = [0, 0];
  for (const key of cells.keys()) {
    const [cx, cy] = key.split(",").map(Number), sum = [0, 0, 0];
    let others = 0;
    for (let dx = -1; dx <= 1; dx++) for (let dy = -1; dy <= 1; dy++) {
      const near = `${cx + dx},${cy + dy}`;
      (cells.get(near) || [0, 0, 0]).forEach((value, i) => (sum[i] += value));
      others += all.get(near) || 0;
    }
    const score = sum[2] - 0.5 * (others - sum[2]);
    if (score > best) [best, found] = [score, [sum[0] / sum[2], sum[1] / sum[2]]];
  }
  return found;
}

/** Names of the groups, each among its own items in view, the largest group first; one that would cover another, or an end of the path, is left to the legend. @param {any} map @param {any} pen @param {string} ink */
export function drawNames(map, pen, ink) {
  const { app, spots } = map, { data } = app, group = app.group, names = group?.names || [];
  const one = app.isolated >= 0 ? app.isolated : app.state.colour === "class" ? app.state.only : -1;
  if (names.length < 2 || map.line) return;
  const only = names.length > NAMES ? one : -1;
  if (names.length > NAMES && only < 0) return; // too many: the chosen one alone
  /** @type {Map<number, Map<string, number[]>>} */ const counted = new Map();
  /** @type {Map<string, number>} */ const all = new Map();
  for (let item = 0; item < data.n; item++) {
    const of = group.of[item];
    if (of < 0 || !app.visible(item) || (one >= 0 && of !== one) || !map.framed(spots[item]).inside) continue;
    const key = `${Math.floor(spots[item][0] / CELL)},${Math.floor(spots[item][1] / CELL)}`, cells = counted.get(of) || new Map();
    const cell = cells.get(key) || [0, 0, 0];
    cells.set(key, [cell[0] + spots[item][0], cell[1] + spots[item][1], cell[2] + 1]);
    counted.set(of, cells);
    all.set(key, (all.get(key) || 0) + 1);
  }
  pen.font = `700 ${names.length > CROWDED && names.some((/** @type {string} */ name) => name.length > 2) ? 12 : 15}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.lineWidth = 4;
  pen.lineJoin = "round";
  pen.strokeStyle = getComputedStyle(document.body).getPropertyValue("--paper");
  pen.fillStyle = ink;
  const ends = [app.state.a, app.state.b].filter((item) => item >= 0).map((item) => map.end(item));
  /** @type {number[][]} */ const drawn = ends.map(([x, y]) => [x, y, 12]); // the rings of A and B stay in sight
  const size = (/** @type {Map<string, number[]>} */ cells) => [...cells.values()].reduce((sum, cell) => sum + cell[2], 0);
  for (const [of, cells] of [...counted].sort((a, b) => size(b[1]) - size(a[1]))) {
    const [x, y] = densest(cells, all), words = shortened(names[of]), half = pen.measureText(words).width / 2;
    const at = freePlace(drawn, [Math.min(map.side - half - 14, Math.max(half + map.margin.left + 2, x)), Math.max(map.margin.top + 10, y)], half);
    if (!at) continue;
    drawn.push([...at, half]);
    pen.strokeText(words, at[0], at[1]);
    pen.fillText(words, at[0], at[1]);
  }
}

/** The share of values in order that are smaller. @param {Float64Array} order @param {number} value */
function placeIn(order, value) {
  let low = 0, high = order.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (order[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low / Math.max(1, order.length - 1);
}

/** Items that are words, named beside their dots: those nearest to the place selected first, and as many as have room. @param {any} map @param {any} pen @param {string} ink */
export function drawWords(map, pen, ink) {
  const { app, spots } = map, { data } = app, [px, py] = map.place();
  const near = Array.from({ length: data.n }, (_, item) => item).filter((item) => app.visible(item) && map.framed(spots[item]).inside)
    .map((item) => [Math.hypot(spots[item][0] - px, spots[item][1] - py), item]).sort((a, b) => a[0] - b[0]).slice(0, WORDS_TRIED);
  pen.font = "12px system-ui, sans-serif";
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  pen.lineWidth = 3;
  pen.lineJoin = "round";
  pen.strokeStyle = getComputedStyle(document.body).getPropertyValue("--paper");
  pen.fillStyle = ink;
  /** @type {number[][]} */ const drawn = [];
  for (const [, item] of near) {
    const [x, y] = spots[item], words = shortened(data.facts.ids[item]), half = pen.measureText(words).width / 2 + 3, at = [x + 6 + half, y];
    if (at[0] + half > map.side || drawn.length >= WORDS || drawn.some(([other, height, reach]) => Math.abs(other - at[0]) < reach + half && Math.abs(height - y) < HIGH)) continue;
    drawn.push([...at, half]);
    pen.strokeText(words, x + 6, y);
    pen.fillText(words, x + 6, y);
  }
}

/** @param {string} name */
export const shortened = (name) => (name.length > 18 ? `${name.slice(0, 17)}…` : name);

/** @param {any} map @param {number} item @param {number} of its group */
function colour({ app, model }, item, of) {
  const { data, state } = app, field = /^\d+$/.test(state.colour) ? data.fields[Number(state.colour)] : null;
  if (state.colour === "error") return ramp(1 - model.betterThan[item]);
  if (state.colour === "uncertainty") return ramp(model.uncertainties[item]);
  const measure = data.measures.find((/** @type {any} */ one) => one.name === state.colour);
  if (measure) return item >= data.n || Number.isNaN(measure.values[item]) ? "transparent" : ramp(measure.kind === "date" ? (measure.values[item] - measure.order[0]) / (measure.order[measure.order.length - 1] - measure.order[0] || 1) : placeIn(measure.order, measure.values[item]));
  if (app.group) {
    if (of < 0) return item < data.n ? "transparent" : GREY;
    return state.colour === "class" && state.only >= 0 && of !== state.only ? GREY : app.group.colours[of];
  }
  if (!field) return GREY;
  const share = data.share(field.begin, item);
  return Number.isNaN(share) ? "transparent" : ramp(share);
}
