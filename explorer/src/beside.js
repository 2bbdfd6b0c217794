// Models side by side: one item as each of them reconstructs it, and the dots' way from one model's map to the next.
import { element, fill, place, formatError } from "./dom.js";
import { cellText, errorOf } from "./columns.js";
import { checkbox } from "./layers.js";
import { spark } from "./lines.js";
import { compared } from "./panels.js";
import { picture } from "./pictures.js";

const MILLISECONDS = 900, LINES = 8;
const stillness = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * The turn, mirror, scale and shift that lay points best on others (Procrustes), in the least squares.
 * @param {number[][]} from @param {number[][]} to @returns {(point: number[]) => number[]}
 */
export function procrustes(from, to) {
  const middle = (/** @type {number[][]} */ points) => [0, 1].map((i) => points.reduce((sum, point) => sum + point[i], 0) / points.length);
  const [here, there] = [middle(from), middle(to)], turn = [0, 0], mirror = [0, 0];
  let size = 0;
  from.forEach((point, k) => {
    const [x, y] = [point[0] - here[0], point[1] - here[1]], [u, v] = [to[k][0] - there[0], to[k][1] - there[1]];
    turn[0] += x * u + y * v;
    turn[1] += x * v - y * u;
    mirror[0] += x * u - y * v;
    mirror[1] += x * v + y * u;
    size += x * x + y * y;
  });
  const flip = Math.hypot(...mirror) > Math.hypot(...turn) ? -1 : 1, [c, s] = (flip < 0 ? mirror : turn).map((part) => part / (size || 1));
  return (point) => {
    const [x, y] = [point[0] - here[0], flip * (point[1] - here[1])];
    return [there[0] + c * x - s * y, there[1] + s * x + c * y];
  };
}

/** Dots first go where the new model differs, laid on the old map; then all turn as one. @param {any} app @param {number[][]} old */
export function morph(app, old) {
  const { map } = app;
  map.draw();
  if (!app.state.morph || stillness.matches || !app.state.points) return;
  const fresh = map.spots, { n } = app.data, lay = procrustes(fresh.slice(0, n), old.slice(0, n)), laid = fresh.map(lay);
  const mix = (/** @type {number[][]} */ a, /** @type {number[][]} */ b, /** @type {number} */ t) => a.map((p, k) => [p[0] + (b[k][0] - p[0]) * t, p[1] + (b[k][1] - p[1]) * t]);
  const ease = (/** @type {number} */ t) => t * t * (3 - 2 * t), began = performance.now();
  const step = (/** @type {number} */ now) => {
    if (map.spots !== fresh) return; // drawn again meanwhile
    const t = Math.min(1, Math.max(0, now - began) / MILLISECONDS);
    if (t === 1) return map.draw();
    map.drawDots(t < 0.55 ? mix(old, laid, ease(t / 0.55)) : mix(laid, fresh, ease((t - 0.55) / 0.45)));
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

/** Every model's answer for the selected item, one column a model. @param {any} app */
export function drawBeside(app) {
  const { models, data, state } = app, item = state.item;
  place("beside-part").hidden = models.length < 2;
  if (models.length < 2) return;
  const move = checkbox(state.morph, (on) => app.set({ morph: on }));
  move.id = "layer-morph";
  move.disabled = stillness.matches;
  const option = element("label", {}, [move, stillness.matches ? "dots move between models (off: reduced motion is asked for)" : "dots move between models"]);
  if (item < 0) fill("beside", element("p", { class: "small", text: `Select a ${app.what} to see what each model makes of it.` }), option);
  else fill("beside", data.drawn ? columns(app, item) : lines(app, item), option);
}

/** @param {any} app @param {any} model @param {number} tab */
const heading = (app, model, tab) => element("button", { type: "button", id: `beside-${tab}`, "aria-pressed": String(tab === app.state.tab), text: model.facts.name, onclick: () => app.set({ tab }) });

/** @param {any} app @param {number} item */
function columns(app, item) {
  const { models, data } = app, row = data.row(item);
  return element("div", { class: "beside" }, [
    element("figure", {}, [element("figcaption", {}, [element("b", { class: "as-button", text: "original" })]), data.lines ? spark(data, row) : picture(data, row, { name: `original, ${data.name(item)}` }), element("p", { class: "small", text: data.name(item) })]),
    ...models.map((/** @type {any} */ model, /** @type {number} */ tab) => {
      const again = model.decode(model.code(item), item), { facts } = model;
      return element("figure", {}, [
        element("figcaption", {}, [heading(app, model, tab)]),
        ...(data.lines ? [spark(data, row, again)] : [picture(data, again, { name: `reconstruction by ${facts.name}` }),
          picture(data, again.map((/** @type {number} */ value, /** @type {number} */ i) => value - row[i]), { signed: app.models[0].facts.differenceScale, name: `difference of ${facts.name}` })]),
        element("p", { class: "small" }, [element("b", { text: formatError(model.errors[item]) }), ` by ${facts.size} dimension${facts.size === 1 ? "" : "s"}, ${compared(model.betterThan[item], `${app.what}s`)}`]),
      ]);
    })]);
}

/** @param {any} app @param {number} item */
function lines(app, item) {
  const { models, data, model } = app, row = data.row(item), { fields } = data;
  const answers = models.map((/** @type {any} */ other) => other.decode(other.code(item), item)), own = answers[models.indexOf(model)];
  const off = fields.map((/** @type {any} */ field) => errorOf(model, field, row, own));
  const order = [...fields.keys()].sort((a, b) => off[b] - off[a]).slice(0, LINES);
  const head = element("tr", {}, [element("th", { scope: "col", text: order.length < fields.length ? `column (${order.length} of ${fields.length}, largest error first)` : "column" }), element("th", { scope: "col", class: "number", text: "original" }),
    ...models.map((/** @type {any} */ other, /** @type {number} */ tab) => element("th", { scope: "col", class: "number" }, [heading(app, other, tab)]))]);
  const body = order.map((i) => element("tr", {}, [element("th", { scope: "row", text: fields[i].name }), ...[row, ...answers].map((values) => element("td", { class: fields[i].kind === "category" ? "number words" : "number", text: cellText(data, fields[i], values, values === row) }))]));
  const error = element("tr", {}, [element("th", { scope: "row", text: `squared error ${model.errorUnit}` }), element("td", { class: "number" }), ...models.map((/** @type {any} */ other) => element("td", { class: "number" }, [element("b", { text: formatError(other.errors[item]) })]))]);
  return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "models side by side" }, [element("table", {}, [element("thead", {}, [head]), element("tbody", {}, [...body, error])])]);
}
