// The series above its map: zoomed by wheel and fingers, moved by dragging; a click selects its window, and the window selected is marked.
import { element, fill, formatError, formatInRange, formatNumber, place } from "./dom.js";
import { Readings } from "./readings.js";
import { across, drawMarks, drawSeries, layout } from "./seriesplot.js";
import { moment } from "./timeaxis.js";

const STILL = 4, FEW = 4, CLOSEST = 8; // pixels of no drag; channels drawn at first; steps that a view has at least
const ALARM = { light: "#c2410c", dark: "#ff9d5c" };
const coarse = matchMedia("(pointer: coarse)"), dark = matchMedia("(prefers-color-scheme: dark)");

export class SeriesPanel {
  /** @param {any} app @param {any} facts @param {ArrayBuffer} block @param {Int32Array[]} places which series each window is of, its first step, whether it was learned from */
  constructor(app, facts, block, [of, starts, learned]) {
    this.app = app;
    this.facts = facts;
    this.all = facts.all.map((/** @type {any} */ one) => new Readings(one, block, app.data.lines.channels));
    this.of = of;
    this.starts = starts;
    this.learned = learned;
    this.shown = 0;
    this.every = false; // channel
    this.view = this.whole();
    /** @type {any} */ this.box = null; // where everything lies, once it is drawn
    /** @type {number | null} */ this.pointed = null;
    this.waiting = 0;
  }

  /** @returns {Readings} */
  get readings() { return this.all[this.shown]; }

  get channels() {
    const { telling } = this.readings;
    return (this.every ? telling : telling.slice(0, FEW)).sort((a, b) => a - b);
  }

  whole() {
    const [from, to] = this.readings.span, margin = 0.005 * (to - from);
    return { from: from - margin, to: to + margin };
  }

  /** First and last step of an item's window. @param {number} item @returns {number[]} */
  steps(item) {
    return [this.starts[item], Math.min(this.all[this.of[item]].moments.length - 1, this.starts[item] + this.facts.length - 1)];
  }

  /** The window around a step whose middle is nearest. @param {number} step */
  windowAt(step) {
    let best = -1, least = Infinity;
    for (let item = 0; item < this.app.data.n; item++) {
      if (this.of[item] !== this.shown) continue;
      const off = Math.abs(this.starts[item] + (this.facts.length - 1) / 2 - step);
      if (off < least) [best, least] = [item, off];
    }
    return best;
  }

  /** The window so many places later in time. @param {number} by */
  neighbour(by) {
    const order = Array.from(this.of.keys()).filter((item) => this.of[item] === this.shown).sort((a, b) => this.starts[a] - this.starts[b]);
    const { item } = this.app.state, at = order.indexOf(item);
    const from = at >= 0 ? at : order.indexOf(this.windowAt(this.readings.nearest((this.view.from + this.view.to) / 2)));
    return order[Math.max(0, Math.min(order.length - 1, from + by))];
  }

  make() {
    const names = this.facts.all.map((/** @type {any} */ one) => one.name), count = this.app.data.lines.channels.length;
    const which = element("select", { id: "which-series", "aria-label": "series shown", onchange: () => this.show(Number(which.value)) }, names.map((/** @type {string} */ name, /** @type {number} */ i) => element("option", { value: i, text: name || `series ${i + 1}` })));
    const every = element("button", { type: "button", id: "every-channel", "aria-pressed": "false", text: `All ${count} channels`, onclick: () => { this.every = !this.every; every.setAttribute("aria-pressed", String(this.every)); this.draw(); } });
    const button = (/** @type {string} */ id, /** @type {string} */ text, /** @type {string} */ label, /** @type {() => void} */ onclick) => element("button", { type: "button", id, text, "aria-label": label, onclick });
    const zoom = element("div", { class: "row", role: "group", "aria-label": "zoom of the series" }, [button("time-in", "+", "zoom into the series", () => this.zoom(1.6)), button("time-out", "−", "zoom out of the series", () => this.zoom(1 / 1.6)), button("time-all", "⤢", "see the whole series", () => this.reset())]);
    fill("series-tools", ...(names.length > 1 ? [which] : []), ...(count > FEW ? [every] : []), zoom, element("span", { id: "episode-tools", class: "row" }));
    const { readings } = this, key = (/** @type {string} */ kind, /** @type {string} */ text) => element("span", { class: `key ${kind}`, text });
    fill("series-keys", key("original", "readings"), ...(readings.expected ? [key("", "reconstruction, with a band of two standard deviations")] : []), ...(readings.score ? [key("alarm", "episodes; the strip at the foot is what a channel adds to the score")] : []),
      ...(readings.facts.heldOut.length ? [key("held", "held out from training")] : []), element("span", { text: coarse.matches ? "Tap to select a window, pinch to zoom, drag to move." : "Click to select a window, scroll to zoom, drag to move. Keys: ← → next window, [ ] next episode, + − zoom." }));
    place("series-part").hidden = false;
    this.listen();
    this.list();
    this.draw();
  }

