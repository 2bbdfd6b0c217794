// What the figures look like as curves: error against the size of the code, training, and how much each latent dimension is used.
import { chart } from "./chart.js";

/** @typedef {import("./model.js").Model} Model */

/** @param {Model} model @param {Model[]} [models] */
export function charts(model, models = [model]) {
  return [errorBySize(model, models), ...training(model), use(model)];
}

/** Error against the size of the code: PCA's curve, each model's own place, and how far PCA must go to do as well. @param {Model} model @param {Model[]} models */
function errorBySize({ facts, errorUnit }, models) {
  const others = models.filter((other) => other.facts !== facts && !other.facts.pca), { size, mse, pcaNeeds: needs } = facts;
  const end = Math.min(facts.curve.length - 1, Math.max(10, 2 * Math.max(size, ...others.map((other) => other.size)), (needs ?? 0) + 2));
  const pca = facts.curve.slice(0, end + 1).map((/** @type {number} */ value, /** @type {number} */ k) => [k, value]);
  const further = needs !== null && needs > size && !facts.pca;
  return chart("Reconstruction error by size of the code", [
    { name: "PCA", kind: "pca", points: pca },
    ...models.filter((other) => other.facts.ownCurve?.length).map((other) => ({ name: other.facts.ownCurve && other.facts === facts ? "its first k dimensions" : `${other.facts.name}, first k`, kind: "model", points: other.facts.ownCurve })),
    ...(further ? [{ name: "", kind: "reach", points: [[size, mse], [Math.min(needs, end), mse]], says: `PCA needs ${needs}` }] : []),
    ...others.map((other) => ({ name: "", kind: "other", points: [[Math.min(other.size, end), other.facts.mse]], says: other.facts.name })),
    { name: facts.name, kind: "dot", points: [[Math.min(size, end), mse]] },
  ], { across: "latent dimensions", up: `squared error ${errorUnit}`, mark: Math.min(size, end) });
}

/** @param {Model} model */
function training({ facts }) {
  const { epoch, train_loss: learned, validation_loss: held } = facts.history;
  if (!epoch || epoch.length < 2) return [];
  const least = Math.min(...(learned || []), ...(held || [])), below = least < 0 ? least : 0; // a log likelihood may lie below 0
  const line = (/** @type {number[]} */ values) => values.map((value, i) => [epoch[i], value - below]);
  return [chart("Training", [
    ...(learned ? [{ name: "training rows", kind: "pca", points: line(learned) }] : []),
    ...(held ? [{ name: "validation rows", kind: "model", points: line(held) }] : []),
  ], { across: "epoch", up: below < 0 ? "loss above its minimum" : "loss", mark: facts.bestEpoch, says: "kept" })];
}

/** @param {Model} model */
function use({ facts }) {
  const { measure, values, unused } = facts.latents, idle = unused.filter(Boolean).length;
  const points = values.map((/** @type {number} */ value, /** @type {number} */ i) => [i + 1, value, Number(unused[i])]);
  return chart("Use of each latent dimension", [{ name: idle ? `${idle} of ${values.length} unused, marked ○` : "", kind: "bars", points }],
    { across: "latent dimension", up: measure === "nats" ? "KL divergence, nats" : "variance over held-out items" });
}
