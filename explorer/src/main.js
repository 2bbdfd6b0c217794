// The page put together: state changes through `set`, `select` and `moveTo`; quick things are drawn at once, the rest on rest.
import { drawBeside, morph } from "./beside.js";
import { drawChosen, inside } from "./chosen.js";
import { fill, place, formatError, formatNumber } from "./dom.js";
import { drawGuide, followed } from "./guide.js";
import { listenToKeys } from "./keys.js";
import { colourings, drawLayers } from "./layers.js";
import { PlaneMap } from "./map.js";
import { Data, Model } from "./model.js";
import { drawItem, drawNearest, moveSliders } from "./panels.js";
import { firstColour, firstPath, typical } from "./opening.js";
import { between, drawPath } from "./path.js";
import { readPayload, tensor } from "./payload.js";
import { listenToPointers } from "./pointers.js";
import { drawRanking, makeRanking, markCurrent } from "./ranking.js";
import { makeRowTable } from "./rowtable.js";
import { fromHash, initial, toHash } from "./state.js";
import { caption, frame } from "./words.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");

class App {
  /** @param {any} facts @param {ArrayBuffer} block */
  constructor(facts, block) {
    this.data = new Data(facts.items, block);
    this.models = facts.tabs.map((/** @type {any} */ tab) => new Model(tab, block, this.data));
    this.state = initial();
    this.what = this.data.facts.noun;
    if (!this.data.labels) this.state.colour = firstColour(this.data, this.models[0]);
    /** @type {import("./groups.js").Group | null} */ this.group = null; // what dots are coloured by, where that is no number
    /** @type {Uint8Array | null} */ this.chosen = null; // items of the lasso
    /** @type {{item: number, z: number[], own: ArrayLike<number> | null} | null} */ this.pinned = null; // what is kept while the pointer looks elsewhere
    this.lassoing = this.missed = false; // missed: nothing lay inside
    this.state.item = typical(this);
    this.left = new Uint8Array(this.data.total); // 1: not filtered out
    if (!location.hash) Object.assign(this.state, firstPath(this));
    this.read();
    this.map = new PlaneMap(this);
    this.playing = 0;
    /** @type {number[]} */ this.near = []; // items nearest to the place
    /** @type {number[]} */ this.order = []; // items as ranked
    /** @type {number[]} */ this.trail = []; // items that n and p walk along
    this.reached = -1;
    this.step = 0;
    this.uncertainty = "";
    this.isolated = -1; // the class pointed at in the legend
    /** @type {ArrayLike<number> | null} */ this.own = null; // a row of the reader's own, while it is looked at
    /** @type {any} */ this.timer = 0;
    const found = facts.items.series;
    /** @type {import("./series.js").SeriesPanel | null} */ this.series = found ? new (/** @type {any} */ (window).isthmusMore.SeriesPanel)(this, found, block, [found.of, found.starts, found.learned].map((one) => /** @type {Int32Array} */ (tensor(block, one)))) : null;
  }

  /** @returns {Model} */
  get model() { return this.models[this.state.tab]; }

  /** The code that the map is a slice through: a look elsewhere does not turn it. */
  get base() { return this.pinned ? this.pinned.z : this.state.z; }

  /** The state of the address; what does not fit this page is left as it was. */
  read() {
    if (location.hash) this.state = fromHash(location.hash, this.state, this.bounds());
    const { state, model } = this;
    if (state.item < 0 && state.z.length !== model.size) state.item = typical(this);
    if (state.item >= 0) state.z = model.code(state.item);
    this.applyFilters();
  }

  bounds() {
    return { total: this.data.total, tabs: this.models.length, sizes: this.models.map((/** @type {Model} */ m) => m.size), classes: this.data.facts.classes.length, colours: colourings(this), conditions: this.data.given?.names.length ?? 0 };
  }

  /** Of the map. @param {number} axis */
  axisName(axis) {
    return this.model.size > 2 ? ["widest direction", "second widest direction"][axis] : `z${axis + 1}`;
  }

  /** @param {number} item */
  visible(item) { return this.left[item] === 1; }

  /** Which items the chosen class and the words looked for leave. */
  applyFilters() {
    const { data, state } = this, words = state.find.trim().toLowerCase();
    this.left = Uint8Array.from({ length: data.total }, (_, item) =>
      Number((state.only < 0 || (item < data.n && data.labels?.[item] === state.only)) && (!words || data.name(item).toLowerCase().includes(words))));
  }

  /** An item pointed at in a list is ringed on the map. @param {number} item */
  hint(item) {
    this.map.hinted = item;
    this.map.drawHandle();
  }

