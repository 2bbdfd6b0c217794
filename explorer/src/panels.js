// What is said and shown of the place selected: pictures, the error and its rank, neighbours, sliders.
import { cellText, deviation } from "./columns.js";
import { breakable, datesKept, element, fill, place, formatError, formatInRange } from "./dom.js";
import { overlay } from "./lines.js";
import { picture, thumbnail } from "./pictures.js";
import { drawRowTable } from "./rowtable.js";

/** @param {any} app */
export function drawItem(app) {
  const { state, model, data } = app, item = state.item;
  data.asGiven = data.given ? state.given : -1;
  if (item >= 0) data.reference = item;
  const again = model.decode(state.z, item);
  const row = item >= 0 ? data.row(item) : app.own, trio = place("trio");
  fill("panel-title", row ? (item >= 0 ? data.name(item) : "Your own row") : "Decoded here; there is no original");
  if (data.pictures) {
    const none = (/** @type {string} */ text) => element("div", { class: "none", text });
    const slots = [
      ["original", row ? picture(data, row, { name: `original, ${item >= 0 ? data.name(item) : "your own"}` }) : none(`no ${app.what} lies at this place`)],
      ["reconstruction", picture(data, again, { name: `decoded from ${model.size} numbers` })],
      ["difference", row ? picture(data, again.map((/** @type {number} */ v, /** @type {number} */ i) => v - row[i]), { signed: model.facts.differenceScale, name: "signed difference" }) : none("nothing to compare")],
    ];
    trio.replaceChildren(...slots.map(([name, shown]) => element("figure", {}, [element("figcaption", { text: row ? name : name === "reconstruction" ? "decoded" : name }), shown,
      ...(data.sound && name !== "difference" && (row || name !== "original") ? [playButton(data.sound, name === "original" ? /** @type {any} */ (row) : again, String(name))] : [])])));
  } else if (data.lines) {
    const heard = data.sound ? [element("p", { class: "row" }, [...(row ? [playButton(data.sound, row, "original")] : []), playButton(data.sound, again, "reconstruction")])] : [];
    trio.classList.add("table");
    trio.replaceChildren(overlay(data, row, again, row ? undefined : ["", "decoded here"]), ...heard);
  } else drawRowTable(app);
  fill("about", ...about(app, row, again));
  const uncertainty = model.uncertainty(state.z);
  app.uncertainty = uncertainty < 0.95 ? "inside the data ✓" : uncertainty < 0.99 ? "at the edge of the data" : `outside the data${row ? "" : ": made up here"}`;
  const errors = model.standardErrors(state.z);
  const shown = state.z.slice(0, 6).map((/** @type {number} */ value, /** @type {number} */ i) => formatInRange(value, 4 * model.facts.deviation[i]) + (errors ? ` ± ${formatInRange(errors[i], 4 * model.facts.deviation[i])}` : "")).join(", ") + (model.size > 6 ? ", …" : "");
  const given = data.conditionName(item);
  fill("code", `code z = (${shown}), ${app.uncertainty}${given && `, given ${given}`}`);
}

/** @param {any} sound @param {ArrayLike<number>} row @param {string} name */
const playButton = (sound, row, name) => /** @type {any} */ (window).isthmusMore.playButton(sound, row, name); // of pages that are heard

/** How an error compares with those of all; only all is 100%, and none is 0%. @param {number} share of larger ones @param {string} all */
export const compared = (share, all) => (share > 0 ? `smaller than for ${share < 1 ? Math.min(99, Math.max(1, Math.round(100 * share))) : 100}% of ${all}` : `the largest of all ${all}`);

/** The error and its rank among all. @param {any} app @param {ArrayLike<number> | null} row @param {ArrayLike<number>} again */
function about({ model, data, state, what }, row, again) {
  const { item } = state;
  if (!row) return [`The ${data.drawn ? what : "values"} that the decoder gives for this place on the map.`];
  const error = item >= 0 ? model.errors[item] : model.error(row, again), share = item >= 0 ? model.betterThan[item] : model.better(error);
  const all = data.facts.ranked, rank = Math.min(all, Math.round(share * all) + 1);
  const whose = item < 0 ? "" : item >= data.n ? " This one is made up, not measured." : state.given >= 0 ? ` It is that under the ${what}'s own condition.` : "";
  return ["Squared error ", element("b", { text: formatError(error) }), ` ${model.errorUnit}: ${compared(share, `${what}s`)}${item >= 0 && item < data.n ? `, rank ${rank.toLocaleString("en")} of ${all.toLocaleString("en")} (1 is the largest)` : ""}.${whose}`];
}

