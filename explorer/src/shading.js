// What lies under the dots: density tiles, uncertainty, the prior, a mosaic of decodes, and on a line the density curve.
import { picture } from "./pictures.js";

const GRID = 45, MOSAIC = 16, BINS = 80; // an odd grid: codes all on a line along an axis lie in the middle of cells
const AT_ONCE = 60, SLICE = 12; // milliseconds of work before the page may answer again

/** @param {any} map @param {any} pen @param {string} faint */
export function drawTiles(map, pen, faint) {
  const { tiles, limits } = map.model.facts, side = Math.sqrt(tiles.length), most = Math.max(...tiles);
  pen.fillStyle = faint;
  tiles.forEach((/** @type {number} */ count, /** @type {number} */ i) => {
    if (!count) return;
    const at = (/** @type {number} */ axis, /** @type {number} */ k) => limits[axis][0] + ((limits[axis][1] - limits[axis][0]) * k) / side;
    const [x, y] = map.toScreen(at(0, i % side), at(1, Math.floor(i / side)));
    const [right, top] = map.toScreen(at(0, (i % side) + 1), at(1, Math.floor(i / side) + 1));
    pen.globalAlpha = 0.35 * Math.sqrt(count / most);
    pen.fillRect(x, y, right - x + 0.5, top - y - 0.5);
  });
  pen.globalAlpha = 1;
}

/** Uncertainty over the grid: kept while the view is the same, computed in slices of time, drawn when whole. @param {any} map */
function uncertainties(map) {
  const { app, model } = map, { state } = app, cell = (map.side - map.margin.left - map.margin.right) / GRID;
  const key = `${state.tab} ${state.trip} ${state.given} ${map.span} ${model.size > 2 ? app.base : ""}`;
  if (map.uncertaintyKey === key) return map.uncertainties;
  map.uncertaintyKey = key;
  map.uncertainties = null;
  const found = new Float32Array(map.line ? GRID : GRID * GRID);
  let next = 0;
  const work = (/** @type {number} */ time) => {
    if (map.uncertaintyKey !== key) return;
    const end = performance.now() + time;
    for (; next < found.length; next++) {
      if (next % 8 === 0 && performance.now() > end) return void setTimeout(work, 0, SLICE);
      const [x, y] = map.toPlane(map.margin.left + ((next % GRID) + 0.5) * cell, map.margin.top + (Math.floor(next / GRID) + 0.5) * cell);
      found[next] = model.uncertainty(map.code(x, y));
    }
    map.uncertainties = found;
    if (time === SLICE) map.draw();
  };
  work(AT_ONCE);
  return map.uncertainties;
}

/** Light from the 95% quantile on, hatched beyond the 99%; on a line every row is the same. @param {any} map @param {any} pen @param {string} faint */
export function drawUncertainty(map, pen, faint) {
  const found = uncertainties(map), cell = (map.side - map.margin.left - map.margin.right) / GRID;
  if (!found) return;
  pen.strokeStyle = pen.fillStyle = faint;
  pen.lineWidth = 0.8;
  pen.beginPath();
  pen.globalAlpha = 0.13;
  for (let i = 0; i < GRID * GRID; i++) {
    const uncertainty = found[i % found.length];
    if (uncertainty < 0.95) continue;
    const x = map.margin.left + (i % GRID) * cell, y = map.margin.top + Math.floor(i / GRID) * cell;
    if (y > map.height) break;
    pen.fillRect(x, y, cell, cell);
    if (uncertainty < 0.99) continue;
    pen.moveTo(x, y + cell);
    pen.lineTo(x + cell, y);
  }
  pen.globalAlpha = 0.55;
  pen.stroke();
  pen.globalAlpha = 1;
}

