// Pointers on the map: point to decode, tap a dot to select it, drag, from dot to dot for a path, two fingers to pan and zoom.
import { element, place } from "./dom.js";
import { thumbnail } from "./pictures.js";

const FINGER = 24, MOUSE = 8, STILL = 4; // pixels: how near a dot is meant, and how far is no drag yet

/** @param {any} app */
export function listenToPointers(app) {
  const { map } = app, above = map.above, held = new Map();
  const lens = element("div", { class: "lens", "aria-hidden": "true", hidden: true }); // a finger hides what it points at
  above.parentElement.append(lens);
  let began = -1, moved = false, from = [0, 0];
  const at = (/** @type {PointerEvent} */ event) => {
    const edge = above.getBoundingClientRect();
    return [event.clientX - edge.left, event.clientY - edge.top];
  };
  const near = (/** @type {PointerEvent} */ event, /** @type {number[]} */ [x, y]) => map.pick(x, y, event.pointerType === "touch" ? FINGER : MOUSE);
  const decode = (/** @type {PointerEvent} */ event, /** @type {number[]} */ [x, y]) => {
    const point = map.toPlane(x, y);
    app.moveTo(map.code(point[0], point[1]));
    lens.hidden = event.pointerType !== "touch" || !held.size;
    if (lens.hidden) return;
    lens.replaceChildren(thumbnail(app.model, app.model.decode(app.state.z)));
    lens.style.left = `${Math.min(map.side - 72, Math.max(0, x - 36))}px`;
    lens.style.top = `${y - 112}px`;
  };
  const release = (/** @type {PointerEvent} */ event) => {
    held.delete(event.pointerId);
    lens.hidden = true;
    map.pull = null;
  };

  above.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    above.setPointerCapture(event.pointerId);
    held.set(event.pointerId, at(event));
    from = at(event);
    moved = held.size > 1; // the second finger makes it no tap
    began = event.pointerType === "touch" ? -1 : near(event, from);
    place("plane").focus({ preventScroll: true });
  });
  above.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    const now = at(event), before = held.get(event.pointerId);
    if (before) held.set(event.pointerId, now);
    if (held.size === 2 && before) {
      const other = /** @type {number[]} */ ([...held.entries()].find(([id]) => id !== event.pointerId)?.[1]);
      const middle = (/** @type {number[]} */ [x, y]) => [(x + other[0]) / 2, (y + other[1]) / 2];
      const apart = (/** @type {number[]} */ [x, y]) => Math.hypot(x - other[0], y - other[1]);
      lens.hidden = true;
      map.turn(apart(now) / (apart(before) || 1), middle(before), middle(now));
      return app.later();
    }
    if (before && !moved && Math.hypot(now[0] - from[0], now[1] - from[1]) < STILL) return;
    if (before && held.size === 1) moved = true;
    if (before && began >= 0) {
      map.pull = [map.spots[began], now];
      return map.drawHandle();
    }
    if (!before) app.point(near(event, now));
    if (before ? held.size === 1 : event.pointerType === "mouse" && near(event, now) < 0) decode(event, now);
  });
  above.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => {
    release(event);
    const now = at(event), item = near(event, now);
    if (!moved && item >= 0) app.select(item);
    else if (!moved) decode(event, now);
    else if (began >= 0 && item >= 0 && item !== began) app.set({ a: began, b: item });
    else map.drawHandle();
  });
  above.addEventListener("pointercancel", release);
  above.addEventListener("pointerleave", () => app.point(-1));
  above.addEventListener("wheel", (/** @type {WheelEvent} */ event) => {
    if (!event.ctrlKey) return; // the page scrolls
    event.preventDefault();
    const edge = above.getBoundingClientRect(), here = [event.clientX - edge.left, event.clientY - edge.top];
    map.turn(Math.exp(-event.deltaY / 200), here, here);
    app.later();
  }, { passive: false });
}