  /** A dot pointed at is marked in the lists. @param {number} item */
  point(item) {
    if (item === this.map.hinted) return;
    this.hint(item);
    for (const button of document.querySelectorAll("button[data-item]")) button.classList.toggle("pointed", Number(button.getAttribute("data-item")) === item);
  }

  /** A class pointed at in the legend stands out. @param {number} index */
  isolate(index) {
    if (this.isolated === index || !this.group) return;
    this.isolated = index;
    this.map.draw();
  }

  /** @param {Partial<import("./state.js").State>} change */
  set(change) {
    const old = this.map.spots, turned = change.tab !== undefined && change.tab !== this.state.tab;
    Object.assign(this.state, change);
    if (change.tab !== undefined) this.changeTab();
    if (change.only !== undefined || change.find !== undefined) this.applyFilters();
    this.rest(true);
    if (turned) morph(this, old);
  }

  changeTab() {
    const { state } = this;
    this.settle();
    const own = state.item < 0 && this.model.reads ? this.own : null; // one's own row comes along, as an item does
    if (!own && state.item < 0) state.item = typical(this);
    if (!own) this.own = null;
    state.z = own ? Array.from(this.model.encode(own)) : this.model.code(state.item);
    this.map.reset();
    frame(this);
  }

  /** @param {number} item */
  select(item) {
    this.pinned = this.own = null;
    this.state.item = item;
    this.state.z = this.model.code(item);
    this.map.follow();
    this.series?.follow();
    this.rest(true);
  }

  /** A place kept that is no item. @param {number[]} z */
  pin(z) {
    this.moveTo(z);
    this.rest();
  }

  /** While the pointer is over the map: what is there, until it leaves. @param {number} item @param {number[] | null} z the code where there is no item */
  look(item, z) {
    const { state } = this;
    if (item >= 0 && item === state.item) return;
    this.pinned ??= { item: state.item, z: state.z, own: this.own };
    this.own = null;
    state.item = item;
    state.z = z || this.model.code(item);
    this.sketch();
    followed("look");
  }

  /** What was pinned is looked at again. */
  lookAway() {
    if (!this.pinned) return;
    this.settle();
    this.rest();
  }

  /** The look ends; what was pinned is the state. */
  settle() {
    if (!this.pinned) return;
    const { item, z, own } = this.pinned;
    Object.assign(this.state, { item, z });
    this.own = own;
    this.pinned = null;
  }

  /** Live: only the pictures, the handle and the sliders follow at once. @param {number[]} z */
  moveTo(z) {
    this.pinned = this.own = null;
    this.state.z = z;
    this.state.item = -1;
    this.map.follow();
    this.sketch();
  }

  sketch() {
    this.model.moving = true;
    drawItem(this);
    this.map.drawHandle();
    this.series?.mark();
    moveSliders(this, false);
    this.later();
  }

  /** @param {Uint8Array | null} chosen */
  choose(chosen) {
    this.chosen = chosen && chosen.some(Boolean) ? chosen : null;
    this.missed = chosen !== null && !this.chosen;
    this.lassoing = false;
    this.settle();
    this.rest();
    drawLayers(this);
    drawChosen(this);
    if (chosen) fill("live", place("chosen").querySelector("h2").textContent);
  }

  /** Items inside a line drawn on the map. @param {number[][]} line */
  within(line) {
    return Uint8Array.from({ length: this.data.total }, (_, item) => Number(item < this.data.n && this.visible(item) && inside(this.map.spots[item], line)));
  }

  inView() {
    return Uint8Array.from({ length: this.data.total }, (_, item) => Number(item < this.data.n && this.visible(item) && this.map.framed(this.map.spots[item]).inside));
  }

  wholeView() {
    this.pinned = null;
    this.map.reset();
    this.rest();
    followed("zoom");
  }