  /** @param {number} which */
  show(which) {
    this.shown = which;
    this.view = this.whole();
    if (place("which-series")) place("which-series").value = which;
    this.list();
    this.draw();
  }

  reset() {
    this.view = this.whole();
    this.draw();
  }

  /** Around the middle of the window selected, else of the view; or about a moment. @param {number} by @param {number | null} [about] */
  zoom(by, about = null) {
    const { from, to } = this.view, stretch = this.stretch(), middle = stretch ? (stretch[0] + stretch[1]) / 2 : NaN;
    const at = about ?? (middle >= from && middle <= to ? middle : (from + to) / 2);
    const whole = this.whole(), least = Math.min(whole.to - whole.from, CLOSEST * (this.readings.step || 1)), wide = Math.min(whole.to - whole.from, Math.max(least, (to - from) / by));
    const begin = at - ((at - from) / (to - from)) * wide;
    this.see(begin, begin + wide);
  }

  /** A view no farther than the series goes. @param {number} from @param {number} to */
  see(from, to) {
    const whole = this.whole(), wide = Math.min(to - from, whole.to - whole.from), begin = Math.min(Math.max(from, whole.from), whole.to - wide);
    this.view = { from: begin, to: begin + wide };
    this.soon();
  }

  soon() {
    this.waiting ||= requestAnimationFrame(() => { this.waiting = 0; this.draw(); });
  }

  /** Moments of the window selected, where it is of the series shown. @returns {number[] | null} */
  stretch() {
    const { item } = this.app.state;
    if (item < 0 || item >= this.app.data.n || this.of[item] !== this.shown) return null;
    return this.steps(item).map((step) => this.readings.moments[step]);
  }

