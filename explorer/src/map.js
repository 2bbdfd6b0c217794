// The map: one layer drawn on rest (shading, decodes, dots), one above it that follows the handle.
import { ticks } from "./chart.js";
import { place, formatNumber } from "./dom.js";
import { drawNames, drawPoints, drawTraining, drawWords, jitter, shortened } from "./dots.js";
import { groupOf } from "./groups.js";
import { drawBand } from "./polish.js";
import { drawDecodes, drawDensity, drawUncertainty, drawPrior, drawTiles } from "./shading.js";

const FARTHEST = 40, WHOLE = { scale: 1, x: 0, y: 0 };
const LANE = 26, TRACK = 74; // pixels of a group's lane on a line, and of the density and the handle below the lanes

export class PlaneMap {
  /** @param {any} app */
  constructor(app) {
    this.app = app;
    this.still = place("still");
    this.above = place("above");
    this.zoom = WHOLE;
    this.waiting = 0;
    this.quick = false; // drawn without what takes its time
    this.margin = { left: 44, right: 12, top: 12, bottom: 34 };
    /** @type {number[][]} */ this.spots = [];
    /** @type {number[][]} */ this.span = [];
    /** @type {number[][] | null} */ this.pull = null; // from an end of the path to where it is dragged
    /** @type {number[][] | null} */ this.lasso = null; // around dots, while it is drawn
    this.hinted = -1; // the item pointed at elsewhere on the page
    this.side = this.height = 0;
  }

  get model() { return this.app.model; }
  get line() { return this.model.size === 1; }

  /** On a line: how many lanes, one a group where there are few. */
  get lanes() {
    const count = this.app.group?.names.length || 1;
    return count <= 16 ? count : 1;
  }

  /** On a line: the height of the handle, below lane 0. */
  get track() { return -0.5; }

  /** Limits of the view along both axes. */
  limits() {
    const { limits } = this.model.facts, { scale, x, y } = this.zoom;
    const [across, up] = [limits[0], limits[1] || [-1, 1]];
    const half = Math.max(across[1] - across[0], this.line ? 0 : up[1] - up[0]) / 2 / scale; // equal aspect
    const middle = [(across[0] + across[1]) / 2 + x, (up[0] + up[1]) / 2 + y];
    return this.line ? [[middle[0] - half, middle[0] + half], [-1, this.lanes]] : middle.map((m) => [m - half, m + half]);
  }

  reset() {
    this.zoom = WHOLE;
  }

  /** Zoomed by a factor and moved, so what was at one place of the screen is at the other; the middle stays among the codes. @param {number} by @param {number[]} from @param {number[]} to */
  turn(by, from, to) {
    const [x, y] = this.toPlane(from[0], from[1]), { limits } = this.model.facts;
    this.zoom = { ...this.zoom, scale: Math.min(FARTHEST, Math.max(1, this.zoom.scale * by)) };
    this.span = this.limits();
    const [left, low] = this.toPlane(to[0], to[1]);
    const held = (/** @type {number} */ value, /** @type {number} */ axis) => {
      const half = limits[axis] ? (limits[axis][1] - limits[axis][0]) / 2 : 0;
      return Math.min(half, Math.max(-half, value));
    };
    this.zoom = { scale: this.zoom.scale, x: held(this.zoom.x + x - left, 0), y: held(this.zoom.y + y - low, 1) };
    this.span = this.limits();
    this.soon();
  }

  /** The view moved so far that the place selected is in it. */
  follow() {
    if (this.zoom.scale === 1 && !this.zoom.x && !this.zoom.y) return;
    const [x, y] = this.place(), { left, right, top, bottom } = this.frame();
    if (x >= left && x <= right && y >= top && y <= bottom) return;
    this.turn(1, [x, y], [(left + right) / 2, (top + bottom) / 2]);
  }

