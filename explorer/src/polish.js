// The best code of a row, from the encoder's guess: the steps of isthmus.inference.descent, and the code's error from them.
import { ACTIVATIONS, erf, logSoftClip, network, sigmoid, withCondition } from "./network.js";
import { tensor } from "./payload.js";

/** @typedef {Float64Array} Row */
/** @typedef {{value: Row, along: Row[]}} Moved a row and its derivative along each latent */

const SHORTER = 0.25, LEVEL = 1e-6, SOFTNESS = 0.02, TINY = 1.1754943508222875e-38;

/** @type {Record<string, (x: number) => number>} */
const SLOPES = {
  relu: (x) => (x > 0 ? 1 : 0),
  silu: (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x))),
  gelu: (x) => 0.5 * (1 + erf(x / Math.SQRT2)) + (x * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI),
  tanh: (x) => 1 - Math.tanh(x) ** 2,
  sigmoid: (x) => sigmoid(x) * (1 - sigmoid(x)),
};

/** @param {ArrayLike<number>} a @param {ArrayLike<number>} b */
function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** A layer, of a row and its derivatives. @param {ArrayBuffer} block @param {any} layer @returns {(at: Moved) => Moved} */
function rule(block, layer) {
  const slope = SLOPES[layer.kind], activation = ACTIVATIONS[layer.kind];
  if (slope) return ({ value, along }) => {
    const steep = value.map(slope);
    return { value: value.map(activation), along: along.map((t) => t.map((v, i) => v * steep[i])) };
  };
  const run = network(block, { residual: [layer] });
  return ({ value, along }) => {
    const bias = run(new Float64Array(value.length)); // every other layer is a linear map and a bias
    return { value: run(value), along: along.map((t) => run(t).map((v, i) => v - bias[i])) };
  };
}

/** A decoder with its Jacobian, by forward mode. @param {ArrayBuffer} block @param {any} program @returns {(z: Row) => Moved} */
export function differentiable(block, program) {
  const divide = program.divide && tensor(block, program.divide), multiply = program.multiply && tensor(block, program.multiply);
  /** @type {((at: Moved) => Moved) | null} */ const skip = program.skip && rule(block, program.skip);
  const residual = program.residual && program.residual.map((/** @type {any} */ layer) => rule(block, layer));
  return (z) => {
    const unit = (/** @type {number} */ i) => (divide ? 1 / divide[i] : 1);
    /** @type {Moved} */ const input = { value: z.map((v, i) => v * unit(i)), along: Array.from(z, (_, k) => z.map((_, i) => (i === k ? unit(i) : 0))) };
    /** @type {Moved | null} */ let found = residual ? residual.reduce((/** @type {Moved} */ at, /** @type {(at: Moved) => Moved} */ next) => next(at), input) : null;
    if (skip) {
      const linear = skip(input), residue = found;
      found = residue ? { value: linear.value.map((v, i) => v + residue.value[i]), along: linear.along.map((t, k) => t.map((v, i) => v + residue.along[k][i])) } : linear;
    }
    if (!multiply) return /** @type {Moved} */ (found);
    const scaled = (/** @type {Row} */ row) => row.map((v, i) => v * multiply[i]);
    return { value: scaled(/** @type {Moved} */ (found).value), along: /** @type {Moved} */ (found).along.map(scaled) };
  };
}

/** The slope of the soft clip's logarithm. @param {number} v */
function softSlope(v) {
  const steep = v / SOFTNESS;
  return steep < -12 ? 1 / SOFTNESS : (sigmoid(steep) - sigmoid(steep - 1 / SOFTNESS)) / Math.exp(logSoftClip(v));
}