/** Where the prior N(0, I) has its 1 and 2 σ, cut by the slice. @param {any} map @param {any} pen @param {string} faint */
export function drawPrior(map, pen, faint) {
  const { model, app } = map, z = app.base;
  const foot = [0, 1].map((axis) => (axis < model.nAxes ? model.along(new Float64Array(model.size), axis) : 0));
  const away = model.size > 2 ? Math.max(0, z.reduce((/** @type {number} */ sum, /** @type {number} */ v) => sum + v * v, 0) - (model.along(z, 0) - foot[0]) ** 2 - (model.along(z, 1) - foot[1]) ** 2) : 0;
  const [x, y] = map.toScreen(foot[0], foot[1]), scale = map.toScreen(foot[0] + 1, 0)[0] - x;
  pen.strokeStyle = pen.fillStyle = faint;
  pen.lineWidth = 1;
  pen.font = "11px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "bottom";
  for (const sigma of [1, 2]) {
    if (sigma * sigma <= away) continue;
    const radius = Math.sqrt(sigma * sigma - away) * scale;
    pen.setLineDash([4, 4]);
    pen.beginPath();
    if (map.line) for (const side of [-1, 1]) {
      pen.moveTo(x + side * radius, 0);
      pen.lineTo(x + side * radius, map.height);
    } else pen.arc(x, y, radius, 0, 2 * Math.PI);
    pen.stroke();
    pen.fillText(`${sigma} σ`, map.line ? x + radius + 12 : x, map.line ? map.margin.top + 16 : y - radius - 2);
  }
  pen.setLineDash([]);
}

/** A mosaic of decodes, the larger the more is known there; a cell without training codes near is hatched, if uncertainty has not done so. @param {any} map @param {any} pen @param {string} faint */
export function drawDecodes(map, pen, faint) {
  const { app, model } = map, cell = (map.side - map.margin.left - map.margin.right) / MOSAIC;
  pen.imageSmoothingEnabled = false;
  pen.strokeStyle = faint;
  pen.lineWidth = 0.5;
  pen.globalAlpha = app.state.points ? 0.55 : 1;
  for (let i = 0; i < MOSAIC * MOSAIC; i++) {
    const px = map.margin.left + ((i % MOSAIC) + 0.5) * cell, py = map.margin.top + (Math.floor(i / MOSAIC) + 0.5) * cell;
    const [x, y] = map.toPlane(px, py), z = map.code(x, y), uncertainty = model.near(z);
    if (uncertainty >= 0.99) {
      if (!app.state.uncertainty) hatch(pen, px, py, cell);
      continue;
    }
    const size = cell * (uncertainty < 0.5 ? 0.96 : uncertainty < 0.95 ? 0.8 : 0.6);
    pen.drawImage(picture(app.data, model.decode(z)), px - size / 2, py - size / 2, size, size);
  }
  pen.globalAlpha = 1;
}

/** One cell of a mosaic that is not drawn, in the strokes of the shading. @param {any} pen @param {number} x @param {number} y @param {number} cell */
function hatch(pen, x, y, cell) {
  const half = cell / 2;
  pen.beginPath();
  for (const shift of [-half, 0, half]) {
    pen.moveTo(x + Math.max(-half, shift - half), y + Math.min(half, half + shift));
    pen.lineTo(x + Math.min(half, shift + half), y + Math.max(-half, shift - half));
  }
  pen.stroke();
}

/** @param {any} map @param {any} pen @param {string} faint */
export function drawDensity(map, pen, faint) {
  const { model } = map, counts = new Float64Array(BINS), [left, right] = map.span[0];
  for (let i = 0; i < model.nKnown; i++) {
    const at = (BINS * (model.known[i] - left)) / (right - left);
    for (let k = 0; k < BINS; k++) counts[k] += Math.exp(-0.5 * ((k + 0.5 - at) / 2) ** 2);
  }
  const most = Math.max(...counts);
  pen.strokeStyle = faint;
  pen.lineWidth = 1.5;
  pen.beginPath();
  counts.forEach((count, k) => pen.lineTo(...map.toScreen(left + ((right - left) * (k + 0.5)) / BINS, -0.97 + (0.9 * count) / most)));
  pen.stroke();
}