  ink() {
    const style = getComputedStyle(document.body), read = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`);
    return { ink: read("ink"), faint: read("faint"), line: read("line"), accent: read("accent"), paper: read("paper"), alarm: dark.matches ? ALARM.dark : ALARM.light };
  }

  draw() {
    const [still, above] = [place("series-still"), place("series-above")], side = above.parentElement.clientWidth || 600, ratio = devicePixelRatio || 1;
    this.box = layout(this.readings, this.channels, side);
    for (const canvas of [still, above]) {
      canvas.width = side * ratio;
      canvas.height = this.box.height * ratio;
      canvas.style.height = `${this.box.height}px`;
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    drawSeries(still.getContext("2d"), this.readings, this.box, this.view, this.ink());
    this.mark();
  }

  /** What follows the selection and the pointer. */
  mark() {
    if (!this.box) return;
    drawMarks(place("series-above").getContext("2d"), this.box, this.view, this.stretch(), this.pointed, this.ink());
    this.say();
  }

  /** The window selected comes into view, in whichever series it is. */
  follow() {
    const { item } = this.app.state;
    if (item < 0 || item >= this.app.data.n) return;
    if (this.of[item] !== this.shown) this.show(this.of[item]);
    const [from, to] = /** @type {number[]} */ (this.stretch()), wide = this.view.to - this.view.from;
    if (to > this.view.from && from < this.view.to) return;
    this.see((from + to - wide) / 2, (from + to + wide) / 2);
  }

  /** What is under the pointer, or where the window selected is. */
  say() {
    const { readings, app } = this, { facts } = readings, stretch = this.stretch(), step = readings.step;
    const when = (/** @type {number} */ time) => (readings.dated ? moment(time, step) : formatNumber(time, 8));
    if (this.pointed === null) {
      const learned = stretch && (this.learned[app.state.item] ? "the model learned from it" : facts.heldOut.length ? "not among those learned from" : "the model did not learn from it");
      return void (place("series-says").textContent = stretch ? `Window selected: ${when(stretch[0])} to ${when(stretch[1])}; ${learned}.` : "No window selected lies here.");
    }
    const at = readings.nearest(this.pointed), i = Math.floor(at / facts.width), count = readings.channels.length;
    const values = this.channels.slice(0, FEW).map((channel) => {
      const [low, high] = readings.reach(channel), wide = high - low, show = (/** @type {number} */ v) => formatInRange(v, wide), place = i * count + channel;
      const value = readings.low[place] === readings.high[place] || Number.isNaN(readings.low[place]) ? (Number.isNaN(readings.low[place]) ? "missing" : show(readings.low[place])) : `${show(readings.low[place])} to ${show(readings.high[place])}`;
      return `${count > 1 ? `${readings.channels[channel]} ` : ""}${value}${readings.expected && Number.isFinite(readings.expected[place]) ? ` (expected ${show(readings.expected[place])} ± ${show(2 * facts.deviation[channel])})` : ""}`;
    });
    const score = readings.score && Number.isFinite(readings.score[i]) ? `; score ${formatError(readings.score[i])}, threshold ${formatError(readings.threshold?.[i] ?? NaN)}` : "";
    place("series-says").textContent = `${when(readings.moments[at])}: ${values.join("; ")}${score}.`;
  }

  listen() {
    const above = place("series-above"), plot = place("series-plot"), held = new Map();
    let moved = false, from = 0, meant = false, clicks = 0;
    const at = (/** @type {MouseEvent} */ event) => event.clientX - above.getBoundingClientRect().left;
    const time = (/** @type {number} */ px) => this.view.from + ((px - this.box.left) / (this.box.right - this.box.left)) * (this.view.to - this.view.from);
    above.addEventListener("mousedown", (/** @type {MouseEvent} */ event) => (clicks = event.detail));
    above.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      if (event.button > 0) return;
      above.setPointerCapture(event.pointerId);
      from = at(event);
      held.set(event.pointerId, from);
      moved = held.size > 1;
      plot.classList.add("by-pointer");
      plot.focus({ preventScroll: true });
    });
    above.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      const now = at(event), before = held.get(event.pointerId);
      meant = true;
      if (before === undefined) {
        this.pointed = time(now);
        return this.mark();
      }
      if (!moved && Math.abs(now - from) < STILL) return;
      moved = true;
      held.set(event.pointerId, now);
      this.pointed = null;
      if (held.size === 2) {
        const other = /** @type {number} */ ([...held.entries()].find(([id]) => id !== event.pointerId)?.[1]);
        return this.zoom(Math.abs(now - other) / (Math.abs(before - other) || 1), time(other));
      }
      above.classList.add("panning");
      const by = ((before - now) / (this.box.right - this.box.left)) * (this.view.to - this.view.from);
      this.see(this.view.from + by, this.view.to + by);
    });
    above.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => {
      if (!held.delete(event.pointerId)) return;
      above.classList.remove("panning");
      if (moved) return;
      if (clicks === 2) return this.reset();
      this.app.select(this.windowAt(this.readings.nearest(time(at(event)))));
    });
    above.addEventListener("pointercancel", (/** @type {PointerEvent} */ event) => held.delete(event.pointerId));
    above.addEventListener("pointerleave", () => {
      this.pointed = null;
      this.mark();
    });
    addEventListener("scroll", () => (meant = false), { passive: true });
    above.addEventListener("wheel", (/** @type {WheelEvent} */ event) => {
      const by = Math.exp((-event.deltaY * (event.deltaMode ? 20 : 1)) / (event.ctrlKey ? 200 : 400)), whole = this.whole();
      if (!event.ctrlKey && (!meant || (by < 1 && this.view.to - this.view.from >= 0.999 * (whole.to - whole.from)))) return; // the page scrolls
      event.preventDefault();
      this.zoom(by, time(at(event)));
    }, { passive: false });
    plot.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.target !== plot || event.ctrlKey || event.metaKey || event.altKey) return;
      plot.classList.remove("by-pointer");
      const many = event.shiftKey ? 10 : 1;
      /** @type {Record<string, () => void>} */
      const actions = { ArrowLeft: () => this.app.select(this.neighbour(-many)), ArrowRight: () => this.app.select(this.neighbour(many)), "+": () => this.zoom(1.6), "=": () => this.zoom(1.6), "-": () => this.zoom(1 / 1.6), Escape: () => this.reset(), "[": () => this.episode(-1), "]": () => this.episode(1) };
      if (!actions[event.key]) return;
      event.preventDefault();
      actions[event.key]();
    });
  }

  /** The next or previous episode, seen from the middle of the window selected. @param {number} by */
  episode(by) {
    const { episodes } = this.readings.facts, { item } = this.app.state;
    if (!episodes.length) return;
    const here = item >= 0 && this.of[item] === this.shown ? this.starts[item] + this.facts.length / 2 : -1;
    const found = by > 0 ? episodes.find((/** @type {any} */ one) => one.peak > here + this.facts.length / 2) : [...episodes].reverse().find((one) => one.peak < here - this.facts.length / 2);
    this.goTo(found || episodes[by > 0 ? 0 : episodes.length - 1]);
  }

  /** @param {any} episode */
  goTo({ first, last, peak }) {
    const { moments } = this.readings, wide = 2 * this.facts.length, end = moments.length - 1;
    this.see(moments[Math.max(0, first - wide)], moments[Math.min(end, last + wide)]);
    this.app.select(this.windowAt(peak));
  }

  /** Episodes as a table, the highest score first. */
  list() {
    const { facts, dated, step, moments } = this.readings, { episodes } = facts, many = facts.nEpisodes ?? episodes.length;
    fill("episode-tools", ...(episodes.length ? [element("button", { type: "button", id: "last-episode", text: "‹ episode", "aria-label": "previous episode", onclick: () => this.episode(-1) }), element("button", { type: "button", id: "next-episode", text: "episode ›", "aria-label": "next episode", onclick: () => this.episode(1) })] : []));
    if (!this.readings.score) return fill("episodes");
    if (!episodes.length) return fill("episodes", element("p", { class: "small", text: "No episode: nowhere is the score above the threshold." }));
    const when = (/** @type {number} */ at) => (dated ? moment(moments[at], step) : formatNumber(moments[at], 8));
    const head = element("tr", {}, [["from"], ["to"], ["score at the peak", "number"], ["channels that add most"]].map(([text, kind]) => element("th", { scope: "col", class: kind, text })));
    const rows = [...episodes].sort((a, b) => b.score - a.score).map((one) => element("tr", {}, [
      element("td", {}, [element("button", { type: "button", text: when(one.first), onclick: () => this.goTo(one) })]), element("td", { text: when(one.last) }), element("td", { class: "number", text: formatError(one.score) }),
      element("td", { text: one.channels.map((/** @type {string} */ name, /** @type {number} */ i) => `${name} ${formatError(one.adds[i])}`).join(", ") })]));
    fill("episodes", element("details", {}, [element("summary", { text: `${many.toLocaleString("en")} episode${many === 1 ? "" : "s"}, the highest score first${many > episodes.length ? `; the first ${episodes.length} listed` : ""}` }),
      element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "table of episodes" }, [element("table", {}, [element("thead", {}, [head]), element("tbody", {}, rows)])])]));
  }
}
