// What the map shows: its layers, its colouring, its selection tools, and a legend whose entries choose one class.
import { dateText, rangeText } from "./columns.js";
import { ramp } from "./colours.js";
import { element, fill, formatNumber } from "./dom.js";

const MAX_NAMED = 40;

/** @param {boolean} on @param {(on: boolean) => void} changed */
export function checkbox(on, changed) {
  const box = element("input", { type: "checkbox", onchange: () => changed(box.checked) });
  box.checked = on;
  return box;
}

/** @param {any} app @returns {string[]} */
export function colourings(app) {
  const { data } = app;
  return [...(data.facts.classes.length ? ["class"] : []), "error", "uncertainty", "none", ...data.measures.map((/** @type {any} */ one) => one.name), ...(data.drawn ? [] : data.fields.map((/** @type {any} */ _, /** @type {number} */ i) => String(i)))];
}

/** @param {any} app */
export function drawLayers(app) {
  const { state, data, model } = app;
  const choose = element("select", { id: "colour", "aria-label": "colour by", onchange: () => app.set({ colour: choose.value }) },
    colourings(app).map((name) => element("option", { value: name, text: named(app, name) })));
  choose.value = state.colour;
  const decodes = data.pictures && model.size > 1 ? [["decodes", `decoded ${app.what}s`]] : [];
  const layers = [["points", "dots"], ...decodes, ["uncertainty", "uncertainty"], ["training", `training ${app.what}s`]];
  const measure = element("select", { id: "measure", "aria-label": "uncertainty by", onchange: () => app.set({ trip: measure.value === "trip" }) },
    [element("option", { value: "near", text: "distance to training codes" }), element("option", { value: "trip", text: "decoding and encoding again" })]);
  measure.value = state.trip ? "trip" : "near";
  const boxes = layers.map(([name, text]) => {
    const box = checkbox(state[name], (on) => app.set({ [name]: on }));
    box.id = `layer-${name}`;
    return element("label", {}, [box, text]);
  });
  const given = data.given && element("select", { id: "given", "aria-label": "given", onchange: () => app.set({ given: Number(given.value) }) },
    [element("option", { value: "-1", text: `each ${app.what}'s own` }), ...data.given.names.map((/** @type {string} */ name, /** @type {number} */ k) => element("option", { value: String(k), text: name }))]);
  if (given) given.value = String(state.given);
  const lists = [...(given ? [element("label", {}, ["given", given])] : []), element("label", {}, ["colour by", choose]), ...(model.facts.trips && model.reads ? [element("label", {}, ["uncertainty by", measure])] : [])];
  const tools = element("div", { class: "row", role: "group", "aria-label": "select several" }, [
    element("button", { type: "button", id: "lasso", "aria-pressed": String(Boolean(app.lassoing)), text: "Lasso", title: "or hold Shift and drag", onclick: () => { app.lassoing = !app.lassoing; drawLayers(app); } }),
    element("button", { type: "button", id: "choose-view", text: "Select all in view", onclick: () => app.choose(app.inView()) })]);
  const typing = app.finder && document.activeElement === app.finder; // which it can no longer be once it is moved
  if (data.facts.noun === "word") lists.unshift(finder(app));
  fill("layers", element("div", { class: "row" }, lists), element("div", { class: "row" }, boxes), tools);
  if (typing) app.finder.focus({ preventScroll: true });
  fill("legend", ...legend(app));
}

/** A word looked for: those that contain it stay on the map, and Enter selects the first. @param {any} app */
function finder(app) {
  if (!app.finder) {
    const box = element("input", { type: "search", id: "find-word", placeholder: "Find a word", "aria-label": "find a word on the map; Enter selects it", autocomplete: "off", oninput: () => app.set({ find: box.value }),
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        const { ids } = app.data.facts, words = box.value.trim().toLowerCase(), all = /** @type {string[]} */ (ids.map((/** @type {string} */ id) => id.toLowerCase()));
        const exact = all.indexOf(words), item = exact >= 0 ? exact : all.findIndex((id) => id.startsWith(words)), found = item >= 0 ? item : all.findIndex((id) => id.includes(words));
        if (event.key === "Enter" && words && found >= 0) app.select(found);
      } });
    app.finder = box;
  }
  if (document.activeElement !== app.finder) app.finder.value = app.state.find;
  return app.finder;
}