/** @param {any} app @param {number} item @param {() => void} pressed @param {string} [figure] a number to show below the name */
export function itemButton(app, item, pressed, figure) {
  const { data, model } = app;
  const name = item >= data.n ? data.facts.probes[item - data.n] : data.label(item) || data.facts.ids[item];
  return element("button", { type: "button", class: item >= data.n ? "probe" : data.facts.noun === "word" ? "word" : null, "aria-label": data.name(item), title: data.name(item), "aria-current": item === app.state.item ? "true" : null, "data-item": item,
    onclick: pressed, onpointerenter: () => app.hint(item), onpointerleave: () => app.hint(-1), onfocus: () => app.hint(item), onblur: () => app.hint(-1) },
    [...(data.facts.noun === "word" ? [] : [thumbnail(model, data.row(item))]), element("span", { text: breakable(name) }), ...(figure ? [element("span", { class: "figure", text: figure })] : [])]);
}

/** @param {any} app */
export function drawNearest(app) {
  place("nearest-title").textContent = `Nearest ${app.what}s`;
  app.near = app.model.nearest(app.state.z, 5, app.state.item);
  fill("nearest", ...app.near.map((/** @type {number} */ item) => itemButton(app, item, () => app.select(item))));
}

/** A code with another value of a latent. @param {number[]} z @param {number} latent @param {number} to */
const replaced = (z, latent, to) => z.map((value, i) => (i === latent ? to : value));

const FIRST = 6, FIRST_OF_LINES = 3; // sliders shown at first: a film of lines is high

/** Sliders are made once a tab and only moved after that, so a focused one keeps its focus. @param {any} app */
export function makeSliders(app) {
  const { model } = app;
  const made = model.facts.sliders.map((/** @type {any} */ { latent, limits, unused }) => {
    const [low, high] = limits, name = `z${latent + 1}`;
    const input = element("input", { type: "range", min: low, max: high, step: (high - low) / 200, "aria-label": name, oninput: () => app.moveTo(replaced(app.state.z, latent, Number(input.value))) });
    const output = element("output");
    const film = element("div", { class: app.data.drawn ? "film" : "loadings", id: `film-${latent}`, "aria-hidden": app.data.drawn ? "true" : null });
    return { latent, limits, input, output, film, box: element("div", { class: "slider" }, [element("div", { class: "head" }, [element("span", { text: name + (unused ? " (unused)" : "") }), output]), input, film]) };
  });
  app.sliders = made;
  const first = app.data.lines ? FIRST_OF_LINES : FIRST, more = made.slice(first);
  fill("sliders", ...made.slice(0, first).map((/** @type {any} */ s) => s.box), ...(more.length ? [element("details", { ontoggle: () => app.rest() }, [element("summary", { text: `${more.length} more` }), ...more.map((/** @type {any} */ s) => s.box)])] : []));
}

/** @param {any} app @param {boolean} films */
export function moveSliders(app, films) {
  const { model, state, data } = app;
  for (const { latent, limits, input, output, film } of app.sliders) {
    if (input.closest("details:not([open])")) continue;
    const at = state.z[latent], [low, high] = limits;
    if (document.activeElement !== input) input.value = at;
    output.textContent = formatInRange(at, high - low);
    input.setAttribute("aria-valuetext", output.textContent);
    if (films && !data.drawn) fill(`film-${latent}`, ...changes(app, latent, limits));
    else if (films) film.replaceChildren(...Array.from({ length: 7 }, (_, k) => thumbnail(model, model.decode(replaced(state.z, latent, low + ((high - low) * (k + 0.5)) / 7)))));
  }
}

const SAID = 4;

/** What changes most from one end of a slider to the other, in words. @param {any} app @param {number} latent @param {number[]} limits */
function changes({ model, data, state }, latent, limits) {
  const [from, to] = limits.map((end) => model.decode(replaced(state.z, latent, end)));
  const found = data.fields.map((/** @type {any} */ field) => {
    const [a, b] = [from, to].map((row) => cellText(data, field, row).replace(/, \d+%$/, ""));
    const by = a === b ? 0 : field.kind === "category" ? 1.5 : Math.abs(deviation(data, field, to) - deviation(data, field, from));
    return { by, text: `${field.name} ${a} → ${b}` };
  }).filter((/** @type {any} */ one) => one.by >= 0.05).sort((/** @type {any} */ a, /** @type {any} */ b) => b.by - a.by).slice(0, SAID);
  return [found.length ? datesKept(`From left to right: ${found.map((/** @type {any} */ one) => one.text).join("; ")}.`) : "Nothing changes along it."];
}
