// Polishing in the page: derivatives against differences, and codes known on paper.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Model } from "../src/model.js";
import { meanOf, network } from "../src/network.js";
import { band, comparison, differentiable, inverse, Polish } from "../src/polish.js";

const near = (got, wanted, within) => Array.from(wanted).forEach((value, i) => assert.ok(Math.abs(got[i] - value) <= within, `at ${i}: ${got[i]}, not ${value}`));
const draw = (n, from = 1) => Array.from({ length: n }, (_, i) => Math.fround(Math.sin(3 * i + from)));

function packed(arrays) {
  const block = new ArrayBuffer(4 * Object.values(arrays).reduce((sum, { values }) => sum + values.length, 0)), places = {};
  let at = 0;
  for (const [name, { values, shape }] of Object.entries(arrays)) {
    new Float32Array(block, at, values.length).set(values);
    places[name] = { kind: "f32", shape, at };
    at += 4 * values.length;
  }
  return { block, places };
}

for (const kind of ["relu", "silu", "gelu", "tanh", "sigmoid"]) test(`the Jacobian through ${kind} is that of differences`, () => {
  const { block, places } = packed({
    A: { values: draw(8), shape: [4, 2] }, a: { values: draw(4, 2), shape: [4] }, W: { values: draw(6, 3), shape: [3, 2] }, w: { values: draw(3, 4), shape: [3] },
    V: { values: draw(12, 5), shape: [4, 3] }, v: { values: draw(4, 6), shape: [4] }, t: { values: [2, 3], shape: [2] }, s: { values: [1, 2, 3, 4], shape: [4] },
  });
  const linear = (weight, bias) => ({ kind: "linear", weight, bias });
  const program = { divide: places.t, multiply: places.s, skip: linear(places.A, places.a), residual: [linear(places.W, places.w), { kind }, linear(places.V, places.v)] };
  const z = Float64Array.of(0.7, -0.4), run = network(block, program), { value, along } = differentiable(block, program)(z);
  near(value, run(z), 1e-12);
  for (const k of [0, 1]) {
    const [up, down] = [1e-5, -1e-5].map((by) => run(z.map((v, i) => (i === k ? v + by : v))));
    near(along[k], up.map((v, i) => (v - down[i]) / 2e-5), 1e-8);
  }
});

test("and through a transposed convolution", () => {
  const { block, places } = packed({ weight: { values: draw(2 * 3 * 9), shape: [2, 3, 3, 3] }, bias: { values: draw(3, 9), shape: [3] } });
  const program = { residual: [{ kind: "tanh" }, { kind: "transposed convolution", channels: [2, 3], input: [2, 2], output: [3, 3], kernel: 3, stride: 2, padding: 1, weight: places.weight, bias: places.bias }] };
  const z = Float64Array.from(draw(8, 4)), run = network(block, program), { along } = differentiable(block, program)(z);
  const [up, down] = [1e-5, -1e-5].map((by) => run(z.map((v, i) => (i === 5 ? v + by : v))));
  near(along[5], up.map((v, i) => (v - down[i]) / 2e-5), 1e-8);
});

for (const mean of [{ kind: "identity" }, { kind: "sigmoid" }, { kind: "bernoulli", soft_clip: false }, { kind: "bernoulli", soft_clip: true }]) test(`slope and information of ${JSON.stringify(mean)}`, () => {
  const compare = comparison(mean), recovered = meanOf(mean);
  for (const y of [-0.3, 0.05, 0.4, 0.98, 1.2]) for (const x of [0, 0.3, 1]) {
    const [cost, slope, root] = compare(y, x), [[up], [down]] = [compare(y + 1e-6, x), compare(y - 1e-6, x)];
    assert.ok(Math.abs(slope - (up - down) / 2e-6) < 1e-4 * (1 + Math.abs(slope)), `${y} ${x}: ${slope}`);
    assert.ok(cost >= 0);
    const at = (v) => recovered(Float64Array.of(v))[0], p = at(y), steep = (at(y + 1e-6) - at(y - 1e-6)) / 2e-6;
    const variance = mean.kind === "bernoulli" ? Math.max(0.000999, p * (1 - p)) : 1;
    assert.ok(Math.abs(root - steep / Math.sqrt(variance)) < 1e-3 * (1 + root), `${y}: ${root}`);
  }
});

/** A linear decoder with orthonormal directions: its best code is the projection. */
function plane(steps = 1, bank = null) {
  const { block, places } = packed({
    A: { values: [0.6, 0, 0.8, 0, 0, 1], shape: [3, 2] }, a: { values: [1, 2, 3], shape: [3] },
    metric: { values: [0.5, 0, 0, 0.5], shape: [2, 2] }, bank: { values: bank || [0, 0], shape: [(bank || [0, 0]).length / 2, 2] },
  });
  const decoder = { network: { skip: { kind: "linear", weight: places.A, bias: places.a } }, mean: { kind: "identity" } };
  const facts = { size: 2, decoder, unit: 2, polish: { metric: places.metric, bank: bank && places.bank, steps, precision: 2, noise: 0.25 } };
  return { polish: new Polish(facts, block), facts };
}
const same = (y) => y;

test("one step reaches the least-squares code of a linear decoder, wherever it begins", () => {
  near(plane().polish.code(Float64Array.of(1.6, 2.8, 5), Float64Array.of(9, -7), same), [1, 2], 1e-6);
  near(plane(0).polish.code(Float64Array.of(1.6, 2.8, 5), Float64Array.of(9, -7), same), [9, -7], 0);
});

test("a code of the bank that lies closer is where it begins", () => {
  const { polish } = plane(1, [0, 0, 1, 2.1]);
  near(polish.start(Float64Array.of(1.6, 2.8, 5), Float64Array.of(9, -7), same), [1, 2.1], 1e-6);
  near(polish.start(Float64Array.of(1.6, 2.8, 5), Float64Array.of(1, 2), same), [1, 2], 0);
});

test("the band is noise over the decoder's slope, turned with the map's axes", () => {
  const { polish, facts } = plane();
  near(polish.covariance(Float64Array.of(0, 0)).flat(), [0.25, 0, 0, 0.25], 1e-6);
  const model = Object.assign(Object.create(Model.prototype), { polish, facts, size: 2, nAxes: 2, axes: [0, 1, 1, 0] });
  near(band(model, [1, 1]).half, [2.146, 2.146], 1e-4); // 0.5 of the model's units, 1 of the user's
  near(band(Object.assign(model, { nAxes: 1 }), [1, 1]).half, [1.645, 0], 1e-4);
  assert.equal(band(Object.assign(model, { polish: null }), [1, 1]), null);
});

test("a covariance is computed once for a place, and on the move only where that is quick", () => {
  const { polish, facts } = plane(), model = Object.assign(Object.create(Model.prototype), { polish, facts: { ...facts, parameters: 1e7 } });
  let computed = 0;
  const whole = polish.covariance.bind(polish);
  polish.covariance = (z) => (computed++, whole(z));
  model.moving = true;
  assert.equal(model.covariance([1, 1]), null);
  model.moving = false;
  near(model.covariance([1, 1]).flat(), [1, 0, 0, 1], 1e-6);
  model.moving = true; // the map pans, the place stays
  near(model.standardErrors([1, 1]), [1, 1], 1e-6);
  model.facts.parameters = 100;
  near(model.standardErrors([2, 1]), [1, 1], 1e-6);
  assert.equal(computed, 2);
});

test("the inverse of a symmetric matrix", () => near(inverse([[2, 1], [1, 2]]).flat(), [2 / 3, -1 / 3, -1 / 3, 2 / 3], 1e-8));
