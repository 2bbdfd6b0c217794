// Pointers on the map: hover looks, a click pins, a drag pans, the wheel and two fingers zoom, Shift and drag selects many.
import { element, place } from "./dom.js";
import { followed } from "./guide.js";
import { thumbnail } from "./pictures.js";

const FINGER = 24, MOUSE = 9, STILL = 4, DOUBLE = 350; // pixels: how near a dot is meant, how far is no drag yet; milliseconds between two taps of a finger; of a mouse the system counts

/** @param {any} app */
export function listenToPointers(app) {
  const { map } = app, above = map.above, held = new Map();
  const lens = element("div", { class: "lens", "aria-hidden": "true", hidden: true }); // a finger hides what it points at
  above.parentElement.append(lens);
  /** @type {"look" | "pan" | "lasso" | "a" | "b"} */ let way = "look";
  let moved = false, from = [0, 0], wheelIsMeant = false, tapped = 0, tap = [0, 0], clicks = 0;
  /** @type {{item: number, z: number[]} | null} */ let kept = null; // what was pinned before the last click
  const at = (/** @type {MouseEvent} */ event) => {
    const edge = above.getBoundingClientRect();
    return [event.clientX - edge.left, event.clientY - edge.top];
  };
  const near = (/** @type {PointerEvent} */ event, /** @type {number[]} */ [x, y]) => map.pick(x, y, event.pointerType === "touch" ? FINGER : MOUSE);
  const code = (/** @type {number[]} */ [x, y]) => map.code(...map.toPlane(x, y));
  const end = (/** @type {number[]} */ [x, y]) => /** @type {const} */ (["a", "b"]).find((name) => {
    const item = app.state[name], spot = item >= 0 && map.end(item);
    return spot && Math.hypot(spot[0] - x, spot[1] - y) < 2 * MOUSE;
  });
  const magnify = (/** @type {number[]} */ [x, y]) => {
    lens.hidden = false;
    lens.replaceChildren(thumbnail(app.model, app.model.decode(app.state.z)));
    lens.style.left = `${Math.min(map.side - lens.offsetWidth, Math.max(0, x - lens.offsetWidth / 2))}px`;
    lens.style.top = `${y - 40 - lens.offsetHeight}px`;
  };
  const release = (/** @type {PointerEvent} */ event) => {
    held.delete(event.pointerId);
    lens.hidden = true;
    map.pull = map.lasso = null;
    above.classList.remove("panning");
  };

  above.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    if (event.button > 0) return;
    above.setPointerCapture(event.pointerId);
    from = at(event);
    held.set(event.pointerId, from);
    moved = held.size > 1; // the second finger makes it no tap
    const touch = event.pointerType === "touch";
    way = event.shiftKey || app.lassoing ? "lasso" : touch ? "look" : end(from) || "pan";
    place("plane").classList.add("by-pointer");
    place("plane").focus({ preventScroll: true });
  });
  above.addEventListener("mousedown", (/** @type {MouseEvent} */ event) => (clicks = event.detail)); // between pointerdown and pointerup
  above.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    const now = at(event), before = held.get(event.pointerId);
    wheelIsMeant = true;
    if (before) held.set(event.pointerId, now);
    if (held.size === 2 && before) {
      const other = /** @type {number[]} */ ([...held.entries()].find(([id]) => id !== event.pointerId)?.[1]);
      const middle = (/** @type {number[]} */ [x, y]) => [(x + other[0]) / 2, (y + other[1]) / 2];
      const apart = (/** @type {number[]} */ [x, y]) => Math.hypot(x - other[0], y - other[1]);
      lens.hidden = true;
      map.lasso = null;
      map.turn(apart(now) / (apart(before) || 1), middle(before), middle(now));
      followed("zoom");
      return app.later();
    }
    if (!before) {
      const item = near(event, now);
      app.point(item);
      if (event.pointerType === "mouse") app.look(item, item < 0 ? code(now) : null);
      return;
    }
    if (!moved && Math.hypot(now[0] - from[0], now[1] - from[1]) < STILL) return;
    if (held.size === 1) moved = true;
    if (way === "look") {
      app.moveTo(code(now));
      magnify(now);
      return followed("look");
    }
    if (way === "pan") {
      above.classList.add("panning");
      map.turn(1, before, now);
      return app.later();
    }
    if (way === "lasso") map.lasso = [...(map.lasso || [from]), now];
    else map.pull = [map.end(app.state[way === "a" ? "b" : "a"]) || from, now];
    map.drawHandle();
  });
  above.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => {
    if (!held.has(event.pointerId)) return;
    const { lasso } = map, now = at(event), item = near(event, now);
    release(event);
    if (way === "lasso" && lasso) return app.choose(app.within(lasso));
    if (moved) {
      if ((way === "a" || way === "b") && item >= 0) app.set({ [way]: item });
      else map.drawHandle();
      return;
    }
    const again = event.pointerType === "mouse" ? clicks === 2 : event.timeStamp - tapped < DOUBLE && Math.hypot(now[0] - tap[0], now[1] - tap[1]) < FINGER;
    if (again) { // the second of two: it takes back what the first one did
      tapped = 0;
      if (kept) Object.assign(app.state, kept);
      return app.wholeView();
    }
    tapped = event.timeStamp;
    tap = now;
    kept = { item: app.pinned?.item ?? app.state.item, z: app.pinned?.z ?? app.state.z };
    if (item >= 0) app.select(item);
    else app.pin(code(now));
    followed("pin");
  });
  above.addEventListener("pointercancel", release);
  above.addEventListener("pointerleave", () => {
    app.point(-1);
    app.lookAway();
  });
  addEventListener("scroll", () => (wheelIsMeant = false), { passive: true }); // a map that scrolls under a resting pointer keeps nobody
  above.addEventListener("wheel", (/** @type {WheelEvent} */ event) => {
    const by = Math.exp(-event.deltaY * (event.deltaMode ? 20 : 1) / (event.ctrlKey ? 200 : 500));
    if (!event.ctrlKey && (!wheelIsMeant || (by < 1 && map.zoom.scale === 1))) return; // the page scrolls
    event.preventDefault();
    map.turn(by, at(event), at(event));
    followed("zoom");
    app.later();
  }, { passive: false });
}