/** How a decoder's output is compared with a row: cost, its slope in the output, and the root of the Fisher information. @param {any} mean @returns {((y: number, x: number) => number[]) | null} */
export function comparison(mean) {
  if (mean.kind === "identity") return (y, x) => [0.5 * (y - x) ** 2, y - x, 1];
  if (mean.kind === "sigmoid") return (y, x) => {
    const m = sigmoid(y), slope = m * (1 - m);
    return [0.5 * (m - x) ** 2, (m - x) * slope, slope];
  };
  if (mean.kind === "bernoulli") return (y, x) => {
    const odds = mean.soft_clip ? logSoftClip(y) - logSoftClip(1 - y) : y, slope = mean.soft_clip ? softSlope(y) + softSlope(1 - y) : 1;
    const p = sigmoid(odds), q = Math.min(0.999, Math.max(0.001, p));
    return [Math.max(odds, 0) + Math.log1p(Math.exp(-Math.abs(odds))) - x * odds, (p - x) * slope, (p * (1 - p) * slope) / Math.sqrt(q * (1 - q))];
  };
  return null;
}

export class Polish {
  /** @param {any} facts the tab's @param {ArrayBuffer} block */
  constructor(facts, block) {
    const { metric, bank, steps, precision, noise } = facts.polish;
    this.size = facts.size;
    this.steps = steps;
    this.noise = noise; // what a squared error is divided by, in nats
    this.metric = tensor(block, metric).map((v) => v * precision);
    this.bank = bank && tensor(block, bank);
    this.decoder = differentiable(block, facts.decoder.network);
    this.compare = /** @type {(y: number, x: number) => number[]} */ (comparison(facts.decoder.mean));
    /** @type {Row[] | null} */ this.outputs = null;
    const run = network(block, facts.decoder.network), derive = this.decoder;
    /** @type {ArrayLike<number> | null} */ this.given = null; // what the row at hand is given
    this.flow = (/** @type {Row} */ z) => run(withCondition(z, this.given));
    this.decoder = (/** @type {Row} */ z) => {
      const { value, along } = derive(withCondition(z, this.given));
      return { value, along: along.slice(0, this.size) };
    };
  }

  /** Another condition, under which the decoder is another function. @param {ArrayLike<number> | null} given */
  set condition(given) {
    if (String(given) !== String(this.given)) this.outputs = null;
    this.given = given;
  }

  /** @param {ArrayLike<number>} y @param {ArrayLike<number>} x */
  cost(y, x) {
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += this.compare(y[i], x[i])[0];
    return sum;
  }

  /** The guess, or the code of a training row that lies closer. @param {Row} x @param {Row} guess @param {(y: Row) => Row} mean */
  start(x, guess, mean) {
    const { bank, size } = this;
    if (!bank || !bank.length) return guess;
    const outputs = this.outputs = this.outputs || Array.from({ length: bank.length / size }, (_, row) => this.flow(Float64Array.from(bank.subarray(row * size, (row + 1) * size))));
    let best = 0, least = Infinity;
    outputs.forEach((y, row) => {
      const again = mean(y);
      let square = 0;
      for (let i = 0; i < x.length; i++) square += (again[i] - x[i]) ** 2;
      if (square < least) [best, least] = [row, square];
    });
    return this.cost(outputs[best], x) < this.cost(this.flow(guess), x) ? Float64Array.from(bank.subarray(best * size, (best + 1) * size)) : guess;
  }

  /** The code of a row in the model's units, from the encoder's. @param {Row} x @param {Row} guess @param {(y: Row) => Row} mean */
  code(x, guess, mean) {
    if (!this.steps) return guess;
    let z = this.start(x, guess, mean), here = this.ahead(x, z), reach = 1;
    for (let step = 0; step < this.steps; step++) {
      const at = here, by = reach, trial = z.map((v, i) => v + by * at.length * at.direction[i]);
      if (step === this.steps - 1) return this.cost(this.flow(trial), x) <= here.energy + LEVEL * Math.abs(here.energy) ? trial : z;
      const there = this.ahead(x, trial), lower = there.energy <= here.energy + LEVEL * Math.abs(here.energy);
      if (lower) [z, here, reach] = [trial, there, 1];
      else reach *= SHORTER;
    }
    return z;
  }

