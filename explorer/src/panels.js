// What is said and shown of the place selected: pictures, figures, neighbours, sliders.
import { element, fill, place, formatNumber, formatInRange } from "./dom.js";
import { bars, picture, thumbnail } from "./pictures.js";

/** @param {any} app */
export function drawItem(app) {
  const { state, model, data } = app, again = model.decode(state.z), item = state.item;
  const row = item >= 0 ? data.row(item) : app.own, trio = place("trio");
  trio.classList.toggle("table", !data.pictures);
  if (data.pictures) {
    const none = (/** @type {string} */ text) => element("div", { class: "none", text });
    const slots = [
      ["original", row ? picture(data, row, { name: `original, ${item >= 0 ? data.name(item) : "your own"}` }) : none("no original: this place is not an item")],
      ["rebuilt", picture(data, again, { name: `rebuilt from ${model.size} numbers` })],
      ["difference ±", row ? picture(data, again.map((/** @type {number} */ v, /** @type {number} */ i) => v - row[i]), { signed: model.facts.differenceScale, name: "signed difference" }) : none("no difference without an original")],
    ];
    trio.replaceChildren(...slots.map(([name, shown]) => element("figure", {}, [element("figcaption", { text: name }), shown])));
  } else trio.replaceChildren(...(row ? [] : [element("p", { class: "small", text: "no original: this place is not an item" })]), bars(model, row, again));
  fill("about", ...about(app, row, again));
  const uncertainty = model.uncertainty(state.z);
  app.uncertainty = uncertainty < 0.95 ? "inside the data ✓" : uncertainty < 0.99 ? "at the edge of the data" : `outside the data${row ? "" : ": made up here"}`;
  const shown = state.z.slice(0, 6).map((/** @type {number} */ value, /** @type {number} */ i) => formatInRange(value, 4 * model.facts.deviation[i])).join(", ") + (model.size > 6 ? ", …" : "");
  fill("code", `z = (${shown})  ${app.uncertainty}`);
}

/** The error and what it is among the others'. @param {any} app @param {ArrayLike<number> | null} row @param {ArrayLike<number>} again */
function about({ model, data, state }, row, again) {
  const { item } = state;
  if (!row) return ["Error: not defined here, as there is no original."];
  const error = item >= 0 ? model.errors[item] : model.error(row, again), share = item >= 0 ? model.betterThan[item] : model.better(error);
  const whose = item < 0 ? "Your own." : item >= data.n ? `A probe, not measured by anyone: ${data.name(item)}.` : `${data.name(item)}.`;
  return [element("b", { text: formatNumber(error) }), ` error, better than ${Math.round(100 * share)} % of items. ${whose}`];
}

/** @param {any} app @param {number} item @param {() => void} pressed @param {string} [figure] a number to show below the name */
export function itemButton(app, item, pressed, figure) {
  const { data, model } = app;
  const name = item >= data.n ? data.facts.probes[item - data.n] : data.label(item) || data.facts.ids[item];
  return element("button", { type: "button", class: item >= data.n ? "probe" : null, "aria-label": data.name(item), title: data.name(item), "aria-current": item === app.state.item ? "true" : null, "data-item": item,
    onclick: pressed, onpointerenter: () => app.hint(item), onpointerleave: () => app.hint(-1), onfocus: () => app.hint(item), onblur: () => app.hint(-1) },
    [thumbnail(model, data.row(item)), element("span", { text: name }), ...(figure ? [element("span", { class: "figure", text: figure })] : [])]);
}

/** @param {any} app */
export function drawNearest(app) {
  app.near = app.model.nearest(app.state.z, 5, app.state.item);
  fill("nearest", ...app.near.map((/** @type {number} */ item) => itemButton(app, item, () => app.select(item))));
}

const FIRST = 6;

/** Sliders are made once a tab and only moved after that, so that a focused one keeps its focus. @param {any} app */
export function makeSliders(app) {
  const { model } = app;
  const made = Array.from({ length: model.nAxes }, (_, axis) => {
    const [low, high] = model.facts.limits[axis];
    const input = element("input", { type: "range", min: low, max: high, step: (high - low) / 200, "aria-label": app.axisName(axis), oninput: () => app.moveTo(model.moved(app.state.z, axis, Number(input.value))) });
    const output = element("output");
    const name = app.axisName(axis) + (model.facts.unused[axis] ? " (unused)" : "");
    const film = element("div", { class: "film", "aria-hidden": "true" });
    return { axis, input, output, film, box: element("div", { class: "slider" }, [element("div", { class: "head" }, [element("span", { text: name }), output]), input, film]) };
  });
  app.sliders = made;
  const more = made.slice(FIRST);
  fill("sliders", ...made.slice(0, FIRST).map((s) => s.box), ...(more.length ? [element("details", { ontoggle: () => app.rest() }, [element("summary", { text: `${more.length} more` }), ...more.map((s) => s.box)])] : []));
}

/** @param {any} app @param {boolean} films */
export function moveSliders(app, films) {
  const { model, state } = app;
  for (const { axis, input, output, film } of app.sliders) {
    if (axis >= FIRST && !input.closest("details").open) continue;
    const at = model.along(state.z, axis), [low, high] = model.facts.limits[axis];
    if (document.activeElement !== input) input.value = at;
    output.textContent = formatInRange(at, high - low);
    input.setAttribute("aria-valuetext", output.textContent);
    if (films) film.replaceChildren(...Array.from({ length: 7 }, (_, k) => thumbnail(model, model.decode(model.moved(state.z, axis, low + ((high - low) * (k + 0.5)) / 7)))));
  }
}
