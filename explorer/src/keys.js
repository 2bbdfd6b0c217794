// Keys on the map; letters count only while it has the focus.
import { element, fill, place } from "./dom.js";
import { followed } from "./guide.js";

const KEYS = [
  ["arrows", "move by 1% of the range, with Shift by 10%"], ["n p", "next and previous nearest dot"], ["j k", "down and up the ranking"],
  ["a b", "set the ends of the path"], [", .", "step along the path"], ["c", "next colouring"], ["d", "uncertainty on and off"], ["1 … 0", "only that class"], ["+ −", "zoom"], ["s", "select all in view"], ["Esc", "clear"], ["?", "this list"],
];
const HELP = "By mouse: the map shows what you point at, a click keeps it, the wheel zooms, dragging moves the map, and Shift with dragging selects. By touch: drag to decode, tap to keep, two fingers zoom and move. By keyboard, while the map has the focus:";

/** @param {any} app */
export function listenToKeys(app) {
  fill("keys", element("p", { text: HELP }),
    element("dl", {}, KEYS.map(([key, text]) => element("div", {}, [element("dt", {}, [element("kbd", { text: key })]), element("dd", { text })]))));
  const help = () => {
    const keys = place("keys");
    keys.hidden = !keys.hidden;
    place("help").setAttribute("aria-expanded", String(!keys.hidden));
    if (!keys.hidden) keys.scrollIntoView({ block: "nearest" });
  };
  const clear = () => {
    app.map.reset();
    app.settle();
    app.choose(null);
    app.set({ a: -1, b: -1, only: -1, find: "" });
  };
  place("help").addEventListener("click", help);
  addEventListener("keydown", (event) => { // wherever Escape means nothing else
    const target = /** @type {Element} */ (event.target);
    if (event.key === "Escape" && (target === document.body || target.matches("button, summary"))) clear();
  });
  place("plane").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.target !== place("plane") || event.ctrlKey || event.metaKey || event.altKey) return;
    place("plane").classList.remove("by-pointer");
    const { model, state } = app, share = event.shiftKey ? 0.1 : 0.01;
    const move = (/** @type {number} */ axis, /** @type {number} */ sign) => {
      if (axis >= model.nAxes) return;
      const [low, high] = model.facts.limits[axis];
      const to = model.along(state.z, axis) + sign * share * (high - low), here = model.along(state.z, axis);
      app.moveTo(model.moved(state.z, axis, Math.min(Math.max(high, here), Math.max(Math.min(low, here), to)))); // no farther than the slider
      followed("look");
    };
    const step = (/** @type {number} */ by) => app.settle() || app.select(app.order[Math.max(0, Math.min(app.order.length - 1, app.order.indexOf(state.item) + by))]);
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowLeft: () => move(0, -1), ArrowRight: () => move(0, 1), ArrowUp: () => move(1, 1), ArrowDown: () => move(1, -1),
      n: () => app.walk(1), p: () => app.walk(-1), j: () => step(1), k: () => step(-1),
      a: () => app.setEnd("a"), b: () => app.setEnd("b"), ",": () => app.along(Math.max(0, state.t - 0.1)), ".": () => app.along(Math.min(1, state.t + 0.1)),
      c: () => app.nextColour(), d: () => app.set({ uncertainty: !state.uncertainty }), "?": help,
      s: () => app.choose(app.inView()),
      "+": () => app.zoom(1.5), "=": () => app.zoom(1.5), "-": () => app.zoom(1 / 1.5),
      Escape: clear,
    };
    if (/^\d$/.test(event.key)) actions[event.key] = () => app.only(classOf(app, event.key));
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  });
}

/** The class of that name, else of that place, 0 being the tenth. @param {any} app @param {string} digit */
function classOf(app, digit) {
  const named = app.data.facts.classes.indexOf(digit);
  return named >= 0 ? named : (Number(digit) + 9) % 10;
}
