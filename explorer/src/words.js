// The words around the map: the opening sentence, captions, headings and the footer of a tab.
import { drawChosen } from "./chosen.js";
import { charts } from "./curves.js";
import { element, fill, place, formatError, formatNumber } from "./dom.js";
import { makeOwn } from "./own.js";
import { makeSliders } from "./panels.js";

/** @typedef {import("./model.js").Model} Model */

/** What the map's shading, squares and lanes mean. @param {any} app */
export function caption(app) {
  const { model, data, what } = app, { facts } = model, { facts: items } = data, count = (/** @type {number} */ n) => n.toLocaleString("en");
  const grey = app.state.trip && facts.trips ? "Grey: decoded and encoded again, a code lands farther away than 95% of training codes do." : "Grey: farther from the training codes than 95% of them lie from each other.";
  const { points, decodes, uncertainty } = app.state, said = [uncertainty ? grey : "", uncertainty ? "Hatched: farther than 99%, so what is decoded there is made up." : decodes && data.pictures && model.size > 1 ? "Hatched: no training codes are near." : "",
    points && items.probes.length ? `Squares: made-up ${what}s, such as the mean of all.` : "",
    facts.outside ? `${count(facts.outside)} of ${count(items.heldOut)} ${what}s lie outside the map.` : "",
    model.size > 2 ? "The map is a slice of the latent space along the two widest directions of the codes, through the pinned place; dots fade with their distance from the slice." : "",
    data.given ? (app.state.given >= 0 ? `Everything is decoded as ${data.given.names[app.state.given]}; errors are those of each ${what} under its own condition.` : `Codes are decoded given the ${what}'s own condition; choose another above.`) : "",
    model.polish ? `The ${model.size === 1 ? "bar" : "ellipse"} around the marked place: where nine in ten codes of such a ${what} lie, given the noise.` : "",
    facts.prior && uncertainty ? "Dashed: one and two standard deviations of the prior." : "",
    model.size === 1 && app.map.lanes < 2 ? "The vertical position means nothing: dots are spread so they can be seen." : model.size === 1 ? "Within a lane, the vertical position means nothing." : "",
    app.group && app.group.names.length > 10 && app.group.names.length <= 40 ? "Colours repeat; groups next to each other differ." : "",
    data.n < items.heldOut ? `Shown: ${count(data.n)} of ${count(items.heldOut)} ${what}s, chosen at random, and those with the largest errors; tiles show all.` : "",
    items.ranked < items.heldOut ? `Errors are ranked among ${count(items.ranked)}.` : ""];
  fill("caption", said.filter(Boolean).join(" "));
}

/** Everything that depends on the tab alone. @param {any} app */
export function frame(app) {
  const { model, data } = app, { facts } = model, { facts: items } = data;
  fill("sentence", ...facts.sentence.map((/** @type {string[]} */ [kind, text]) => element(kind === "strong" ? "b" : "span", { text })));
  place("banner").hidden = !facts.banner;
  fill("banner", facts.banner);
  fill("tabs", ...(app.models.length > 1 ? app.models.map((/** @type {Model} */ m, /** @type {number} */ tab) =>
    element("button", { type: "button", "aria-pressed": String(m === model), text: m.facts.name, onclick: () => app.set({ tab }) })) : []));
  const grey = data.pictures ? ` Grey from ${formatNumber(items.span[0])} to ${formatNumber(items.span[1])} in every ${data.sound ? "spectrogram" : "picture"}; differences from ${formatNumber(-facts.differenceScale, 2)} (blue) to ${formatNumber(facts.differenceScale, 2)} (orange).` : "";
  fill("footer", `${facts.variant}: ${facts.size} latent dimension${facts.size === 1 ? "" : "s"}, ${facts.parameters.toLocaleString("en")} parameters. Mean squared error ${model.errorUnit}${data.fields.length < data.width && !data.drawn ? " (each category is one)" : ""}, on held-out ${app.what}s: ${formatError(facts.mse)}; PCA with ${facts.pcaSize}: ${formatError(facts.pcaMse)}. Seed ${facts.seed ?? "none"}.${grey}`);
  const where = facts.size > 2 ? `, at its place along the two widest directions of the ${facts.size}-dimensional codes` : facts.size === 2 ? ", at its two latent coordinates" : ", at its one latent coordinate";
  fill("meaning", `Each mark is one ${app.what}${where}.`);
  fill("own-title", `A ${app.what} of your own`);
  fill("sliders-title", facts.sliders.some((/** @type {any} */ one, /** @type {number} */ place) => one.latent !== place) ? "Latents, the widest first" : facts.size > 2 ? "The latents" : facts.size === 2 ? "The two latent coordinates" : "The latent coordinate");
  fill("curves", ...charts(model, app.models));
  makeSliders(app);
  makeOwn(app);
  drawChosen(app);
}
