// The dots: held-out items by class, number or nothing; training codes by a cross; class names where their items are.
import { classColours, contrast, ramp } from "./colours.js";

const GLYPHS = 1500, LARGE = 3000, NAMES = 20, HIGH = 15, PUSHED = 4.5 * HIGH; // pixels: a name's line, and how far from its items it may stand
const GREY = "#8a9099";

/** A fixed place across the strip. @param {number} item */
export const jitter = (item) => (((item * 0.618034) % 1) - 0.5) * 1.2;

/** @param {any} map @param {any} pen @param {string} faint */
export function drawTraining(map, pen, faint) {
  const { model } = map, z = new Float64Array(model.size);
  pen.strokeStyle = faint;
  pen.lineWidth = 1;
  pen.beginPath();
  for (let row = 0; row < model.nKnown; row++) {
    for (let i = 0; i < model.size; i++) z[i] = model.known[i * model.nKnown + row];
    const [x, y] = map.toScreen(model.along(z, 0), map.line ? jitter(row) : model.along(z, 1));
    pen.moveTo(x - 2, y - 2);
    pen.lineTo(x + 2, y + 2);
    pen.moveTo(x - 2, y + 2);
    pen.lineTo(x + 2, y - 2);
  }
  pen.stroke();
}

/** Dots; the class's own glyph where there is room; other dots fade with distance from the slice. @param {any} map @param {any} pen @param {string} ink */
export function drawPoints(map, pen, ink) {
  const { app, model } = map, { data, state, isolated } = app, { classes } = data.facts, large = data.n > LARGE;
  const glyphs = state.colour === "class" && classes.length && classes.every((/** @type {string} */ name) => name.length === 1) && data.n <= GLYPHS;
  const colours = classColours(classes.length, isolated >= 0 ? isolated : state.only), off = model.size > 2 ? offSlice(map) : null;
  const paper = getComputedStyle(document.body).getPropertyValue("--paper"), pale = colours.map((tint) => contrast(tint, paper) < 3); // they need an edge
  pen.font = "600 11px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.strokeStyle = ink;
  for (let item = 0; item < data.total; item++) {
    if (!app.visible(item)) continue;
    const [x, y] = map.spots[item], apart = isolated >= 0 && (item >= data.n || data.labels[item] !== isolated);
    pen.globalAlpha = (off ? Math.max(0.15, Math.exp(-0.5 * off[item] ** 2)) : large ? 0.6 : 0.9) * (apart ? 0.15 : 1);
    pen.fillStyle = colour(map, item, colours);
    if (item >= data.n) {
      pen.lineWidth = 1.5;
      pen.strokeRect(x - 4, y - 4, 8, 8);
    } else if (glyphs) {
      pen.lineWidth = 0.5;
      if (pale[data.labels[item]]) pen.strokeText(data.label(item), x, y);
      pen.fillText(data.label(item), x, y);
    }
    else if (large) pen.fillRect(x - 1.5, y - 1.5, 3, 3);
    else {
      pen.lineWidth = 1;
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
  const { z } = app.state, { size, codes, seen } = model, here = [model.along(z, 0), model.along(z, 1)], off = new Float64Array(app.data.total);
  const scale = model.facts.deviation.reduce((/** @type {number} */ sum, /** @type {number} */ value) => sum + value * value, 0) || 1;
  for (let item = 0; item < off.length; item++) {
    let square = -((seen[2 * item] - here[0]) ** 2) - (seen[2 * item + 1] - here[1]) ** 2;
    for (let i = 0; i < size; i++) square += (codes[item * size + i] - z[i]) ** 2;
    off[item] = Math.sqrt(Math.max(0, square) / scale);
  }
  return off;
}

/**
 * The height for a name below those already there (middle, height, half width) that it would lie on.
 * @param {number[][]} drawn @param {number} at @param {number} down @param {number} half
 */
export function freeHeight(drawn, at, down, half) {
  const covered = () => drawn.find(([other, height, reach]) => Math.abs(other - at) < reach + half && Math.abs(height - down) < HIGH - 0.01); // (h + HIGH) - h may be less than HIGH
  for (let other = covered(); other; other = covered()) down = other[1] + HIGH;
  return down;
}

/** @param {any} map @param {any} pen @param {string} ink */
export function drawNames(map, pen, ink) {
  const { app, spots } = map, { data } = app, { classes } = data.facts, paper = getComputedStyle(document.body).getPropertyValue("--paper");
  if (classes.length < 2 || (classes.length > NAMES && app.isolated < 0 && app.state.only < 0)) return; // too many: the chosen one alone
  /** @type {number[][]} */ const sums = classes.map(() => [0, 0, 0]);
  for (let item = 0; item < data.n; item++) {
    if (!app.visible(item) || (app.isolated >= 0 && data.labels[item] !== app.isolated) || !map.framed(spots[item]).inside) continue;
    const sum = sums[data.labels[item]];
    sum[0] += spots[item][0];
    sum[1] += spots[item][1];
    sum[2]++;
  }
  pen.font = "700 15px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.lineWidth = 4;
  pen.lineJoin = "round";
  pen.strokeStyle = paper;
  pen.fillStyle = ink;
  if (map.line) { // all lie at the same height: by turns on three
    const across = sums.filter((/** @type {number[]} */ sum) => sum[2]).sort((a, b) => a[0] / a[2] - b[0] / b[2]);
    across.forEach((sum, k) => (sum[1] = sum[2] * (map.height * 0.16 + 18 * (k % 3))));
  }
  /** @type {number[][]} */ const drawn = [];
  classes.forEach((/** @type {string} */ name, /** @type {number} */ index) => {
    const [x, y, count] = sums[index], words = name.length > 18 ? `${name.slice(0, 17)}…` : name;
    if (!count) return;
    const half = pen.measureText(words).width / 2, at = Math.min(map.side - half - 14, Math.max(half + 46, x / count));
    const down = freeHeight(drawn, at, y / count, half);
    if (down - y / count > PUSHED && !map.line) return; // no room near its items: the legend has it, and shows it alone
    drawn.push([at, down, half]);
    pen.strokeText(words, at, down);
    pen.fillText(words, at, down);
  });
}

/** @param {any} map @param {number} item @param {string[]} colours */
function colour({ app, model }, item, colours) {
  const { data, state } = app;
  if (state.colour === "error") return ramp(1 - model.betterThan[item]);
  if (state.colour === "uncertainty") return ramp(model.uncertainties[item]);
  if (state.colour === "class" && data.labels && item < data.n) return colours[data.labels[item]];
  if (/^\d+$/.test(state.colour)) {
    const share = data.share(Number(state.colour), item);
    return Number.isNaN(share) ? "transparent" : ramp(share);
  }
  return GREY;
}
