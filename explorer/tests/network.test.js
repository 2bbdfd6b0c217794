// The runtime against answers known on paper.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ACTIVATIONS, bottleneck, erf, meanOf, network } from "../src/network.js";

const near = (got, wanted, within = 1e-12) => {
  assert.equal(got.length, wanted.length);
  wanted.forEach((value, i) => assert.ok(Math.abs(got[i] - value) <= within, `at ${i}: ${got[i]}, not ${value}`));
};

/** Arrays laid in one block, and where each is. */
function packed(arrays) {
  const block = new ArrayBuffer(4 * Object.values(arrays).reduce((sum, { values }) => sum + values.length, 0));
  const places = {};
  let at = 0;
  for (const [name, { values, shape }] of Object.entries(arrays)) {
    new Float32Array(block, at, values.length).set(values);
    places[name] = { kind: "f32", shape, at };
    at += 4 * values.length;
  }
  return { block, places };
}

test("erf to rounding, on both sides of where its formula changes", () => {
  const known = [[0, 0], [0.5, 0.5204998778130465], [1, 0.8427007929497149], [2.49, 0.9995707121322661], [2.51, 0.9996142945182758], [4, 0.9999999845827421], [7, 1]];
  for (const [x, value] of known) near([erf(x), erf(-x)], [value, -value], 1e-12);
});

test("erf is continuous where its formula changes", () => near([erf(2.5 - 1e-12)], [erf(2.5 + 1e-12)], 1e-13));

test("activations at places that can be worked out", () => {
  near([ACTIVATIONS.relu(-1), ACTIVATIONS.relu(2)], [0, 2]);
  near([ACTIVATIONS.sigmoid(0), ACTIVATIONS.silu(0), ACTIVATIONS.tanh(0), ACTIVATIONS.gelu(0)], [0.5, 0, 0, 0]);
  near([ACTIVATIONS.gelu(1)], [0.8413447460685429]);
  near([ACTIVATIONS.silu(2)], [2 / (1 + Math.exp(-2))]);
  near([ACTIVATIONS.sigmoid(-800), ACTIVATIONS.sigmoid(800)], [0, 1]);
});

test("y = s ⊙ (A(x/t) + a + f(x/t))", () => {
  const { block, places } = packed({
    A: { values: [1, 2, 3, 4], shape: [2, 2] }, a: { values: [10, 20], shape: [2] },
    W: { values: [1, -1], shape: [1, 2] }, w: { values: [0], shape: [1] },
    V: { values: [1, 2], shape: [2, 1] }, v: { values: [0, 0], shape: [2] },
    t: { values: [2, 4], shape: [2] }, s: { values: [1, 10], shape: [2] },
  });
  const run = network(block, {
    divide: places.t, multiply: places.s, skip: { kind: "linear", weight: places.A, bias: places.a },
    residual: [{ kind: "linear", weight: places.W, bias: places.w }, { kind: "relu" }, { kind: "linear", weight: places.V, bias: places.v }],
  });
  near(run([4, 4]), [15, 320]); // x/t = (2, 1): A gives (14, 30), f gives (1, 2)
});

test("groups of channels get mean 0 and variance 1, then a gain and a bias a channel", () => {
  const { block, places } = packed({ weight: { values: [1, 2], shape: [2] }, bias: { values: [0, 10], shape: [2] } });
  const layer = { kind: "group normalization", groups: 1, epsilon: 0, weight: places.weight, bias: places.bias };
  near(network(block, { residual: [layer] })([1, 1, -1, -1]), [1, 1, 8, 8]);
  near(network(block, { residual: [{ ...layer, groups: 2 }] })([5, 3, 4, 0]), [1, -1, 12, 8]);
});

test("a convolution along one axis is that of a picture one pixel high", () => {
  const { block, places } = packed({ weight: { values: [1, 2, 3], shape: [1, 1, 3] }, bias: { values: [0.5], shape: [1] } });
  const shape = { channels: [1, 1], kernel: [1, 3], stride: [1, 2], padding: [0, 1], weight: places.weight, bias: places.bias };
  near(network(block, { residual: [{ kind: "convolution", input: [1, 4], output: [1, 2], ...shape }] })([1, 1, 1, 1]), [5.5, 6.5]);
  near(network(block, { residual: [{ kind: "transposed convolution", input: [1, 2], output: [1, 4], ...shape }] })([1, 1]), [2.5, 4.5, 2.5, 3.5]);
});

test("a convolution of stride 2 and padding 1, and its transpose, are adjoint", () => {
  const draw = (n) => Array.from({ length: n }, (_, i) => Math.fround(Math.sin(3 * i + 1)));
  const { block, places } = packed({ weight: { values: draw(3 * 2 * 9), shape: [3, 2, 3, 3] }, none: { values: [0, 0, 0], shape: [3] } });
  const shape = { kernel: 3, stride: 2, padding: 1, bias: places.none, weight: places.weight };
  const forth = network(block, { residual: [{ kind: "convolution", channels: [2, 3], input: [5, 5], output: [3, 3], ...shape }] });
  const back = network(block, { residual: [{ kind: "transposed convolution", channels: [3, 2], input: [3, 3], output: [5, 5], ...shape }] });
  const x = draw(50), y = draw(27).map((v) => v + 1);
  const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);
  near([dot(Array.from(forth(x)), y)], [dot(x, Array.from(back(y)))], 1e-9);
});

test("what is not known is refused by name", () => {
  assert.throws(() => network(new ArrayBuffer(0), { residual: [{ kind: "attention" }] }), /layer of the kind attention/);
});

test("codes: gaussian keeps the means, rectified the positive, top-k the largest in size", () => {
  const h = Float64Array.of(0.5, -3, 2, -1);
  near(bottleneck({ kind: "gaussian" }, 2)(h), [0.5, -3]);
  near(bottleneck({ kind: "rectified" }, 4)(h), [0.5, 0, 2, 0]);
  near(bottleneck({ kind: "top_k", k: 2 }, 4)(h), [0, -3, 2, 0]);
  near(bottleneck({ kind: "point" }, 4)(h), [0.5, -3, 2, -1]);
});

test("means: a share is between 0 and 1, the words of a column sum to one", () => {
  const y = Float64Array.of(3, -800, 0, 800, 1);
  near(meanOf({ kind: "identity" })(y), y);
  near(meanOf({ kind: "sigmoid" })(y), [1 / (1 + Math.exp(-3)), 0, 0.5, 1, 1 / (1 + Math.exp(-1))]);
  const mixed = meanOf({ kind: "mixed", soft_clip: true, booleans: [0], categories: [[1, 5]] })(y);
  assert.ok(mixed[0] > 0 && mixed[0] <= 1);
  near([mixed[1] + mixed[2] + mixed[3] + mixed[4]], [1], 1e-9);
  const count = meanOf({ kind: "mixed", soft_clip: true, booleans: [], categories: [], counts: [[0, 3, 2, 0.5]] });
  near([count(new Float64Array([1]))[0]], [1], 1e-3); // the identity well above zero, and nothing below it
  near([2 * count(new Float64Array([-9]))[0] + 3], [0], 1e-9);
});