  /** Around the place selected. @param {number} by */
  zoom(by) {
    followed("zoom");
    const here = this.map.place();
    if (this.map.zoom.scale * by > 1) this.map.turn(by, here, here);
    else this.map.reset();
    this.rest();
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.rest(), 140);
  }

  /** All that takes its time. @param {boolean} [all] */
  rest(all = false) {
    clearTimeout(this.timer);
    for (const model of this.models) Object.assign(model, { byTrip: this.state.trip, moving: false });
    drawItem(this);
    this.series?.mark();
    moveSliders(this, true);
    drawNearest(this);
    if (!this.pinned || this.map.quick) this.map.draw();
    else this.map.drawHandle();
    if (!this.pinned) drawBeside(this);
    if (all) {
      drawPath(this);
      drawRanking(this);
      drawLayers(this);
      caption(this);
    } else if (!this.pinned) markCurrent(this);
    if (this.pinned) return;
    this.announce();
    history.replaceState(null, "", toHash(this.state));
  }

  announce() {
    const { state, data, model } = this;
    const text = `${this.axisName(0)} ${formatNumber(model.along(state.z, 0))}${model.nAxes > 1 ? `, ${this.axisName(1)} ${formatNumber(model.along(state.z, 1))}` : ""}; ${this.uncertainty}; ` +
      `${state.item >= 0 ? `${data.name(state.item)}, error ${formatError(model.errors[state.item])}` : `no ${this.what} lies here`}; nearest: ${this.near.slice(0, 3).map((/** @type {number} */ i) => data.label(i) || data.facts.ids[i]).join(", ")}.`;
    const wait = Math.max(0, (this.spoke || 0) + 520 - performance.now());
    clearTimeout(this.voice);
    this.voice = setTimeout(() => { this.spoke = performance.now(); fill("live", text); }, wait);
    fill("summary", text);
  }

  /** @param {number} by */
  walk(by) {
    this.settle();
    if (this.state.item !== this.reached || this.state.item < 0) {
      this.trail = [this.state.item, ...this.model.nearest(this.state.z, 50, this.state.item)].filter((i) => i >= 0);
      this.step = this.state.item < 0 ? -1 : 0;
    }
    this.step = Math.max(0, Math.min(this.trail.length - 1, this.step + by));
    this.reached = this.trail[this.step];
    this.select(this.reached);
  }

  /** @param {"a" | "b"} end */
  setEnd(end) {
    const item = this.state.item >= 0 ? this.state.item : this.model.nearest(this.state.z, 1)[0];
    this.set({ [end]: item });
  }

  /** @param {number} t */
  along(t) {
    const { a, b, circle } = this.state;
    this.state.t = t;
    if (a < 0 || b < 0) return;
    const slider = place("t");
    if (slider) slider.value = t;
    this.moveTo(between(this.model.code(a), this.model.code(b), t, circle));
  }

  play() {
    if (this.playing) {
      cancelAnimationFrame(this.playing);
      this.playing = 0;
      return drawPath(this);
    }
    if (still.matches) return;
    const begin = performance.now(), from = this.state.t >= 1 ? 0 : this.state.t;
    const step = (/** @type {number} */ now) => {
      const t = Math.min(1, from + Math.max(0, now - begin) / 3000);
      this.along(t);
      this.playing = t < 1 ? requestAnimationFrame(step) : 0;
      if (!this.playing) drawPath(this);
    };
    this.playing = requestAnimationFrame(step);
    place("play").textContent = "Stop";
  }

  /** @param {number} index */
  only(index) {
    if (index < this.data.facts.classes.length) this.set({ only: this.state.only === index ? -1 : index });
  }

  nextColour() {
    const all = colourings(this);
    this.set({ colour: all[(all.indexOf(this.state.colour) + 1) % all.length] });
  }

  /** A row of one's own, at its code. @param {ArrayLike<number>} row */
  showOwn(row) {
    this.moveTo(Array.from(this.model.encode(row)));
    this.own = row;
    this.rest();
  }
}

async function start() {
  const { facts, block } = await readPayload();
  const app = new App(facts, block);
  makeRanking(app);
  makeRowTable(app);
  drawGuide();
  frame(app);
  app.series?.make();
  app.rest(true);
  listenToKeys(app);
  listenToPointers(app);
  place("share").addEventListener("click", async () => {
    const link = location.href;
    const done = await (navigator.clipboard?.writeText(link) ?? Promise.reject()).then(() => "Copied", () => "Copy the address");
    place("share").textContent = done;
    fill("live", done);
    setTimeout(() => (place("share").textContent = "Share link"), 2500);
  });
  place("zoom-in").addEventListener("click", () => app.zoom(1.5));
  place("zoom-out").addEventListener("click", () => app.zoom(1 / 1.5));
  place("zoom-all").addEventListener("click", () => app.wholeView());
  addEventListener("resize", () => { app.map.draw(); app.series?.draw(); });
  addEventListener("hashchange", () => {
    app.read();
    frame(app);
    app.rest(true);
  });
  still.addEventListener("change", () => (app.playing ? app.play() : drawPath(app)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { app.rest(); app.series?.draw(); });
  Object.assign(window, { isthmus: { app, decode: (/** @type {number[]} */ z) => Array.from(app.model.decode(z)), encode: (/** @type {number[]} */ row) => Array.from(app.model.encode(row)) } });
  document.documentElement.dataset.ready = "yes";
}

start();
