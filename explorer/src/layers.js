// What the map shows: its layers, its colouring, and a legend whose entries choose one class.
import { classColours, ramp } from "./colours.js";
import { element, fill, formatNumber } from "./dom.js";

/** @param {boolean} on @param {(on: boolean) => void} changed */
export function checkbox(on, changed) {
  const box = element("input", { type: "checkbox", onchange: () => changed(box.checked) });
  box.checked = on;
  return box;
}

/** @param {any} app @returns {string[]} */
export function colourings(app) {
  const { data } = app;
  return [...(data.facts.classes.length ? ["class"] : []), "error", "uncertainty", "none", ...(data.pictures ? [] : data.facts.columns.map((/** @type {string} */ _, /** @type {number} */ i) => String(i)))];
}

/** @param {any} app */
export function drawLayers(app) {
  const { state, data, model } = app;
  const choose = element("select", { id: "colour", "aria-label": "colour by", onchange: () => app.set({ colour: choose.value }) },
    colourings(app).map((name) => element("option", { value: name, text: named(app, name) })));
  choose.value = state.colour;
  const decodes = data.pictures && model.size > 1 ? [["decodes", "decodes"]] : [];
  const layers = [["points", "dots"], ...decodes, ["uncertainty", "uncertainty"], ["training", "training codes"]];
  const measure = element("select", { id: "measure", "aria-label": "uncertainty by", onchange: () => app.set({ trip: measure.value === "trip" }) },
    [element("option", { value: "near", text: "distance" }), element("option", { value: "trip", text: "round trip" })]);
  measure.value = state.trip ? "trip" : "near";
  const boxes = layers.map(([name, text]) => {
    const box = checkbox(state[name], (on) => app.set({ [name]: on }));
    box.id = `layer-${name}`;
    return element("label", {}, [box, text]);
  });
  const lists = [element("label", {}, ["colour", choose]), ...(model.facts.trips && model.reads ? [element("label", {}, ["uncertainty by", measure])] : [])];
  fill("layers", element("div", { class: "row" }, boxes), element("div", { class: "row" }, lists));
  fill("legend", ...legend(app));
}

/** @param {any} app @param {string} colour */
const named = ({ data }, colour) => (/^\d+$/.test(colour) ? data.facts.columns[Number(colour)] : colour === "class" ? data.facts.labelName : colour);

/** @param {any} app */
function legend(app) {
  const { state, data } = app, { classes } = data.facts;
  const scale = state.colour === "class" || state.colour === "none" ? [] : [colourScale(app)];
  if (classes.length > 40) return scale;
  const colours = classColours(classes.length, state.only), counts = Array(classes.length).fill(0);
  for (const label of data.labels || []) counts[label]++;
  return [...scale, ...classes.map((/** @type {string} */ name, /** @type {number} */ index) => {
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = state.colour === "class" ? colours[index] : "transparent";
    return element("button", { type: "button", id: `class-${index}`, "aria-pressed": String(state.only === index), onclick: () => app.only(index),
      onpointerenter: () => app.isolate(index), onpointerleave: () => app.isolate(-1), onfocus: () => app.isolate(index), onblur: () => app.isolate(-1) },
    [swatch, name, " ", element("span", { class: "count", text: counts[index].toLocaleString("en") })]);
  })];
}

/** @param {any} app */
function colourScale(app) {
  const { state } = app, column = Number(state.colour);
  const ends = state.colour === "error" ? ["least error", "largest"] : state.colour === "uncertainty" ? ["near training codes", "far"] : [formatNumber(app.data.reach.low[column]), formatNumber(app.data.reach.high[column])];
  const bar = element("span", { class: "scale" });
  bar.style.background = `linear-gradient(90deg,${[0, 0.25, 0.5, 0.75, 1].map(ramp).join(",")})`;
  return element("span", { class: "row small", role: "img", "aria-label": `${named(app, state.colour)}: from ${ends[0]} to ${ends[1]}` }, [ends[0], bar, ends[1]]);
}
