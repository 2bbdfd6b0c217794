// A row to look at: a picture in the fixed grey range, lines over time, or the most telling columns of a table as small bars.
import { miniBars } from "./columns.js";
import { difference } from "./colours.js";
import { element } from "./dom.js";
import { spark } from "./lines.js";

/** @param {import("./model.js").Data} data @param {ArrayLike<number>} row @param {{signed?: number, name?: string}} [how] */
export function picture(data, row, { signed, name } = {}) {
  const [channels, height, width] = data.facts.shape, [low, high] = data.facts.span, upward = Boolean(data.sound); // low frequencies lie below
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
    image.data.set([...colour, 255], 4 * (upward ? (height - 1 - Math.floor(i / width)) * width + (i % width) : i));
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** A row in little: the picture itself, or its most telling columns by name. @param {import("./model.js").Model} model @param {ArrayLike<number>} row */
export const thumbnail = (model, row) => (model.data.pictures ? picture(model.data, row) : model.data.lines ? spark(model.data, row) : miniBars(model, row));