  /** Edges of what is drawn within, on the screen. */
  frame() {
    const { margin } = this;
    return { left: margin.left, right: this.side - margin.right, top: margin.top, bottom: this.height - margin.bottom };
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
    this.margin.left = this.line && this.lanes > 1 ? this.widestName() : 44;
    const { left, right, top, bottom } = this.margin;
    this.height = top + bottom + (this.line ? TRACK + (this.lanes > 1 ? LANE * this.lanes : 110) : side - left - right); // square within
    for (const canvas of [this.still, this.above]) {
      canvas.width = side * ratio;
      canvas.height = this.height * ratio;
      canvas.style.height = `${this.height}px`;
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    this.span = this.limits();
  }

  /** Room for the names of the lanes. */
  widestName() {
    const pen = this.still.getContext("2d");
    pen.font = "600 12px system-ui, sans-serif";
    return Math.ceil(Math.max(44, ...this.app.group.names.map((/** @type {string} */ name) => pen.measureText(shortened(name)).width + 16)));
  }

  /** @param {number} x @param {number} y */
  toScreen(x, y) {
    const [[from, to], [low, high]] = this.span, { left, right, top, bottom } = this.frame();
    const across = left + ((x - from) / (to - from)) * (right - left);
    if (!this.line) return [across, bottom - ((y - low) / (high - low)) * (bottom - top)];
    const floor = bottom - TRACK; // below it the track, one unit high; above it the lanes
    return [across, y < 0 ? floor - y * TRACK : floor - (y / high) * (floor - top)];
  }

  /** @param {number} px @param {number} py */
  toPlane(px, py) {
    const [[from, to], [low, high]] = this.span, { left, right, top, bottom } = this.frame();
    return [from + ((px - left) / (right - left)) * (to - from), low + ((bottom - py) / (bottom - top)) * (high - low)];
  }

  /** A point of the plane as a code, the rest of it as it is. @param {number} x @param {number} y */
  code(x, y) {
    const z = this.model.moved(this.app.base, 0, x);
    return this.line ? z : this.model.moved(z, 1, y);
  }

  /** Every item on the screen; on a line in its group's lane, by chance up or down within it. */
  findSpots() {
    const { model, app, lanes } = this, seen = model.seen, count = app.data.total;
    const lane = (/** @type {number} */ item) => (lanes > 1 ? (item < app.data.n ? lanes - 1 - app.group.of[item] : -1.35) : 0); // probes have no group: on the track
    this.spots = Array.from({ length: count }, (_, item) => this.toScreen(seen[2 * item], this.line ? lane(item) + 0.5 + 0.8 * jitter(item) : seen[2 * item + 1]));
  }

  /** In the frame, and where in it what is not would be nearest. @param {number[]} spot */
  framed([x, y]) {
    const { left, right, top, bottom } = this.frame(), at = [Math.min(right, Math.max(left, x)), Math.min(bottom, Math.max(top, y))];
    return { inside: Math.hypot(at[0] - x, at[1] - y) < 1, at };
  }

  place() {
    const { z } = this.app.state;
    return this.toScreen(this.model.along(z, 0), this.line ? this.track : this.model.along(z, 1));
  }

  /** Where an item is on the path: its dot, on a line its place on the track. @param {number} item */
  end(item) {
    return this.line ? this.toScreen(this.model.seen[2 * item], this.track) : this.spots[item];
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

  /** @param {boolean} [quick] without what takes its time */
  draw(quick = false) {
    this.quick = quick;
    this.app.group = groupOf(this.app);
    this.measure();
    this.findSpots();
    const { app, model } = this, { state, data } = app, { pen, ink, faint } = this.begin();
    if (model.facts.tiles && state.points) drawTiles(this, pen, faint);
    if (state.uncertainty && !quick) drawUncertainty(this, pen, faint);
    if (model.facts.prior && state.uncertainty) drawPrior(this, pen, faint);
    if (state.decodes && !this.line && data.pictures && !quick) drawDecodes(this, pen, faint);
    if (this.line) drawDensity(this, pen, faint);
    if (state.training) drawTraining(this, pen, faint);
    if (state.points) drawPoints(this, pen, ink);
    pen.restore();
    if (state.points && data.facts.noun === "word" && !this.line) drawWords(this, pen, ink);
    if (state.points && app.group) drawNames(this, pen, ink);
    this.drawAxes(pen, ink, faint);
    this.drawHandle();
  }

  /** Dots alone, elsewhere for a moment. @param {number[][]} spots */
  drawDots(spots) {
    const { pen, ink } = this.begin(), kept = this.spots;
    this.spots = spots;
    drawPoints(this, pen, ink);
    pen.restore();
    if (this.app.state.colour === "class") drawNames(this, pen, ink);
    this.spots = kept;
  }

  /** A clear canvas, drawn on within the frame until it is restored. */
  begin() {
    const pen = this.still.getContext("2d"), style = getComputedStyle(document.body);
    pen.clearRect(0, 0, this.side, this.height);
    pen.save();
    this.clip(pen);
    return { pen, ink: style.getPropertyValue("--ink"), faint: style.getPropertyValue("--faint") };
  }

  /** To the frame. @param {any} pen */
  clip(pen) {
    const { left, right, top, bottom } = this.frame();
    pen.beginPath();
    pen.rect(left, top, right - left, bottom - top);
    pen.clip();
  }

  /** @param {any} pen @param {string} ink @param {string} faint */
  drawAxes(pen, ink, faint) {
    const [across, up] = this.span, { left, right, top, bottom } = this.frame();
    pen.strokeStyle = faint;
    pen.lineWidth = 1;
    pen.strokeRect(left + 0.5, top + 0.5, right - left - 1, bottom - top - 1);
    pen.fillStyle = ink;
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "top";
    pen.textAlign = "center";
    for (const value of ticks(across[0], across[1], 5)) pen.fillText(formatNumber(value), this.toScreen(value, 0)[0], bottom + 5);
    pen.textAlign = "right";
    pen.textBaseline = "bottom";
    pen.fillText(this.app.axisName(0), right, this.height - 1);
    pen.textBaseline = "middle";
    if (this.line) return this.drawLanes(pen, faint);
    for (const value of ticks(up[0], up[1], 5)) pen.fillText(formatNumber(value), left - 6, this.toScreen(0, value)[1]);
    pen.textAlign = "left";
    pen.textBaseline = "top";
    pen.fillText(this.app.axisName(1), left + 6, top + 6);
  }

  /** Names of the lanes beside them, and lines between. @param {any} pen @param {string} faint */
  drawLanes(pen, faint) {
    const { left, right } = this.frame(), { app, lanes } = this;
    pen.strokeStyle = faint;
    pen.lineWidth = 0.5;
    pen.beginPath();
    for (let lane = 0; lane < lanes; lane++) {
      const y = this.toScreen(0, lane)[1];
      pen.moveTo(left, y);
      pen.lineTo(right, y);
    }
    pen.stroke();
    if (lanes < 2) return;
    pen.font = "600 12px system-ui, sans-serif";
    app.group.names.forEach((/** @type {string} */ name, /** @type {number} */ of) => pen.fillText(shortened(name), left - 8, this.toScreen(0, lanes - of - 0.5)[1]));
  }

  drawHandle() {
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
    const ends = [state.a, state.b].filter((item) => item >= 0).map((item) => this.end(item));
    if (ends.length === 2) {
      pen.save();
      this.clip(pen);
      pen.beginPath();
      pen.moveTo(ends[0][0], ends[0][1]);
      pen.lineTo(ends[1][0], ends[1][1]);
      pen.lineWidth = 1.5;
      pen.strokeStyle = style.getPropertyValue("--ink");
      pen.stroke();
      pen.restore();
    }
    if (this.lasso) {
      pen.beginPath();
      for (const [x, y] of this.lasso) pen.lineTo(x, y);
      pen.closePath();
      pen.globalAlpha = 0.12;
      pen.fillStyle = pen.strokeStyle = style.getPropertyValue("--accent");
      pen.fill();
      pen.globalAlpha = 1;
      pen.lineWidth = 1.5;
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
    const seen = (/** @type {number[]} */ spot) => this.framed(spot).inside;
    ends.filter(seen).forEach((end) => ring(end, 6, style.getPropertyValue("--ink")));
    this.nameEnds(pen, style);
    if (this.hinted >= 0 && seen(this.spots[this.hinted])) ring(this.spots[this.hinted], 7, style.getPropertyValue("--ink"));
    const handle = this.framed(this.place());
    drawBand(this, pen, style.getPropertyValue("--accent"));
    ring(handle.at, 9, style.getPropertyValue("--accent"));
    if (handle.inside) ring(handle.at, 2, style.getPropertyValue("--accent")); // hollow at the edge: the place lies beyond
  }

  /** A and B beside their dots, each on the side that is away from the other. @param {any} pen @param {CSSStyleDeclaration} style */
  nameEnds(pen, style) {
    const { a, b } = this.app.state, [from, to] = [a, b].map((item) => (item < 0 ? null : this.end(item)));
    const way = from && to ? Math.atan2(from[1] - to[1], from[0] - to[0]) : -Math.PI / 2;
    pen.font = "700 13px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineWidth = 4;
    pen.lineJoin = "round";
    pen.strokeStyle = style.getPropertyValue("--paper");
    pen.fillStyle = style.getPropertyValue("--ink");
    for (const [name, spot, turn] of /** @type {const} */ ([["A", from, way], ["B", to, from ? way + Math.PI : way]])) {
      if (!spot || !this.framed(spot).inside) continue;
      const at = [spot[0] + 18 * Math.cos(turn), spot[1] + 18 * Math.sin(turn)];
      pen.strokeText(name, at[0], at[1]);
      pen.fillText(name, at[0], at[1]);
    }
  }
}
