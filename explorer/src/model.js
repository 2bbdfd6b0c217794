// One tab: its networks in the user's units, its codes, and how far a place is from what was learned.
import { fieldsOf, isWritten, tellingFields } from "./columns.js";
import { bottleneck, meanOf, network, withCondition } from "./network.js";
import { tensor } from "./payload.js";
import { Polish } from "./polish.js";

const LIVE = 1e6; // multiplications of a Jacobian that a move of the pointer has time for

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
    this.uncertainties = tensor(block, facts.uncertainty);
    this.known = tensor(block, facts.known); // by number of the code, then by row
    this.nKnown = facts.known.shape[1];
    this.axes = tensor(block, facts.axes);
    this.nAxes = facts.axes.shape[0];
    this.origin = facts.size > 2 ? facts.center : facts.center.map(() => 0);
    this.flow = network(block, facts.decoder.network);
    this.mean = meanOf(facts.decoder.mean);
    this.reads = facts.encoder && network(block, facts.encoder.network);
    this.byTrip = false;
    this.moving = false; // the place is on the move, so what takes long waits
    this.covarianceKey = "";
    /** @type {number[][] | null} */ this.covarianceThere = null;
    /** @type {number[] | undefined} */ this.told = undefined;
    this.seen = new Float64Array(2 * data.total); // every item on the plane of the map
    for (let item = 0; item < data.total; item++) {
      const z = this.codes.subarray(item * this.size, (item + 1) * this.size);
      this.seen[2 * item] = this.along(z, 0);
      if (this.nAxes > 1) this.seen[2 * item + 1] = this.along(z, 1);
    }
    this.bottleneck = facts.encoder && bottleneck(facts.encoder.code, facts.size);
    this.polish = facts.polish && new Polish(facts, block);
  }

  /** A code to a row in the user's units. @param {ArrayLike<number>} z @param {number} [item] whose condition it has, unless one is chosen */
  decode(z, item = -1) {
    const { unit, scaling } = this.facts, code = Float64Array.from(z, (value) => value / unit);
    const u = this.mean(this.flow(withCondition(code, this.data.condition(item))));
    return u.map((value, i) => scaling.center[i] + scaling.spread[i] * value);
  }

  /** A row to its code. @param {ArrayLike<number>} row @param {boolean} [guessed] as the encoder alone has it */
  encode(row, guessed = false) {
    const { unit, scaling } = this.facts;
    const u = Float64Array.from(row, (value, i) => (value - scaling.center[i]) / scaling.spread[i]);
    const given = this.data.condition(-1);
    if (this.polish) this.polish.condition = given;
    const guess = this.bottleneck(this.reads(withCondition(u, given))), code = this.polish && !guessed ? this.polish.code(u, guess, this.mean) : guess;
    return code.map((/** @type {number} */ value) => value * unit);
  }

  /** Covariance of a code, where the page can tell it, kept for the place asked last. On the move it is left out where it takes long. @param {ArrayLike<number>} z @returns {number[][] | null} */
  covariance(z) {
    const { polish, facts: { unit, size, parameters } } = this, given = this.data?.condition(-1) ?? null, key = `${z} ${given}`;
    if (!polish) return null;
    if (this.covarianceKey !== key) {
      if (this.moving && size * parameters > LIVE) return null;
      polish.condition = given;
      const found = polish.covariance(Float64Array.from(z, (value) => value / unit));
      this.covarianceKey = key;
      this.covarianceThere = found.map((/** @type {number[]} */ row) => row.map((value) => unit * unit * value));
    }
    return /** @type {number[][]} */ (this.covarianceThere);
  }

  /** Standard errors of a code. @param {ArrayLike<number>} z @returns {number[] | null} */
  standardErrors(z) {
    const found = this.covariance(z)?.map((row, i) => Math.sqrt(row[i]));
    return found?.every(Number.isFinite) ? found : null;
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

  /** A difference squared, in the units of the evaluation. @param {number} off @param {number} column */
  squared(off, column) {
    const { scaling, errorWeights } = this.facts, scaled = off / (errorWeights === "model" ? scaling.spread[column] : 1);
    return scaled * scaled;
  }

  /** In what the error is given. */
  get errorUnit() {
    const { data } = this, scaled = this.facts.errorWeights === "model" ? "scaled " : "";
    return data.lines?.center ? "per value, in standard units" : `per ${scaled}${data.facts.part}`;
  }

  /** Squared error per feature of a reconstruction; missing cells are left out. @param {ArrayLike<number>} row @param {ArrayLike<number>} again */
  error(row, again) {
    let sum = 0, present = 0;
    for (let i = 0; i < row.length; i++) {
      const square = this.squared(row[i] - again[i], i);
      if (!Number.isNaN(square)) [sum, present] = [sum + square, present + 1];
    }
    return sum / Math.max(1, present);
  }

  /** The share of items with a larger error. @param {number} error */
  better(error) {
    let above = 0;
    for (let item = 0; item < this.data.n; item++) if (this.errors[item] > error) above++;
    return above / this.data.n;
  }

  /** Fields of the table, those first of which the place on the map says most. */
  get telling() {
    return (this.told ??= tellingFields(this));
  }

  /** How uncertain a place is, as a quantile of training codes, by the measure chosen. @param {ArrayLike<number>} z */
  uncertainty(z) {
    return this.byTrip && this.reads && this.facts.trips ? this.trip(z) : this.near(z);
  }

  /** Quantile of how far a place is from where its decode is encoded again. @param {ArrayLike<number>} z */
  trip(z) {
    const again = this.encode(this.decode(z), true);
    return quantile(this.facts.trips, Math.sqrt(this.facts.deviation.reduce((/** @type {number} */ sum, /** @type {number} */ scale, /** @type {number} */ i) => sum + ((again[i] - z[i]) / scale) ** 2, 0)));
  }

  /** Quantile of the mean distance to the five nearest training codes. @param {ArrayLike<number>} z */
  near(z) {
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
    return quantile(distances, distance);
  }

  /** The nearest items to a place, in standardised codes. @param {ArrayLike<number>} z @param {number} count @param {number} [except] */
  nearest(z, count, except = -1) {
    const { deviation } = this.facts;
    /** @type {number[][]} */ const far = [];
    for (let item = 0; item < this.data.n; item++) {
      if (item === except) continue;
      let square = 0;
      for (let i = 0; i < this.size; i++) square += ((this.codes[item * this.size + i] - z[i]) / deviation[i]) ** 2;
      if (far.length === count && square >= far[count - 1][0]) continue;
      let at = Math.min(far.length, count - 1);
      for (; at > 0 && far[at - 1][0] > square; at--) far[at] = far[at - 1];
      far[at] = [square, item];
    }
    return far.map((pair) => pair[1]);
  }
}

