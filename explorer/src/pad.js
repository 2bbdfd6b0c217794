// A pad to draw on, by pointer or by keys: the arrows move a pixel frame, Space inks it, Backspace wipes it.
import { element } from "./dom.js";
import { picture } from "./pictures.js";

const INK = [[0, 0, 1], [1, 0, 0.4], [-1, 0, 0.4], [0, 1, 0.4], [0, -1, 0.4]]; // a soft brush: pixels and how dark

/** @param {any} app @param {Float64Array} row drawn into @param {() => void} changed */
export function makePad(app, row, changed) {
  const { data } = app, [, height, width] = data.facts.shape, [low, high] = data.facts.span;
  const canvas = picture(data, row), frame = element("span", { class: "cursor" }), at = [width >> 1, height >> 1];
  canvas.classList.add("pad");
  const box = element("div", { class: "pad-box", id: "pad", tabindex: "0", role: "application", "aria-label": `pad to draw on, ${width} by ${height}: arrows move, Space draws, Backspace wipes` }, [canvas, frame]);
  const show = () => {
    canvas.getContext("2d").drawImage(picture(data, row), 0, 0);
    Object.assign(frame.style, { left: `${(100 * at[0]) / width}%`, top: `${(100 * at[1]) / height}%`, width: `${100 / width}%`, height: `${100 / height}%` });
  };
  const ink = (/** @type {number} */ x, /** @type {number} */ y, brush = INK) => {
    const wide = Math.max(1, Math.round(width / 10)); // strokes as wide as a tenth of the picture
    for (let dx = 0; dx < wide; dx++) for (let dy = 0; dy < wide; dy++) for (const [bx, by, share] of brush) {
      const [px, py] = [x + dx - (wide >> 1) + bx, y + dy - (wide >> 1) + by];
      if (px >= 0 && px < width && py >= 0 && py < height) row[py * width + px] = Math.max(row[py * width + px], low + share * (high - low));
    }
    show();
    changed();
  };
  let last = [0, 0];
  const draw = (/** @type {PointerEvent} */ event) => {
    if (!event.buttons) return;
    const edge = canvas.getBoundingClientRect();
    const now = [((event.clientX - edge.left) / edge.width) * width, ((event.clientY - edge.top) / edge.height) * height];
    const from = event.type === "pointerdown" ? now : last, steps = Math.max(1, Math.ceil(Math.hypot(now[0] - from[0], now[1] - from[1])));
    for (let k = 1; k <= steps; k++) ink(Math.floor(from[0] + ((now[0] - from[0]) * k) / steps), Math.floor(from[1] + ((now[1] - from[1]) * k) / steps));
    last = now;
  };
  canvas.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    canvas.setPointerCapture(event.pointerId);
    draw(event);
  });
  canvas.addEventListener("pointermove", draw);
  box.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowLeft: () => (at[0] = Math.max(0, at[0] - 1)), ArrowRight: () => (at[0] = Math.min(width - 1, at[0] + 1)),
      ArrowUp: () => (at[1] = Math.max(0, at[1] - 1)), ArrowDown: () => (at[1] = Math.min(height - 1, at[1] + 1)),
      " ": () => ink(at[0], at[1]), Backspace: () => { row[at[1] * width + at[0]] = low; changed(); },
    };
    if (!actions[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    actions[event.key]();
    show();
  });
  show();
  return { box, show };
}
