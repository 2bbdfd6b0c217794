// The map: one layer drawn on rest (shading, decodes, dots), one above it that follows the handle.
import { ticks } from "./chart.js";
import { place, formatNumber } from "./dom.js";
import { drawNames, drawPoints, drawTraining, jitter } from "./dots.js";
import { drawBand } from "./polish.js";
import { drawDecodes, drawDensity, drawUncertainty, drawPrior, drawTiles } from "./shading.js";

export const MARGIN = { left: 44, right: 12, top: 12, bottom: 34 };
const FARTHEST = 20, WHOLE = { scale: 1, x: 0, y: 0 };

export class PlaneMap {
  /** @param {any} app */
  constructor(app) {
    this.app = app;
    this.still = place("still");
    this.above = place("above");
    this.zoom = WHOLE;
    this.waiting = 0;
    /** @type {number[][]} */ this.spots = [];
    /** @type {number[][]} */ this.span = [];
    /** @type {number[][] | null} */ this.pull = null; // from a dot to where it is dragged
    this.hinted = -1; // the item pointed at elsewhere on the page
    this.side = this.height = 0;
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
    this.height = this.line ? Math.round(side / 2) : side - MARGIN.left - MARGIN.right + MARGIN.top + MARGIN.bottom; // square within
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
    const [[left, right], [low, high]] = this.span;
    return [
      MARGIN.left + ((x - left) / (right - left)) * (this.side - MARGIN.left - MARGIN.right),
      this.height - MARGIN.bottom - ((y - low) / (high - low)) * (this.height - MARGIN.top - MARGIN.bottom),
    ];
  }

  /** @param {number} px @param {number} py */
  toPlane(px, py) {
    const [[left, right], [low, high]] = this.span;
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

  /** Every item on the screen. */
  findSpots() {
    const { model } = this, seen = model.seen, count = this.app.data.total;
    this.spots = Array.from({ length: count }, (_, item) => this.toScreen(seen[2 * item], this.line ? jitter(item) : seen[2 * item + 1]));
  }

  /** In the frame, and where in it what is not would be nearest. @param {number[]} spot */
  framed([x, y]) {
    const at = [Math.min(this.side - MARGIN.right, Math.max(MARGIN.left, x)), Math.min(this.height - MARGIN.bottom, Math.max(MARGIN.top, y))];
    return { inside: Math.hypot(at[0] - x, at[1] - y) < 1, at };
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

  /** @param {boolean} [quick] without what takes its time */
  draw(quick = false) {
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
    if (state.points && state.colour === "class") drawNames(this, pen, ink);
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
    pen.beginPath();
    pen.rect(MARGIN.left, MARGIN.top, this.side - MARGIN.left - MARGIN.right, this.height - MARGIN.top - MARGIN.bottom);
    pen.clip();
  }

  /** @param {any} pen @param {string} ink @param {string} faint */
  drawAxes(pen, ink, faint) {
    const [across, up] = this.span, bottom = this.height - MARGIN.bottom;
    pen.strokeStyle = faint;
    pen.lineWidth = 1;
    pen.strokeRect(MARGIN.left + 0.5, MARGIN.top + 0.5, this.side - MARGIN.left - MARGIN.right - 1, bottom - MARGIN.top - 1);
    pen.fillStyle = ink;
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "top";
    pen.textAlign = "center";
    for (const value of ticks(across[0], across[1], 5)) pen.fillText(formatNumber(value), this.toScreen(value, 0)[0], bottom + 5);
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    if (!this.line) for (const value of ticks(up[0], up[1], 5)) pen.fillText(formatNumber(value), MARGIN.left - 6, this.toScreen(0, value)[1]);
    pen.textAlign = "right";
    pen.textBaseline = "bottom";
    pen.fillText(this.app.axisName(0), this.side - MARGIN.right, this.height - 1);
    pen.textAlign = "left";
    pen.textBaseline = "top";
    if (!this.line) pen.fillText(this.app.axisName(1), MARGIN.left + 6, MARGIN.top + 6);
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
    const ends = [state.a, state.b].filter((item) => item >= 0).map((item) => this.spots[item]);
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
    const { a, b } = this.app.state, [from, to] = [a, b].map((item) => this.spots[item]);
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