  /** Cost at z, the direction to go, and how far along it the minimum lies, to second order. @param {Row} x @param {Row} z */
  ahead(x, z) {
    const { value, along } = this.decoder(z), { size, metric } = this;
    const slope = new Float64Array(x.length), root = new Float64Array(x.length);
    let energy = 0;
    for (let i = 0; i < x.length; i++) {
      const [cost, steep, information] = this.compare(value[i], x[i]);
      energy += cost;
      slope[i] = steep;
      root[i] = information;
    }
    const gradient = along.map((t) => dot(t, slope));
    const direction = z.map((_, i) => -gradient.reduce((sum, g, k) => sum + g * metric[k * size + i], 0));
    let bend = 0;
    for (let i = 0; i < x.length; i++) bend += (root[i] * along.reduce((sum, t, k) => sum + t[i] * direction[k], 0)) ** 2;
    return { energy, direction, length: -dot(gradient, direction) / (bend + TINY) };
  }

  /** The covariance of a code in the model's units, H^-1 with H = J'WJ. @param {Row} z @returns {number[][]} */
  covariance(z) {
    const { value, along } = this.decoder(z), root = value.map((y) => this.compare(y, 0)[2] / Math.sqrt(this.noise));
    const white = along.map((t) => t.map((v, i) => v * root[i]));
    return inverse(white.map((a) => white.map((b) => dot(a, b))));
  }
}

/** Of a symmetric positive definite matrix, by Gauss-Jordan; a latent that moves nothing has no error to tell. @param {number[][]} matrix */
export function inverse(matrix) {
  const n = matrix.length, least = 1e-9 * matrix.reduce((sum, row, i) => sum + row[i], 0) / n + TINY;
  const rows = matrix.map((row, i) => [...row.map((v, j) => v + (i === j ? least : 0)), ...row.map((_, j) => (i === j ? 1 : 0))]);
  for (let i = 0; i < n; i++) {
    const pivot = rows[i][i];
    for (let j = 0; j < 2 * n; j++) rows[i][j] /= pivot;
    for (let k = 0; k < n; k++) if (k !== i) {
      const by = rows[k][i];
      for (let j = 0; j < 2 * n; j++) rows[k][j] -= by * rows[i][j];
    }
  }
  return rows.map((row) => row.slice(n));
}

/** Where nine of ten codes of a row lie, seen on the map: half axes of an ellipse and its turn, or half of a bar. @param {any} model @param {ArrayLike<number>} z */
export function band(model, z) {
  const covariance = model.covariance(z), { size } = model;
  if (!covariance) return null;
  const seen = (/** @type {number} */ a, /** @type {number} */ b) => {
    let sum = 0;
    for (let i = 0; i < size; i++) for (let k = 0; k < size; k++) sum += model.axes[a * size + i] * covariance[i][k] * model.axes[b * size + k];
    return sum;
  };
  const across = seen(0, 0);
  if (model.nAxes < 2) return { half: [1.645 * Math.sqrt(across), 0], turn: 0 };
  const up = seen(1, 1), both = seen(0, 1), middle = (across + up) / 2, apart = Math.hypot((across - up) / 2, both);
  const half = [middle + apart, Math.max(0, middle - apart)].map((v) => 2.146 * Math.sqrt(v)); // 90% of a normal in the plane
  return { half, turn: 0.5 * Math.atan2(2 * both, across - up) };
}

/** The band about the place selected, drawn. @param {any} map @param {any} pen @param {string} colour */
export function drawBand(map, pen, colour) {
  const { model } = map, found = band(model, map.app.state.z);
  if (!found || !found.half.every(Number.isFinite)) return;
  const [x, y] = map.place(), [zero, one] = [map.toScreen(0, 0)[0], map.toScreen(1, 0)[0]], scale = one - zero;
  pen.save();
  map.clip(pen);
  pen.beginPath();
  if (map.line) {
    pen.moveTo(x - scale * found.half[0], y);
    pen.lineTo(x + scale * found.half[0], y);
  } else pen.ellipse(x, y, scale * found.half[0], scale * found.half[1], -found.turn, 0, 2 * Math.PI);
  pen.lineWidth = 1.5;
  pen.strokeStyle = colour;
  pen.stroke();
  pen.restore();
}
