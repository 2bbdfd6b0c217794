// The way from A to B: eleven decodes on a straight path of codes, the uncertainty under each, and for pictures their cross-fade.
import { cellText, deviation } from "./columns.js";
import { element, fill } from "./dom.js";
import { checkbox } from "./layers.js";
import { thumbnail } from "./pictures.js";

const LINES = 7;

/** @param {number[]} a @param {number[]} b @param {number} t @param {boolean} circle */
export function between(a, b, t, circle) {
  const length = (/** @type {number[]} */ v) => Math.hypot(...v), [p, q] = [length(a), length(b)];
  if (circle && p && q) {
    const angle = Math.acos(Math.max(-1, Math.min(1, a.reduce((sum, v, i) => sum + v * b[i], 0) / p / q)));
    if (angle > 1e-6 && angle < Math.PI - 1e-6) {
      const far = (1 - t) * p + t * q, u = Math.sin((1 - t) * angle) / Math.sin(angle) / p, w = Math.sin(t * angle) / Math.sin(angle) / q;
      return a.map((v, i) => far * (u * v + w * b[i]));
    }
  }
  return a.map((v, i) => (1 - t) * v + t * b[i]);
}

/** @param {any} app */
export function drawPath(app) {
  const { state, model, data } = app, { a, b } = state;
  const ends = element("div", { class: "row ends" }, /** @type {const} */ ([["a", a], ["b", b]]).map(([end, item]) => element("span", { class: "row" }, [
    element("button", { type: "button", id: `set-${end}`, text: `Set ${end.toUpperCase()} here`, onclick: () => app.setEnd(end) }),
    ...(item < 0 ? [] : [element("span", { class: "small", text: `${end.toUpperCase()} is ${data.name(item)}` })])])));
  if (a < 0 || b < 0) return fill("path", ends, element("p", { class: "small", text: `Select a ${app.what} and set it as A, another as B. A and B can also be dragged on the map.` }));
  const codes = [model.code(a), model.code(b)], rows = [data.row(a), data.row(b)];
  const steps = Array.from({ length: 11 }, (_, k) => k / 10);
  const places = steps.map((t) => between(codes[0], codes[1], t, state.circle));
  const slider = element("input", { type: "range", id: "t", min: 0, max: 1, step: 0.01, oninput: () => app.along(Number(slider.value)) });
  slider.value = state.t;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const play = element("button", { type: "button", id: "play", text: app.playing ? "Stop" : "Play", disabled: still, onclick: () => app.play() });
  const circle = model.facts.prior && model.size > 2 ? [element("label", {}, [checkbox(state.circle, (on) => app.set({ circle: on })), "great circle"])] : [];
  const inside = places.every((z) => model.uncertainty(z) < 0.99);
  const where = inside ? "the path stays among the data" : "where the bar is hatched there are few data, and the decoder makes things up";
  fill("path", ends, element("p", { class: "small", text: `Decoded at eleven steps from A to B; ${where}.` }),
    ...(data.drawn ? frames(model, places, steps, rows) : [curves(model, places, rows)]), element("div", { class: "along" }, [play, element("label", { for: "t", text: "A to B" }), slider, ...circle]));
}

/** Under a step: plain among the data, hatched outside. @param {number} uncertainty */
const bar = (uncertainty) => element("div", { class: `uncertainty-bar ${uncertainty < 0.95 ? "" : uncertainty < 0.99 ? "some" : "much"}` });

/** @param {import("./model.js").Model} model @param {number[][]} places @param {number[]} steps @param {ArrayLike<number>[]} rows */
function frames(model, places, steps, rows) {
  const decoded = element("div", { class: "frames" }, places.map((z, k) => {
    const uncertainty = model.uncertainty(z);
    return element("div", { role: "img", "aria-label": `step ${k} of 10, ${uncertainty < 0.95 ? "inside" : uncertainty < 0.99 ? "at the edge of" : "outside"} the data` }, [thumbnail(model, model.decode(z)), bar(uncertainty)]);
  }));
  const fades = element("div", { class: "frames", "aria-hidden": "true" }, steps.map((t) => thumbnail(model, Array.from(rows[0], (v, i) => (1 - t) * v + t * rows[1][i]))));
  return [decoded, element("p", { class: "small", text: `For comparison, the two originals cross-faded ${model.data.facts.part} by ${model.data.facts.part}.` }), fades];
}

/** Of a table: the columns that change most on the way, each with its values at both ends and its course between. @param {import("./model.js").Model} model @param {number[][]} places @param {ArrayLike<number>[]} rows */
function curves(model, places, rows) {
  const { data } = model, decoded = places.map((z) => model.decode(z)), last = decoded[10];
  const change = (/** @type {number} */ i) => (data.fields[i].kind === "category" ? Number(cellText(data, data.fields[i], rows[0]) !== cellText(data, data.fields[i], rows[1])) : Math.abs(deviation(data, data.fields[i], last) - deviation(data, data.fields[i], decoded[0])));
  const order = [...data.fields.keys()].sort((a, b) => change(b) - change(a)).slice(0, LINES);
  const head = element("tr", {}, [["column", null], ["A", "number"], ["decoded on the way", null], ["B", "number"]].map(([text, kind]) => element("th", { scope: "col", class: kind, text })));
  const way = element("tr", {}, [element("th", { scope: "row", text: "nearness to data" }), element("td", {}), element("td", {}, [element("div", { class: "frames" }, places.map((z) => bar(model.uncertainty(z))))]), element("td", {})]);
  return element("table", { class: "way" }, [element("thead", {}, [head]), element("tbody", {}, [...order.map((i) => {
    const field = data.fields[i];
    const middle = field.kind === "category" ? element("td", { class: "small", text: decoded.map((row) => cellText(data, field, row).replace(/, \d+%$/, "")).filter((name, k, all) => name !== all[k - 1]).join(" → ") }) : element("td", {}, [course(decoded.map((row) => deviation(data, field, row)))]);
    return element("tr", {}, [element("th", { scope: "row", text: field.name }), element("td", { class: "number", text: cellText(data, field, rows[0], true) }), middle, element("td", { class: "number", text: cellText(data, field, rows[1], true) })]);
  }), way])]);
}

/** Eleven values as a small line, from two standard deviations below the mean to two above, or as far as they go. @param {number[]} values */
function course(values) {
  const reach = Math.max(2, ...values.map(Math.abs)), points = values.map((v, k) => `${k * 10},${(12 - (11 * v) / reach).toFixed(1)}`).join(" ");
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ viewBox: "0 0 100 24", preserveAspectRatio: "none", class: "course", "aria-hidden": "true" })) drawn.setAttribute(name, value);
  for (const [kind, line] of [["middle", "0,12 100,12"], ["line model", points]]) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    made.setAttribute("class", kind);
    made.setAttribute("points", line);
    drawn.append(made);
  }
  return drawn;
}
