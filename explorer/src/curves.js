// Small charts as SVG: error against the size of the code, training, and what each number of the code is used for.
import { element, said } from "./dom.js";

const WIDTH = 320, HEIGHT = 190, PAD = { left: 58, right: 12, top: 10, bottom: 30 };

/** @param {string} tag @param {Record<string, any>} properties @param {string} [text] */
function svg(tag, properties, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

/**
 * @param {string} title @param {{name: string, kind: string, points: number[][]}[]} series @param {string} across
 */
export function chart(title, series, across) {
  const points = series.flatMap((line) => line.points).filter((point) => point.every(Number.isFinite));
  const high = [0, 1].map((i) => Math.max(...points.map((point) => point[i])));
  const x = (/** @type {number} */ v) => PAD.left + (v / (high[0] || 1)) * (WIDTH - PAD.left - PAD.right);
  const y = (/** @type {number} */ v) => HEIGHT - PAD.bottom - (v / (high[1] || 1)) * (HEIGHT - PAD.top - PAD.bottom);
  const drawn = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title });
  drawn.append(svg("path", { class: "axis", d: `M${PAD.left} ${PAD.top}V${HEIGHT - PAD.bottom}H${WIDTH - PAD.right}` }));
  for (const share of [0, 0.5, 1]) {
    drawn.append(svg("text", { x: PAD.left - 6, y: y(share * high[1]) + 4, "text-anchor": "end" }, said(share * high[1])));
    drawn.append(svg("text", { x: x(share * high[0]), y: HEIGHT - 14, "text-anchor": share === 1 ? "end" : "middle" }, said(Math.round(share * high[0]))));
  }
  drawn.append(svg("text", { x: WIDTH - PAD.right, y: HEIGHT - 1, "text-anchor": "end" }, across));
  for (const line of series) {
    if (line.kind === "bars") for (const [at, value] of line.points) {
      drawn.append(svg("rect", { class: "model", x: x(at) - 2, y: y(value), width: 4, height: Math.max(0, y(0) - y(value)) }));
    } else if (line.kind === "dot") for (const [at, value] of line.points) {
      drawn.append(svg("circle", { class: "model", cx: x(at), cy: y(value), r: 5 }));
    } else drawn.append(svg("path", { class: `line ${line.kind}`, d: line.points.map(([at, value], i) => `${i ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("") }));
  }
  const legend = series.map((line) => element("span", { class: `key ${line.kind}`, text: line.name }));
  return element("figure", {}, [element("figcaption", {}, [element("strong", { text: title }), " ", ...legend]), drawn]);
}

/** @param {import("./model.js").Model} model */
export function charts(model) {
  const { facts } = model, made = [];
  const pca = facts.curve.map((/** @type {number} */ value, /** @type {number} */ k) => [k, value]).slice(0, Math.max(12, 3 * facts.size));
  made.push(chart("Error per number of the code", [
    { name: "PCA", kind: "pca", points: pca },
    { name: `${facts.name}, ${facts.size}`, kind: "dot", points: [[Math.min(facts.size, pca.length - 1), facts.mse]] },
  ], "numbers in the code"));
  const { epoch, train_loss: train, validation_loss: held } = facts.history;
  if (epoch && epoch.length > 1) {
    const least = Math.min(0, ...(train || []), ...(held || []));
    const line = (/** @type {number[]} */ values) => values.map((value, i) => [epoch[i], value - least]);
    made.push(chart(least < 0 ? "Training loss above its least" : "Training loss", [
      ...(train ? [{ name: "rows learned from", kind: "pca", points: line(train) }] : []),
      ...(held ? [{ name: "rows held back", kind: "model", points: line(held) }] : []),
    ], "epoch"));
  }
  const { measure, values } = facts.latents;
  made.push(chart(measure === "nats" ? "What each number tells, in nats" : "Variance of each number of the code",
    [{ name: "", kind: "bars", points: values.map((/** @type {number} */ value, /** @type {number} */ i) => [i + 1, value]) }], "number of the code"));
  return made;
}
