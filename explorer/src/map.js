// The map: one layer drawn on rest (shading, decodes, dots), one above it that follows the puck.
import { classColours, ramp } from "./colours.js";
import { place, said } from "./dom.js";
import { picture } from "./pictures.js";

const MARGIN = { left: 44, right: 12, top: 12, bottom: 34 };
const GRID = 44, MOSAIC = 16, FARTHEST = 20, WHOLE = { scale: 1, x: 0, y: 0 };

export class PlaneMap {
  /** @param {any} app */
  constructor(app) {
    this.app = app;
    this.still = place("still");
    this.above = place("above");
    this.zoom = WHOLE;
    this.waiting = 0;
    /** @type {Map<string, any>} */ this.kept = new Map();
    /** @type {number[][]} */ this.spots = [];
    /** @type {number[][] | null} */ this.pull = null; // from a dot to where it is dragged
  }

  get model() { return this.app.model; }
  get line() { return this.model.size === 1; }

  /** Limits of the view along both axes. */
  limits() {
    const { limits } = this.model.facts, { scale, x, y } = this.zoom;
    const [across, up] = [limits[0], limits[1] || [-1, 1]];
    const half = Math.max(across[1] - across[0], this.line ? 0 : up[1] - up[0]) / 2 / scale; // equal aspect
    const middle = [(across[0] + across[1]) / 2 + x, (up[0] + up[1]) / 2 + y];
    return this.line ? [[middle[0] - half, middle[0] + half], [-1, 1]] : middle.map((m) => [m - half, m + half]);
  }

  reset() {
    this.zoom = WHOLE;
  }

  /** Zoomed by a factor and moved, so that what was at one place of the screen is at the other. @param {number} by @param {number[]} from @param {number[]} to */
  turn(by, from, to) {
    const [x, y] = this.toPlane(from[0], from[1]);
    this.zoom = { ...this.zoom, scale: Math.min(FARTHEST, Math.max(1, this.zoom.scale * by)) };
    this.span = this.limits();
    const [left, low] = this.toPlane(to[0], to[1]);
    this.zoom = { scale: this.zoom.scale, x: this.zoom.x + x - left, y: this.zoom.y + y - low };
    this.span = this.limits();
    this.soon();
  }

  /** The view moved so far that the place selected is in it. */
  follow() {
    if (this.zoom.scale === 1) return;
    const [x, y] = this.place(), [right, bottom] = [this.side - MARGIN.right, this.height - MARGIN.bottom];
    if (x >= MARGIN.left && x <= right && y >= MARGIN.top && y <= bottom) return;
    this.turn(1, [x, y], [(MARGIN.left + right) / 2, (MARGIN.top + bottom) / 2]);
  }

