// Keys and pointers on the map; letters count only while the map has the focus.
import { element, fill, place } from "./dom.js";

const KEYS = [
  ["arrows", "move by 1 % of the range, with Shift by 10 %"], ["n p", "next and previous nearest item"], ["j k", "down and up the ranking"],
  ["a b", "set the ends of a path"], [", .", "step along the path"], ["c", "next colouring"], ["d", "doubt on and off"], ["1 … 0", "only that class"], ["Esc", "clear"], ["?", "this list"],
];

/** @param {any} app */
export function listenToKeys(app) {
  fill("keys", element("p", { text: "Keys while the map has the focus. By touch: tap selects, drag moves, two fingers pan and zoom." }),
    element("table", {}, [element("tbody", {}, KEYS.map(([key, text]) => element("tr", {}, [element("th", { scope: "row" }, [element("kbd", { text: key })]), element("td", { text })])))]));
  const help = () => {
    const keys = place("keys");
    keys.hidden = !keys.hidden;
    place("help").setAttribute("aria-expanded", String(!keys.hidden));
  };
  place("help").addEventListener("click", help);
  place("plane").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.target !== place("plane") || event.ctrlKey || event.metaKey || event.altKey) return;
    const { model, state } = app, share = event.shiftKey ? 0.1 : 0.01;
    const move = (/** @type {number} */ axis, /** @type {number} */ sign) => {
      if (axis >= model.nAxes) return;
      const [low, high] = model.facts.limits[axis];
      app.moveTo(model.moved(state.z, axis, model.along(state.z, axis) + sign * share * (high - low)));
    };
    const step = (/** @type {number} */ by) => app.select(app.order[Math.max(0, Math.min(app.order.length - 1, app.order.indexOf(state.item) + by))]);
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowLeft: () => move(0, -1), ArrowRight: () => move(0, 1), ArrowUp: () => move(1, 1), ArrowDown: () => move(1, -1),
      n: () => app.walk(1), p: () => app.walk(-1), j: () => step(1), k: () => step(-1),
      a: () => app.setEnd("a"), b: () => app.setEnd("b"), ",": () => app.along(Math.max(0, state.t - 0.1)), ".": () => app.along(Math.min(1, state.t + 0.1)),
      c: () => app.nextColour(), d: () => app.set({ doubt: !state.doubt }), "?": help,
      Escape: () => app.set({ a: -1, b: -1, only: -1 }),
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

/** @param {any} app */
export function listenToPointers(app) {
  const { map } = app, above = map.above, held = new Map();
  let began = -1, moved = false, from = [0, 0];
  const at = (/** @type {PointerEvent} */ event) => {
    const edge = above.getBoundingClientRect();
    return [event.clientX - edge.left, event.clientY - edge.top];
  };
  const decode = (/** @type {number[]} */ [x, y]) => {
    const point = map.toPlane(x, y);
    app.moveTo(map.code(point[0], point[1]));
  };
  above.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    above.setPointerCapture(event.pointerId);
    held.set(event.pointerId, at(event));
    from = at(event);
    moved = false;
    began = map.pick(...from, event.pointerType === "touch" ? 24 : 8);
    place("plane").focus({ preventScroll: true });
  });
  above.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    const now = at(event), before = held.get(event.pointerId);
    if (held.size === 2 && before) {
      const other = [...held.entries()].find(([id]) => id !== event.pointerId)?.[1] || now;
      const grown = Math.hypot(now[0] - other[0], now[1] - other[1]) / (Math.hypot(before[0] - other[0], before[1] - other[1]) || 1);
      const [a, b] = [map.toPlane(before[0], before[1]), map.toPlane(now[0], now[1])];
      map.zoom.x -= (b[0] - a[0]) / 2;
      map.zoom.y -= (b[1] - a[1]) / 2;
      map.zoom.scale = Math.min(20, Math.max(1, map.zoom.scale * grown));
      held.set(event.pointerId, now);
      app.later();
      return;
    }
    if (before) held.set(event.pointerId, now);
    if (before && Math.hypot(now[0] - from[0], now[1] - from[1]) < 4) return;
    if (before) moved = true;
    if (before ? began < 0 : event.pointerType === "mouse" && map.pick(now[0], now[1], 8) < 0) decode(now);
  });
  const up = (/** @type {PointerEvent} */ event) => {
    held.delete(event.pointerId);
    const now = at(event), near = map.pick(now[0], now[1], event.pointerType === "touch" ? 24 : 8);
    if (!moved && near >= 0) app.select(near);
    else if (!moved) decode(now);
    else if (began >= 0 && near >= 0 && near !== began) app.set({ a: began, b: near });
  };
  above.addEventListener("pointerup", up);
  above.addEventListener("pointercancel", (/** @type {PointerEvent} */ event) => held.delete(event.pointerId));
  above.addEventListener("wheel", (/** @type {WheelEvent} */ event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    map.zoom.scale = Math.min(20, Math.max(1, map.zoom.scale * Math.exp(-event.deltaY / 200)));
    app.later();
  }, { passive: false });
}
