// Rows that are lines over time, as windows of a series and waveforms: the original under its reconstruction, and the same in little.
import { element, formatInRange, formatNumber } from "./dom.js";

const WIDE = 600, HIGH = 100, SMALL = { width: 68, height: 40 }, CHANNELS = 6, SMALL_CHANNELS = 3, LOOKED_AT = 4000;

/** @typedef {ArrayLike<number>} Row */
/** @typedef {import("./model.js").Data} Data */

/** A channel of a row in the units of the data. @param {Data} data @param {Row} row @param {number} channel @returns {Float64Array} */
export function channelOf(data, row, channel) {
  const { length, center, spread } = data.lines, [middle, scale] = center ? [center[channel], spread[channel]] : [0, 1];
  return Float64Array.from({ length }, (_, i) => middle + scale * row[channel * length + i]);
}

/** From where to where most values of a channel lie, over all items. @param {Data} data @param {number} channel @returns {number[]} */
function usual(data, channel) {
  data.usual ??= [];
  if (!data.usual[channel]) {
    const { length } = data.lines, stride = Math.max(1, Math.floor((data.n * length) / LOOKED_AT));
    /** @type {number[]} */ const found = [];
    for (let at = 0; at < data.n * length; at += stride) found.push(data.rows[Math.floor(at / length) * data.width + channel * length + (at % length)]);
    found.sort((a, b) => a - b);
    data.usual[channel] = [0.005, 0.995].map((share) => found[Math.floor(share * (found.length - 1))]);
  }
  const { center, spread } = data.lines;
  return data.usual[channel].map((value) => (center ? center[channel] + spread[channel] * value : value));
}

/** Points of a line as wide and high as that; of many steps the least and the greatest of each stretch. @param {Row} values @param {number} low @param {number} high @param {number} width @param {number} height */
export function points(values, low, high, width, height) {
  const n = values.length, stretch = Math.max(1, Math.floor(n / (width * 2))), across = width / Math.max(1, n - 1);
  const y = (/** @type {number} */ value) => (height - 1 - ((value - low) / (high - low || 1)) * (height - 2)).toFixed(1);
  const found = [];
  for (let begin = 0; begin < n; begin += stretch) {
    let [least, most] = [begin, begin];
    for (let i = begin; i < Math.min(n, begin + stretch); i++) {
      if (values[i] < values[least]) least = i;
      if (values[i] > values[most]) most = i;
    }
    for (const i of stretch === 1 ? [begin] : [Math.min(least, most), Math.max(least, most)]) if (!Number.isNaN(values[i])) found.push(`${(i * across).toFixed(1)},${y(values[i])}`);
  }
  return found.join(" ");
}

/** @param {string} tag @param {Record<string, any>} properties @param {Element[]} [children] */
function svg(tag, properties, children = []) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/** Lines on each other, each in its own class. @param {[string, Row][]} lines @param {number[]} range @param {number} width @param {number} height */
const drawing = (lines, [low, high], width, height) => svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
  lines.map(([kind, values]) => svg("polyline", { class: `signal ${kind}`, points: points(values, low, high, width, height) })));

/** @param {number[]} range @param {Row[]} lines */
function widened([low, high], lines) {
  for (const values of lines) for (let i = 0; i < values.length; i++) [low, high] = [values[i] < low ? values[i] : low, values[i] > high ? values[i] : high];
  const margin = 0.04 * (high - low || 1);
  return [low - margin, high + margin];
}

/** Every channel, the original under what was decoded. @param {Data} data @param {Row | null} row @param {Row} again @param {string[]} [names] what the two lines are */
export function overlay(data, row, again, names = ["original", "reconstruction"]) {
  const { channels, length, unit, rate } = data.lines;
  const off = channels.map((/** @type {string} */ _, /** @type {number} */ c) => {
    let sum = 0;
    for (let i = c * length; row && i < (c + 1) * length; i++) sum += (row[i] - again[i]) ** 2 || 0;
    return sum;
  });
  const order = [...channels.keys()].sort((a, b) => off[b] - off[a] || a - b).slice(0, CHANNELS).sort((a, b) => a - b);
  const panels = order.map((c) => {
    const lines = /** @type {[string, Row][]} */ ([...(row ? [["original", channelOf(data, row, c)]] : []), ["decoded", channelOf(data, again, c)]]);
    const range = widened(usual(data, c), lines.map(([, values]) => values)), width = range[1] - range[0];
    const drawn = drawing(lines, range, WIDE, HIGH);
    return element("div", { class: "channel", role: "img", "aria-label": `${channels[c]}: ${row ? `${names[0]} and ${names[1]}` : names[1]}, from ${formatInRange(range[0], width)} to ${formatInRange(range[1], width)}` },
      [element("span", { class: "reach" }, [element("span", { text: formatInRange(range[1], width) }), element("b", { title: channels[c], text: channels.length > 1 ? channels[c] : "" }), element("span", { text: formatInRange(range[0], width) })]), drawn]);
  });
  const end = unit === "s" ? `${formatNumber(length / rate, 3)} s` : `${length} ${unit}s`;
  const left = channels.length - order.length;
  return element("div", { class: "overlay" }, [...panels, element("p", { class: "small ends" }, [element("span", { text: "0" }), element("span", { class: "keys" }, [
    ...(row ? [element("span", { class: "key original", text: names[0] })] : []), element("span", { class: "key", text: names[1] }), ...(left > 0 ? [`${left} more channels, better reconstructed`] : [])]), element("span", { text: end })])]);
}

/** A row in little; over another, if there are two. @param {Data} data @param {Row} row @param {Row | null} [again] */
export function spark(data, row, again = null) {
  const shown = Math.min(SMALL_CHANNELS, data.lines.channels.length), height = SMALL.height / shown;
  return element("span", { class: "spark", "aria-hidden": "true" }, Array.from({ length: shown }, (_, c) => {
    const lines = /** @type {[string, Row][]} */ ([[again ? "original" : "decoded", channelOf(data, row, c)], ...(again ? [["decoded", channelOf(data, again, c)]] : [])]);
    return drawing(lines, widened(usual(data, c), lines.map(([, values]) => values)), SMALL.width, height);
  }));
}
