// The way from A to B: eleven decodes on a straight path of codes, the uncertainty under each, and the fade of the data beside it.
import { element, fill } from "./dom.js";
import { checkbox } from "./layers.js";
import { thumbnail } from "./pictures.js";

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
  if (a < 0 || b < 0) return fill("path", ends, element("p", { class: "small", text: "Select an item and set it as A, another as B; or drag from dot to dot." }));
  const codes = [model.code(a), model.code(b)], rows = [data.row(a), data.row(b)];
  const steps = Array.from({ length: 11 }, (_, k) => k / 10);
  const places = steps.map((t) => between(codes[0], codes[1], t, state.circle));
  const frames = element("div", { class: "frames" }, places.map((z, k) => {
    const uncertainty = model.uncertainty(z);
    return element("div", { role: "img", "aria-label": `step ${k} of 10, ${uncertainty < 0.95 ? "inside" : uncertainty < 0.99 ? "at the edge of" : "outside"} the data` },
      [thumbnail(model, model.decode(z)), element("div", { class: `uncertainty-bar ${uncertainty < 0.95 ? "" : uncertainty < 0.99 ? "some" : "much"}` })]);
  }));
  const fades = element("div", { class: "frames", "aria-hidden": "true" }, steps.map((t) => thumbnail(model, rows[0].map((/** @type {number} */ v, /** @type {number} */ i) => (1 - t) * v + t * rows[1][i]))));
  const slider = element("input", { type: "range", id: "t", min: 0, max: 1, step: 0.01, "aria-label": "t, from A to B", oninput: () => app.along(Number(slider.value)) });
  slider.value = state.t;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const play = element("button", { type: "button", id: "play", text: app.playing ? "Stop" : "Play", disabled: still, onclick: () => app.play() });
  const circle = model.facts.prior && model.size > 2 ? [element("label", {}, [checkbox(state.circle, (on) => app.set({ circle: on })), "great circle"])] : [];
  const inside = places.every((z) => model.uncertainty(z) < 0.99);
  fill("path", ends, element("p", { class: "small", text: `decoded along the path of codes${inside ? "; this path stays among the data" : "; hatched where there are few data"}` }), frames,
    element("p", { class: "small", text: "the data themselves, cross-faded" }), fades, element("div", { class: "along" }, [play, element("label", { for: "t", text: "t" }), slider, ...circle]));
}
