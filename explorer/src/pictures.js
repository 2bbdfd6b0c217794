// A row to look at: a picture in the fixed grey range, or paired bars in the data's own units.
import { difference } from "./colours.js";
import { element, formatNumber, formatInRange } from "./dom.js";

/** @param {import("./model.js").Data} data @param {ArrayLike<number>} row @param {{signed?: number, name?: string}} [how] */
export function picture(data, row, { signed, name } = {}) {
  const [channels, height, width] = data.facts.shape, [low, high] = data.facts.span;
  const canvas = element("canvas", { width, height, class: "picture", ...(name ? { role: "img", "aria-label": name } : { "aria-hidden": "true" }) });
  const image = new ImageData(width, height), pixels = height * width;
  for (let i = 0; i < pixels; i++) {
    let colour;
    if (signed) {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += row[c * pixels + i] / channels;
      colour = difference(sum / signed);
    } else {
      const grey = (/** @type {number} */ c) => 255 * Math.min(1, Math.max(0, (row[c * pixels + i] - low) / (high - low)));
      colour = channels >= 3 ? [grey(0), grey(1), grey(2)] : Array(3).fill(255 - 0.93 * grey(0));
    }
    image.data.set([...colour, 255], 4 * i);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** Ten columns at a glance: a small line for strips and lists. @param {import("./model.js").Model} model @param {ArrayLike<number>} row */
export function spark(model, row) {
  const { center, spread } = model.facts.scaling, n = row.length;
  const canvas = element("canvas", { width: 64, height: 64, class: "spark", "aria-hidden": "true" });
  const pen = canvas.getContext("2d");
  pen.fillStyle = getComputedStyle(document.body).getPropertyValue("--accent");
  for (let i = 0; i < n; i++) {
    const up = Math.max(-30, Math.min(30, (12 * (row[i] - center[i])) / spread[i]));
    pen.fillRect((64 * i) / n, up > 0 ? 32 - up : 32, Math.max(1, 64 / n - 1), Math.max(1, Math.abs(up)));
  }
  return canvas;
}

/** @param {import("./model.js").Model} model @param {ArrayLike<number>} row */
export const thumbnail = (model, row) => (model.data.pictures ? picture(model.data, row) : spark(model, row));

/**
 * Original and rebuilt side by side, one column a line, largest residual first.
 * @param {import("./model.js").Model} model @param {ArrayLike<number> | null} row @param {ArrayLike<number>} again @param {number} [most]
 */
export function bars(model, row, again, most = 12) {
  const { columns } = model.data.facts, { spread } = model.facts.scaling, { low, high } = model.data.reach;
  const order = [...columns.keys()];
  const off = (/** @type {number} */ i) => (row ? Math.abs(row[i] - again[i]) / spread[i] || 0 : 0);
  if (row) order.sort((a, b) => off(b) - off(a));
  const lines = order.slice(0, most).map((i) => {
    const at = (/** @type {number} */ value) => `${(100 * Math.min(1, Math.max(0, (value - low[i]) / (high[i] - low[i] || 1)))).toFixed(1)}%`;
    const bar = (/** @type {string} */ kind, /** @type {number} */ value) => {
      const made = element("span", { class: `bar ${kind}` });
      made.style.width = Number.isNaN(value) ? "0" : at(value);
      return made;
    };
    const read = (/** @type {number} */ value) => (Number.isInteger(value) && Math.abs(value) < 1e15 ? formatNumber(value, 16) : formatInRange(value, high[i] - low[i]));
    return element("tr", {}, [
      element("th", { scope: "row", text: columns[i], title: columns[i] }),
      element("td", { class: "pair" }, [...(row ? [bar("original", row[i])] : []), bar("rebuilt", again[i])]),
      element("td", { class: "number", text: row ? (Number.isNaN(row[i]) ? "missing" : read(row[i])) : "–" }),
      element("td", { class: "number", text: read(again[i]) }),
    ]);
  });
  const head = ["column", "", "original", "rebuilt"].map((text) => element("th", { scope: "col", class: text === "original" || text === "rebuilt" ? "number" : null, text: text || "low to high" }));
  return element("table", { class: "bars" }, [element("thead", {}, [element("tr", {}, head)]), element("tbody", {}, lines)]);
}
