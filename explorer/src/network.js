// The runtime: a program of layers, run on one flat row in double precision. It knows what the library has.
import { tensor } from "./payload.js";

/** @typedef {(row: ArrayLike<number>) => Float64Array} Step */

/** erf to rounding: a series of positive terms near zero, a continued fraction beyond. @param {number} x */
export function erf(x) {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size < 2.5) {
    let term = x, total = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total); n++) total += term *= (2 * x * x) / (2 * n + 1);
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
  }
  let fraction = 0;
  for (let k = 60; k > 0; k--) fraction = k / 2 / (size + fraction);
  return Math.sign(x) * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (size + fraction));
}

/** @param {number} x */
export const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** @type {Record<string, (x: number) => number>} */
export const ACTIVATIONS = {
  relu: (x) => (x > 0 ? x : 0),
  silu: (x) => x * sigmoid(x),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  tanh: Math.tanh,
  sigmoid,
};

/** @param {ArrayBuffer} block @param {any} layer @returns {Step} */
function linear(block, layer) {
  const weight = tensor(block, layer.weight), bias = tensor(block, layer.bias);
  const [nOut, nIn] = layer.weight.shape;
  return (x) => {
    const y = new Float64Array(nOut);
    for (let o = 0, at = 0; o < nOut; o++) {
      let sum = bias[o];
      for (let i = 0; i < nIn; i++) sum += weight[at++] * x[i];
      y[o] = sum;
    }
    return y;
  };
}

/** Both convolutions: the transposed one scatters where the plain one gathers. @param {ArrayBuffer} block @param {any} layer @returns {Step} */
function convolution(block, layer) {
  const weight = tensor(block, layer.weight), bias = tensor(block, layer.bias);
  const [nIn, nOut] = layer.channels, [height, width] = layer.input, [high, wide] = layer.output;
  const [[tall, broad], [down, right], [above, left]] = [layer.kernel, layer.stride, layer.padding].map(pair);
  const transposed = layer.kind !== "convolution";
  return (x) => {
    const y = new Float64Array(nOut * high * wide);
    for (let o = 0; o < nOut; o++) y.fill(bias[o], o * high * wide, (o + 1) * high * wide);
    const [rows, columns] = transposed ? [height, width] : [high, wide];
    const [far, side] = transposed ? [high, wide] : [height, width];
    for (let o = 0; o < nOut; o++) for (let i = 0; i < nIn; i++) {
      const base = (transposed ? i * nOut + o : o * nIn + i) * tall * broad;
      for (let a = 0; a < tall; a++) for (let b = 0; b < broad; b++) {
        const w = weight[base + a * broad + b];
        for (let r = 0; r < rows; r++) {
          const s = r * down - above + a;
          if (s < 0 || s >= far) continue;
          for (let c = 0; c < columns; c++) {
            const t = c * right - left + b;
            if (t < 0 || t >= side) continue;
            if (transposed) y[(o * high + s) * wide + t] += w * x[(i * height + r) * width + c];
            else y[(o * high + r) * wide + c] += w * x[(i * height + s) * width + t];
          }
        }
      }
    }
    return y;
  };
}

/** Along height and width; one number serves both. @param {number | number[]} size @returns {number[]} */
const pair = (size) => (Array.isArray(size) ? size : [size, size]);

/** Each group of channels to mean 0 and variance 1 over all its places, then a gain and a bias a channel. @param {ArrayBuffer} block @param {any} layer @returns {Step} */
function groupNormalization(block, layer) {
  const weight = tensor(block, layer.weight), bias = tensor(block, layer.bias), { groups, epsilon } = layer;
  return (x) => {
    const y = Float64Array.from(x), size = y.length / groups, places = y.length / weight.length;
    for (let begin = 0; begin < y.length; begin += size) {
      let mean = 0, square = 0;
      for (let i = begin; i < begin + size; i++) mean += y[i] / size;
      for (let i = begin; i < begin + size; i++) square += (y[i] - mean) ** 2 / size;
      const scale = 1 / Math.sqrt(square + epsilon);
      for (let i = begin; i < begin + size; i++) {
        const channel = Math.floor(i / places);
        y[i] = (y[i] - mean) * scale * weight[channel] + bias[channel];
      }
    }
    return y;
  };
}