/** @param {any} app @param {string} colour */
const named = ({ data }, colour) => (/^\d+$/.test(colour) ? data.fields[Number(colour)].name : colour === "class" ? data.facts.labelName : colour);

/** Classes choose what is shown; other groups are named only. @param {any} app */
function legend(app) {
  const { state, data, group } = app, { classes } = data.facts;
  const scale = group || state.colour === "none" ? [] : [colourScale(app)];
  const swatch = (/** @type {string} */ colour) => {
    const made = element("span", { class: "swatch" });
    made.style.background = colour;
    return made;
  };
  const blank = blanks(app), missing = blank ? [element("span", { class: "row small entry" }, [swatch("transparent"), "missing", element("span", { class: "count", text: blank.toLocaleString("en") })])] : [];
  const named = group && state.colour !== "class" ? group.names.slice(0, MAX_NAMED).map((/** @type {string} */ name, /** @type {number} */ of) =>
    element("span", { class: "row small entry", onpointerenter: () => app.isolate(of), onpointerleave: () => app.isolate(-1) }, [swatch(group.colours[of]), name, element("span", { class: "count", text: group.counts[of].toLocaleString("en") })])) : [];
  if (classes.length > MAX_NAMED) return [...scale, ...named, ...missing];
  const counts = Array(classes.length).fill(0);
  for (const label of data.labels || []) counts[label]++;
  return [...scale, ...named, ...missing, ...classes.map((/** @type {string} */ name, /** @type {number} */ index) =>
    element("button", { type: "button", id: `class-${index}`, title: `only ${name}`, "aria-pressed": String(state.only === index), onclick: () => app.only(index),
      onpointerenter: () => app.isolate(index), onpointerleave: () => app.isolate(-1), onfocus: () => app.isolate(index), onblur: () => app.isolate(-1) },
    [...(state.colour === "class" ? [swatch(group.colours[index])] : []), name, " ", element("span", { class: "count", text: counts[index].toLocaleString("en") })]))];
}

/** Items without a value of what dots are coloured by: they are hollow. @param {any} app */
function blanks({ state, data }) {
  const measure = data.measures.find((/** @type {any} */ one) => one.name === state.colour), field = /^\d+$/.test(state.colour) ? data.fields[Number(state.colour)] : null;
  let count = 0;
  for (let item = 0; item < data.n; item++) count += Number(measure ? Number.isNaN(measure.values[item]) : field ? Number.isNaN(data.row(item)[field.begin]) : false);
  return count;
}

/** @param {any} app */
function colourScale(app) {
  const { state, data } = app, measure = data.measures.find((/** @type {any} */ one) => one.name === state.colour);
  const ends = measure ? [measure.order[0], measure.order[measure.order.length - 1]].map((end) => (measure.kind === "date" ? dateText(end, false) : formatNumber(end, 3))) : state.colour === "error" ? ["smallest error", "largest"] : state.colour === "uncertainty" ? ["near training codes", "far"] : rangeText(data, data.fields[Number(state.colour)]);
  const bar = element("span", { class: "scale" }), name = named(app, state.colour);
  bar.style.background = `linear-gradient(90deg,${[0, 0.25, 0.5, 0.75, 1].map(ramp).join(",")})`;
  return element("span", { class: "row small", role: "img", "aria-label": `${name}: from ${ends[0]} to ${ends[1]}` }, [...(measure || /^\d+$/.test(state.colour) ? [element("b", { text: name })] : []), element("span", { text: ends[0] }), bar, element("span", { text: ends[1] })]);
}
