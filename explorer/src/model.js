// One tab: its networks in the user's units, its codes, and how far a place is from what was learned.
import { bottleneck, meanOf, network } from "./network.js";
import { tensor } from "./payload.js";

export class Model {
  /** @param {any} facts @param {ArrayBuffer} block @param {Data} data */
  constructor(facts, block, data) {
    this.facts = facts;
    this.data = data;
    this.size = facts.size;
    this.codes = tensor(block, facts.codes);
    this.errors = tensor(block, facts.errors);
    this.pcaErrors = tensor(block, facts.pcaErrors);
    this.betterThan = tensor(block, facts.betterThan);
    this.doubts = tensor(block, facts.doubt);
    this.known = tensor(block, facts.known); // by number of the code, then by row
    this.nKnown = facts.known.shape[1];
    this.axes = tensor(block, facts.axes);
    this.nAxes = facts.axes.shape[0];
    this.origin = facts.size > 2 ? facts.center : facts.center.map(() => 0);
    this.flow = network(block, facts.decoder.network);
    this.mean = meanOf(facts.decoder.mean);
    this.reads = facts.encoder && network(block, facts.encoder.network);
    this.squeeze = facts.encoder && bottleneck(facts.encoder.code, facts.size);
  }

  /** A code to a row in the user's units. @param {ArrayLike<number>} z */
  decode(z) {
    const { unit, scaling } = this.facts;
    const u = this.mean(this.flow(Float64Array.from(z, (value) => value / unit)));
    return u.map((value, i) => scaling.center[i] + scaling.spread[i] * value);
  }

  /** A row to its code. @param {ArrayLike<number>} row */
  encode(row) {
    const { unit, scaling } = this.facts;
    const u = Float64Array.from(row, (value, i) => (value - scaling.center[i]) / scaling.spread[i]);
    return this.squeeze(this.reads(u)).map((/** @type {number} */ value) => value * unit);
  }

  /** @param {number} item */
  code(item) {
    return Array.from(this.codes.subarray(item * this.size, (item + 1) * this.size));
  }

  /** Coordinate of a code along an axis. @param {ArrayLike<number>} z @param {number} axis */
  along(z, axis) {
    let sum = 0;
    for (let i = 0; i < this.size; i++) sum += (z[i] - this.origin[i]) * this.axes[axis * this.size + i];
    return sum;
  }

  /** The code moved along an axis to a coordinate. @param {number[]} z @param {number} axis @param {number} to */
  moved(z, axis, to) {
    const by = to - this.along(z, axis);
    return z.map((value, i) => value + by * this.axes[axis * this.size + i]);
  }

  /** Squared error of a rebuilt row, in the units the model is judged by. @param {ArrayLike<number>} row @param {ArrayLike<number>} again */
  error(row, again) {
    const { scaling, errorWeights } = this.facts;
    let sum = 0;
    for (let i = 0; i < row.length; i++) {
      const off = (row[i] - again[i]) / (errorWeights === "model" ? scaling.spread[i] : 1);
      if (!Number.isNaN(off)) sum += off * off;
    }
    return sum;
  }

  /** Quantile in [0, 1] of the mean distance to the five nearest training codes. @param {ArrayLike<number>} z */
  doubt(z) {
    const { deviation, distances } = this.facts, n = this.nKnown, nearest = [Infinity, Infinity, Infinity, Infinity, Infinity];
    for (let row = 0; row < n; row++) {
      let square = 0;
      for (let i = 0; i < this.size && square < nearest[4]; i++) {
        const off = (this.known[i * n + row] - z[i]) / deviation[i];
        square += off * off;
      }
      if (square >= nearest[4]) continue;
      let at = 4;
      while (at > 0 && nearest[at - 1] > square) nearest[at] = nearest[--at];
      nearest[at] = square;
    }
    const found = nearest.filter(Number.isFinite);
    const distance = found.reduce((sum, square) => sum + Math.sqrt(square), 0) / found.length;
    if (distance > distances[distances.length - 1]) return 1;
    let above = distances.findIndex((/** @type {number} */ value) => value >= distance);
    if (above <= 0) return 0;
    const share = (distance - distances[above - 1]) / (distances[above] - distances[above - 1] || 1);
    return (above - 1 + share) / (distances.length - 1);
  }

  /** The nearest items to a place, in standardised codes. @param {ArrayLike<number>} z @param {number} count @param {number} [except] */
  nearest(z, count, except = -1) {
    const { deviation } = this.facts;
    const far = [];
    for (let item = 0; item < this.data.n; item++) {
      if (item === except) continue;
      let square = 0;
      for (let i = 0; i < this.size; i++) square += ((this.codes[item * this.size + i] - z[i]) / deviation[i]) ** 2;
      far.push([square, item]);
    }
    return far.sort((a, b) => a[0] - b[0]).slice(0, count).map((pair) => pair[1]);
  }
}

export class Data {
  /** @param {any} facts @param {ArrayBuffer} block */
  constructor(facts, block) {
    this.facts = facts;
    this.width = facts.columns.length;
    this.n = facts.ids.length;
    this.total = this.n + facts.probes.length;
    const stored = tensor(block, facts.rows);
    this.rows = new Float64Array(this.total * this.width);
    const { center, spread, probes } = facts.units;
    stored.forEach((value, i) => (this.rows[i] = center ? center[i % this.width] + spread[i % this.width] * value : value));
    if (probes) this.rows.set(tensor(block, probes), this.n * this.width);
    this.labels = facts.labels && tensor(block, facts.labels);
    this.pictures = facts.shape !== null;
  }

  /** @param {number} item */
  row(item) {
    return this.rows.subarray(item * this.width, (item + 1) * this.width);
  }

  /** @param {number} item */
  label(item) {
    return this.labels && item < this.n ? this.facts.classes[this.labels[item]] : "";
  }

  /** @param {number} item */
  name(item) {
    if (item >= this.n) return `probe: ${this.facts.probes[item - this.n]}`;
    const label = this.label(item);
    return `${label ? `${label}, ` : ""}${this.pictures ? "picture" : "row"} ${this.facts.ids[item]}`;
  }
}