/** @param {ArrayBuffer} block @param {any} layer @returns {Step} */
function step(block, layer) {
  if (layer.kind === "group normalization") return groupNormalization(block, layer);
  if (layer.kind === "linear") return linear(block, layer);
  if (layer.kind.endsWith("convolution")) return convolution(block, layer);
  const activation = ACTIVATIONS[layer.kind];
  if (!activation) throw new Error(`this page cannot run a layer of the kind ${layer.kind}.`);
  return (x) => Float64Array.from(x, activation);
}

/** y = s ⊙ (skip(x/t) + residual(x/t)). @param {ArrayBuffer} block @param {any} program @returns {Step} */
export function network(block, program) {
  const divide = program.divide && tensor(block, program.divide);
  const multiply = program.multiply && tensor(block, program.multiply);
  const skip = program.skip && step(block, program.skip);
  const residual = program.residual && program.residual.map((/** @type {any} */ layer) => step(block, layer));
  return (x) => {
    const input = divide ? Float64Array.from(x, (value, i) => value / divide[i]) : x;
    let y = residual ? residual.reduce((/** @type {any} */ row, /** @type {Step} */ next) => next(row), input) : null;
    if (skip) {
      const flat = skip(input);
      y = y ? flat.map((/** @type {number} */ value, /** @type {number} */ i) => value + y[i]) : flat;
    }
    return multiply ? y.map((/** @type {number} */ value, /** @type {number} */ i) => value * multiply[i]) : y;
  };
}

/** What a network reads: a code or a row with what it is given. @param {Float64Array} values @param {ArrayLike<number> | null} given */
export function withCondition(values, given) {
  if (!given) return values;
  const joined = new Float64Array(values.length + given.length);
  joined.set(values);
  joined.set(given, values.length);
  return joined;
}

/** @param {any} code @param {number} size @returns {(h: Float64Array) => Float64Array} */
export function bottleneck(code, size) {
  if (code.kind === "gaussian") return (h) => h.slice(0, size);
  if (code.kind === "rectified") return (h) => h.map(ACTIVATIONS.relu);
  if (code.kind === "top_k") return (h) => {
    const kept = new Set([...h.keys()].sort((a, b) => Math.abs(h[b]) - Math.abs(h[a])).slice(0, code.k));
    return h.map((value, i) => (kept.has(i) ? value : 0));
  };
  return (h) => h;
}

const SOFTNESS = 0.02;
/** @param {number} x */
const softplus = (x) => (x > 30 ? x : Math.log1p(Math.exp(x)));
/** @param {number} value */
export function logSoftClip(value) {
  const steep = value / SOFTNESS, inside = Math.max(steep, -12);
  const clipped = inside > 1 / SOFTNESS + 30 ? 1 / SOFTNESS : softplus(inside) - softplus(inside - 1 / SOFTNESS);
  return Math.log(SOFTNESS) + Math.log(clipped) + steep - inside;
}

/** The decoded row from the decoder's output. @param {any} mean @returns {(y: Float64Array) => Float64Array} */
export function meanOf(mean) {
  /** @param {number} y */
  const bernoulli = (y) => sigmoid(mean.soft_clip ? logSoftClip(y) - logSoftClip(1 - y) : y);
  if (mean.kind === "sigmoid") return (y) => y.map(sigmoid);
  if (mean.kind === "bernoulli") return (y) => y.map(bernoulli);
  if (mean.kind === "mixed") return (y) => {
    const answer = y.slice();
    for (const i of mean.booleans) answer[i] = bernoulli(y[i]);
    for (const [i, center, spread, floor] of mean.counts || []) answer[i] = (floor * softplus((center + spread * y[i]) / floor) - center) / spread;
    for (const [begin, end] of mean.categories) {
      const logs = Array.from(y.subarray(begin, end), mean.soft_clip ? logSoftClip : (x) => x);
      const most = Math.max(...logs), total = logs.reduce((sum, log) => sum + Math.exp(log - most), 0);
      logs.forEach((log, i) => (answer[begin + i] = Math.exp(log - most) / total));
    }
    return answer;
  };
  return (y) => y;
}