  /** Drawn in the next frame, once, without what takes its time. */
  soon() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.draw(true);
    });
  }

  measure() {
    const side = this.above.clientWidth || 480, ratio = window.devicePixelRatio || 1;
    this.side = side;
    this.height = this.line ? Math.round(side / 2) : side;
    for (const canvas of [this.still, this.above]) {
      canvas.width = side * ratio;
      canvas.height = this.height * ratio;
      canvas.style.height = `${this.height}px`;
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    this.span = this.limits();
  }

  /** @param {number} x @param {number} y */
  toScreen(x, y) {
    const [[left, right], [low, high]] = /** @type {number[][]} */ (this.span);
    return [
      MARGIN.left + ((x - left) / (right - left)) * (this.side - MARGIN.left - MARGIN.right),
      this.height - MARGIN.bottom - ((y - low) / (high - low)) * (this.height - MARGIN.top - MARGIN.bottom),
    ];
  }

  /** @param {number} px @param {number} py */
  toPlane(px, py) {
    const [[left, right], [low, high]] = /** @type {number[][]} */ (this.span);
    return [
      left + ((px - MARGIN.left) / (this.side - MARGIN.left - MARGIN.right)) * (right - left),
      low + ((this.height - MARGIN.bottom - py) / (this.height - MARGIN.top - MARGIN.bottom)) * (high - low),
    ];
  }

  /** A point of the plane as a code, the rest of it as it is. @param {number} x @param {number} y */
  code(x, y) {
    const z = this.model.moved(this.app.state.z, 0, x);
    return this.line ? z : this.model.moved(z, 1, y);
  }

  /** @param {number} item */
  spot(item) {
    const z = this.model.codes.subarray(item * this.model.size, (item + 1) * this.model.size);
    return this.toScreen(this.model.along(z, 0), this.line ? jitter(item) : this.model.along(z, 1));
  }

  place() {
    const { z } = this.app.state;
    return this.toScreen(this.model.along(z, 0), this.line ? 0 : this.model.along(z, 1));
  }

  /** The nearest item within so many pixels, or -1. @param {number} px @param {number} py @param {number} within */
  pick(px, py, within) {
    let best = -1, least = within * within;
    for (let item = 0; item < this.app.data.total; item++) {
      if (!this.app.visible(item)) continue;
      const [x, y] = this.spots[item], square = (x - px) ** 2 + (y - py) ** 2;
      if (square < least) [best, least] = [item, square];
    }
    return best;
  }

  /** @param {boolean} [moving] without what takes its time */
  draw(moving = false) {
    this.measure();
    const { app, model } = this, { state, data } = app, pen = this.still.getContext("2d");
    const style = getComputedStyle(document.body), ink = style.getPropertyValue("--ink"), faint = style.getPropertyValue("--faint");
    pen.clearRect(0, 0, this.side, this.height);
    this.spots = Array.from({ length: data.total }, (_, item) => this.spot(item));
    pen.save();
    pen.beginPath();
    pen.rect(MARGIN.left, MARGIN.top, this.side - MARGIN.left - MARGIN.right, this.height - MARGIN.top - MARGIN.bottom);
    pen.clip();
    if (model.facts.tiles) this.drawTiles(pen, faint);
    if (state.doubt && !this.line && !moving) this.drawDoubt(pen, faint);
    if (model.facts.prior && state.doubt && model.size === 2) this.drawPrior(pen, faint);
    if (state.decodes && !this.line && data.pictures && !moving) this.drawDecodes(pen);
    if (this.line) this.drawDensity(pen, faint);
    if (state.training) this.drawTraining(pen, faint);
    if (state.points) this.drawPoints(pen, ink);
    pen.restore();
    this.drawAxes(pen, ink, faint);
    this.drawPuck();
  }

  /** @param {any} pen @param {string} faint */
  drawTiles(pen, faint) {
    const { tiles, limits } = this.model.facts, side = Math.sqrt(tiles.length), most = Math.max(...tiles);
    pen.fillStyle = faint;
    tiles.forEach((/** @type {number} */ count, /** @type {number} */ i) => {
      if (!count) return;
      const at = (/** @type {number} */ axis, /** @type {number} */ k) => limits[axis][0] + ((limits[axis][1] - limits[axis][0]) * k) / side;
      const [x, y] = this.toScreen(at(0, i % side), at(1, Math.floor(i / side)));
      const [right, top] = this.toScreen(at(0, (i % side) + 1), at(1, Math.floor(i / side) + 1));
      pen.globalAlpha = 0.35 * Math.sqrt(count / most);
      pen.fillRect(x, top, right - x + 0.5, y - top + 0.5);
    });
    pen.globalAlpha = 1;
  }

  /** Light from the 95 % quantile on, hatched beyond the 99 %. @param {any} pen @param {string} faint */
  drawDoubt(pen, faint) {
    const cell = (this.side - MARGIN.left - MARGIN.right) / GRID, rest = this.model.size > 2 ? this.app.state.z.join() : "";
    const key = `${this.app.state.tab} ${JSON.stringify(this.span)} ${rest}`;
    if (this.kept.get("key") !== key) {
      const doubts = new Float32Array(GRID * GRID);
      for (let i = 0; i < GRID * GRID; i++) {
        const [x, y] = this.toPlane(MARGIN.left + ((i % GRID) + 0.5) * cell, MARGIN.top + (Math.floor(i / GRID) + 0.5) * cell);
        doubts[i] = this.model.doubt(this.code(x, y));
      }
      this.kept.set("key", key).set("doubts", doubts);
    }
    const doubts = this.kept.get("doubts");
    pen.strokeStyle = pen.fillStyle = faint;
    pen.lineWidth = 0.8;
    for (let i = 0; i < doubts.length; i++) {
      if (doubts[i] < 0.95) continue;
      const x = MARGIN.left + (i % GRID) * cell, y = MARGIN.top + Math.floor(i / GRID) * cell;
      pen.globalAlpha = 0.13;
      pen.fillRect(x, y, cell, cell);
      if (doubts[i] < 0.99) continue;
      pen.globalAlpha = 0.55;
      pen.beginPath();
      pen.moveTo(x, y + cell);
      pen.lineTo(x + cell, y);
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }

  /** @param {any} pen @param {string} faint */
  drawPrior(pen, faint) {
    pen.strokeStyle = faint;
    pen.setLineDash([4, 4]);
    for (const radius of [1, 2]) {
      const [x, y] = this.toScreen(0, 0), [right] = this.toScreen(radius, 0);
      pen.beginPath();
      pen.arc(x, y, right - x, 0, 2 * Math.PI);
      pen.stroke();
    }
    pen.setLineDash([]);
  }

  /** A mosaic of decodes; a cell without training codes near is left empty. @param {any} pen */
  drawDecodes(pen) {
    const cell = (this.side - MARGIN.left - MARGIN.right) / MOSAIC;
    pen.imageSmoothingEnabled = false;
    for (let i = 0; i < MOSAIC * MOSAIC; i++) {
      const px = MARGIN.left + ((i % MOSAIC) + 0.5) * cell, py = MARGIN.top + (Math.floor(i / MOSAIC) + 0.5) * cell;
      const [x, y] = this.toPlane(px, py), z = this.code(x, y), doubt = this.model.doubt(z);
      if (doubt >= 0.99) continue;
      const size = cell * (doubt < 0.5 ? 0.96 : doubt < 0.95 ? 0.8 : 0.6);
      pen.globalAlpha = this.app.state.points ? 0.55 : 1;
      pen.drawImage(picture(this.app.data, this.model.decode(z)), px - size / 2, py - size / 2, size, size);
    }
    pen.globalAlpha = 1;
  }

  /** @param {any} pen @param {string} faint */
  drawDensity(pen, faint) {
    const counts = new Float64Array(80), [left, right] = /** @type {number[][]} */ (this.span)[0];
    for (let i = 0; i < this.model.nKnown; i++) {
      const at = (80 * (this.model.known[i] - left)) / (right - left);
      for (let k = 0; k < 80; k++) counts[k] += Math.exp(-0.5 * ((k + 0.5 - at) / 2) ** 2);
    }
    const most = Math.max(...counts);
    pen.strokeStyle = faint;
    pen.lineWidth = 1.5;
    pen.beginPath();
    counts.forEach((count, k) => pen.lineTo(...this.toScreen(left + ((right - left) * (k + 0.5)) / 80, -0.95 + (1.8 * count) / most)));
    pen.stroke();
  }

  /** @param {any} pen @param {string} faint */
  drawTraining(pen, faint) {
    const { model } = this, z = new Float64Array(model.size);
    pen.strokeStyle = faint;
    pen.lineWidth = 1;
    for (let row = 0; row < model.nKnown; row++) {
      for (let i = 0; i < model.size; i++) z[i] = model.known[i * model.nKnown + row];
      const [x, y] = this.toScreen(model.along(z, 0), this.line ? jitter(row) : model.along(z, 1));
      pen.beginPath();
      pen.moveTo(x - 2, y - 2);
      pen.lineTo(x + 2, y + 2);
      pen.moveTo(x - 2, y + 2);
      pen.lineTo(x + 2, y - 2);
      pen.stroke();
    }
  }

  /** Dots; the class's own glyph where there is room; other dots fade with distance from the slice. @param {any} pen @param {string} ink */
  drawPoints(pen, ink) {
    const { app, model } = this, { data, state } = app, { classes } = data.facts;
    const glyphs = state.colour === "class" && classes.length && classes.every((/** @type {string} */ name) => name.length === 1) && data.n <= 1500;
    const colours = classColours(classes.length, state.only), fade = model.size > 2;
    pen.font = "600 11px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.strokeStyle = ink;
    for (let item = 0; item < data.total; item++) {
      if (!app.visible(item)) continue;
      const [x, y] = this.spots[item];
      pen.globalAlpha = fade ? Math.max(0.15, Math.exp(-0.5 * this.off(item) ** 2)) : data.n > 3000 ? 0.5 : 0.9;
      pen.fillStyle = this.colour(item, colours);
      if (item >= data.n) {
        pen.lineWidth = 1.5;
        pen.strokeRect(x - 4, y - 4, 8, 8);
      } else if (glyphs) pen.fillText(data.label(item), x, y);
      else {
        pen.beginPath();
        pen.arc(x, y, data.n > 3000 ? 2 : 3.5, 0, 2 * Math.PI);
        pen.fill();
        pen.lineWidth = 0.5;
        if (data.n <= 3000) pen.stroke();
      }
    }
    pen.globalAlpha = 1;
    if (state.colour === "class" && classes.length > 1 && classes.length <= 40) this.drawNames(pen, ink);
  }

  /** How many deviations an item lies off the slice. @param {number} item */
  off(item) {
    const { model } = this, z = this.app.state.z, code = model.code(item), { deviation } = model.facts;
    let all = 0;
    const inside = (model.along(code, 0) - model.along(z, 0)) ** 2 + (model.along(code, 1) - model.along(z, 1)) ** 2;
    let scale = 0;
    for (let i = 0; i < model.size; i++) {
      all += (code[i] - z[i]) ** 2;
      scale += deviation[i] ** 2;
    }
    return Math.sqrt(Math.max(0, all - inside) / (scale || 1));
  }

  /** @param {any} pen @param {string} ink */
  drawNames(pen, ink) {
    const { data } = this.app, { classes } = data.facts, paper = getComputedStyle(document.body).getPropertyValue("--paper");
    classes.forEach((/** @type {string} */ name, /** @type {number} */ index) => {
      let x = 0, y = 0, count = 0;
      for (let item = 0; item < data.n; item++) if (data.labels[item] === index && this.app.visible(item)) {
        x += this.spots[item][0];
        y += this.spots[item][1];
        count++;
      }
      if (!count) return;
      pen.font = "700 15px system-ui, sans-serif";
      pen.lineWidth = 4;
      pen.strokeStyle = paper;
      const words = name.length > 18 ? `${name.slice(0, 17)}…` : name;
      pen.strokeText(words, x / count, y / count);
      pen.fillStyle = ink;
      pen.fillText(words, x / count, y / count);
    });
  }

  /** @param {number} item @param {string[]} colours */
  colour(item, colours) {
    const { data, state } = this.app, { model } = this;
    if (state.colour === "error") return ramp(1 - model.betterThan[item]);
    if (state.colour === "doubt") return ramp(model.doubts[item]);
    if (state.colour === "class" && data.labels && item < data.n) return colours[data.labels[item]];
    if (/^\d+$/.test(state.colour)) return ramp(this.app.rankIn(Number(state.colour), item));
    return "#8a9099";
  }

  /** @param {any} pen @param {string} ink @param {string} faint */
  drawAxes(pen, ink, faint) {
    const [across, up] = /** @type {number[][]} */ (this.span), bottom = this.height - MARGIN.bottom;
    pen.strokeStyle = faint;
    pen.lineWidth = 1;
    pen.strokeRect(MARGIN.left + 0.5, MARGIN.top + 0.5, this.side - MARGIN.left - MARGIN.right - 1, bottom - MARGIN.top - 1);
    pen.fillStyle = ink;
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "top";
    pen.textAlign = "center";
    for (const value of ticks(across)) pen.fillText(said(value), this.toScreen(value, 0)[0], bottom + 5);
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    if (!this.line) for (const value of ticks(up)) pen.fillText(said(value), MARGIN.left - 6, this.toScreen(0, value)[1]);
    pen.textAlign = "right";
    pen.textBaseline = "bottom";
    pen.fillText(this.app.axisName(0), this.side - MARGIN.right, this.height - 1);
    pen.textAlign = "left";
    pen.textBaseline = "top";
    if (!this.line) pen.fillText(this.app.axisName(1), MARGIN.left + 6, MARGIN.top + 6);
  }

  drawPuck() {
    const { state } = this.app, pen = this.above.getContext("2d"), style = getComputedStyle(document.body);
    pen.clearRect(0, 0, this.side, this.height);
    const ring = (/** @type {number[]} */ [x, y], /** @type {number} */ radius, /** @type {string} */ colour) => {
      for (const [width, tint] of [[4, style.getPropertyValue("--paper")], [2, colour]]) {
        pen.beginPath();
        pen.arc(x, y, radius, 0, 2 * Math.PI);
        pen.lineWidth = /** @type {number} */ (width);
        pen.strokeStyle = tint;
        pen.stroke();
      }
    };
    const ends = [state.a, state.b].filter((item) => item >= 0).map((item) => this.spots[item]);
    if (ends.length === 2) {
      pen.beginPath();
      pen.moveTo(ends[0][0], ends[0][1]);
      pen.lineTo(ends[1][0], ends[1][1]);
      pen.lineWidth = 1.5;
      pen.strokeStyle = style.getPropertyValue("--ink");
      pen.stroke();
    }
    if (this.pull) {
      pen.beginPath();
      for (const [x, y] of this.pull) pen.lineTo(x, y);
      pen.lineWidth = 1.5;
      pen.strokeStyle = style.getPropertyValue("--ink");
      pen.setLineDash([5, 4]);
      pen.stroke();
      pen.setLineDash([]);
    }
    for (const end of ends) ring(end, 6, style.getPropertyValue("--ink"));
    ring(this.place(), 9, style.getPropertyValue("--accent"));
    ring(this.place(), 2, style.getPropertyValue("--accent"));
  }
}

/** A fixed place across the strip. @param {number} item */
const jitter = (item) => (((item * 0.618034) % 1) - 0.5) * 1.2;

/** @param {number[]} range @returns {number[]} */
function ticks([low, high]) {
  const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= rough) || rough;
  const first = Math.ceil(low / step), count = Math.floor(high / step) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => (first + i) * step);
}
