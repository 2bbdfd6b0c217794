// A row nobody fitted: drawn, pasted or uploaded, placed on the map by the encoder in the page.
import { element, fill } from "./dom.js";
import { picture } from "./pictures.js";

/** @param {any} app */
export function makeOwn(app) {
  const { model, data } = app;
  if (!model.reads) return fill("own", element("p", { class: "small", text: model.facts.encoderNote }));
  const note = element("p", { class: "small", role: "status" });
  const area = element("textarea", { id: "paste", "aria-label": `${data.width} numbers`, placeholder: `${data.width} numbers, by commas or spaces` });
  const take = () => {
    const row = area.value.trim().split(/[\s,;]+/).map(Number);
    if (row.length !== data.width || !row.every(Number.isFinite)) return void (note.textContent = `A row has ${data.width} numbers, got ${area.value.trim() ? row.length : 0}${row.every(Number.isFinite) ? "" : ", some of them no numbers"}.`);
    note.textContent = "";
    app.showOwn(row);
  };
  const file = element("input", { type: "file", "aria-label": "a text file with one row", onchange: async () => {
    area.value = (await file.files[0].text()).trim().split("\n").pop();
    take();
  } });
  const buttons = element("div", { class: "row" }, [element("button", { type: "button", id: "place-own", text: "Place on the map", onclick: take }), file]);
  const pads = data.pictures && data.facts.shape[0] === 1 ? [pad(app)] : [];
  fill("own", ...pads, area, buttons, note);
}

/** @param {any} app */
function pad(app) {
  const { data } = app, [, height, width] = data.facts.shape, [low, high] = data.facts.span, row = new Float64Array(data.width).fill(low);
  const box = element("div");
  const show = () => {
    const canvas = picture(data, row, { name: "pad to draw on" });
    canvas.className = "pad";
    const draw = (/** @type {PointerEvent} */ event) => {
      if (!event.buttons) return;
      const edge = canvas.getBoundingClientRect();
      const x = Math.floor(((event.clientX - edge.left) / edge.width) * width), y = Math.floor(((event.clientY - edge.top) / edge.height) * height);
      for (const [dx, dy, ink] of [[0, 0, 1], [1, 0, 0.4], [-1, 0, 0.4], [0, 1, 0.4], [0, -1, 0.4]]) {
        const at = (y + dy) * width + x + dx;
        if (x + dx >= 0 && x + dx < width && y + dy >= 0 && y + dy < height) row[at] = Math.max(row[at], low + ink * (high - low));
      }
      const fresh = picture(data, row);
      canvas.getContext("2d").drawImage(fresh, 0, 0);
      app.showOwn(row.slice());
    };
    canvas.addEventListener("pointerdown", draw);
    canvas.addEventListener("pointermove", draw);
    box.replaceChildren(canvas, element("button", { type: "button", text: "Clear the pad", onclick: () => { row.fill(low); show(); } }));
  };
  show();
  return box;
}