/** Where a value lies among evenly spaced quantiles, in [0, 1]. @param {number[]} quantiles @param {number} value */
function quantile(quantiles, value) {
  if (!(value <= quantiles[quantiles.length - 1])) return 1;
  const above = quantiles.findIndex((other) => other >= value);
  if (above <= 0) return 0;
  const share = (value - quantiles[above - 1]) / (quantiles[above] - quantiles[above - 1] || 1);
  return (above - 1 + share) / (quantiles.length - 1);
}

/** What items may be coloured by beside their own numbers. @param {any} facts @param {ArrayBuffer} block */
function measure({ origin, values, ...facts }, block) {
  const read = Float64Array.from(tensor(block, values), (value) => origin + value);
  return { ...facts, values: read, order: read.filter((value) => !Number.isNaN(value)).sort() };
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
    this.lines = facts.lines; // channels over time
    this.sound = facts.sound;
    this.drawn = this.pictures || Boolean(this.lines); // small enough to be looked at as a whole
    /** @type {number[][] | undefined} */ this.usual = undefined;
    /** @type {{name: string, kind: string, whole: boolean, values: Float64Array, order: Float64Array}[]} */
    this.measures = (facts.measures || []).map((/** @type {any} */ one) => measure(one, block));
    this.fields = fieldsOf(facts);
    /** @type {{low: number[], high: number[]} | null} */ this.reached = null;
    /** @type {{mean: Float64Array, spread: Float64Array} | null} */ this.moment = null;
    /** @type {Map<number, Float64Array>} */ this.sorted = new Map();
    /** @type {Map<number, number | null> | undefined} */ this.written = undefined;
    this.given = facts.given && { names: facts.given.names, width: facts.given.choices.shape[1], choices: tensor(block, facts.given.choices), own: tensor(block, facts.given.own) };
    this.asGiven = -1; // the condition chosen for everything; each row's own without
    this.reference = 0; // the item looked at last, whose condition a place without an item has
  }

  /** The condition chosen, or else that of an item; null where rows are given nothing. @param {number} item @returns {Float32Array | Int32Array | null} */
  condition(item) {
    if (!this.given) return null;
    const { choices, own, width } = this.given, at = this.asGiven >= 0 ? this.asGiven : item >= 0 ? item : this.reference;
    return (this.asGiven >= 0 ? choices : own).subarray(at * width, (at + 1) * width);
  }

  /** That condition in words, where it is one of those to choose from. @param {number} item */
  conditionName(item) {
    const found = this.condition(item), { names = [], choices = [], width = 0 } = this.given || {};
    return names.find((/** @type {string} */ _, /** @type {number} */ k) => found?.every((/** @type {number} */ value, /** @type {number} */ i) => Math.abs(value - choices[k * width + i]) < 1e-5)) || "";
  }

  /** Least and largest of each column over the items. */
  get reach() {
    if (this.reached) return this.reached;
    const low = Array(this.width).fill(Infinity), high = Array(this.width).fill(-Infinity);
    for (let at = 0; at < this.n * this.width; at++) {
      const i = at % this.width, value = this.rows[at];
      if (value < low[i]) low[i] = value;
      if (value > high[i]) high[i] = value;
    }
    return (this.reached = { low, high });
  }

  /** Mean and standard deviation of each column over the items, missing cells left out. */
  get moments() {
    if (this.moment) return this.moment;
    const [mean, square, count] = [0, 1, 2].map(() => new Float64Array(this.width));
    for (const pass of [0, 1]) {
      for (let at = 0; at < this.n * this.width; at++) {
        const i = at % this.width, value = this.rows[at];
        if (Number.isNaN(value)) continue;
        if (pass) square[i] += (value - mean[i]) ** 2;
        else {
          count[i]++;
          mean[i] += (value - mean[i]) / count[i];
        }
      }
    }
    return (this.moment = { mean, spread: square.map((sum, i) => Math.sqrt(sum / Math.max(1, count[i])) || 1) });
  }

  /** Where an item's value of a column lies between the least and the largest. @param {number} column @param {number} item */
  share(column, item) {
    const { low, high } = this.reach;
    return (this.row(item)[column] - low[column]) / (high[column] - low[column] || 1);
  }

  /** The values of a column over the items, in order, what is missing left out. @param {number} column @returns {Float64Array} */
  ordered(column) {
    const found = this.sorted.get(column) || Float64Array.from({ length: this.n }, (_, item) => this.rows[item * this.width + column]).filter((value) => !Number.isNaN(value)).sort();
    this.sorted.set(column, found);
    return found;
  }

  /** Decimals with which a column's values were written; null where they have more than four. @param {number} column @returns {number | null} */
  decimals(column) {
    this.written ??= new Map();
    if (!this.written.has(column)) {
      const values = this.ordered(column), width = this.reach.high[column] - this.reach.low[column];
      this.written.set(column, [0, 1, 2, 3, 4].find((places) => values.every((value) => isWritten(value, places, width))) ?? null);
    }
    return /** @type {number | null} */ (this.written.get(column));
  }

  /** @param {number} item */
  row(item) {
    return this.rows.subarray(item * this.width, (item + 1) * this.width);
  }

  /** A row in the units of the data as the model has it; the same but for windows, whose channels are standardized. @param {ArrayLike<number>} row */
  inModelUnits(row) {
    if (!this.lines?.center) return row;
    const { length, center, spread } = this.lines;
    return Float64Array.from(row, (value, i) => (value - center[Math.floor(i / length)]) / spread[Math.floor(i / length)]);
  }

  /** @param {number} item */
  label(item) {
    return this.labels && item < this.n ? this.facts.classes[this.labels[item]] : "";
  }

  /** @param {number} item */
  name(item) {
    if (item >= this.n) return `made up: ${this.facts.probes[item - this.n]}`;
    const label = this.label(item);
    return `${label ? `${label}, ` : ""}${this.facts.noun === "word" ? "" : `${this.facts.noun} `}${this.facts.ids[item]}`;
  }
}
