// One small chart as SVG: lines, dots or bars over round ticks, its axes named with their units.
import { element, formatNumber } from "./dom.js";

const WIDTH = 340, HEIGHT = 220, PAD = { right: 14, top: 22, bottom: 36 }, LEFT = 46, DIGIT = 6.6;

/** @typedef {{name: string, kind: string, points: number[][], says?: string}} Series */

/** Round numbers from one end to the other. @param {number} low @param {number} high @param {number} count @param {number} [least] */
export function ticks(low, high, count, least = 0) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(least, [1, 2, 5, 10].map((k) => k * power).find((k) => k >= rough * 0.999) || rough), first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.max(0, Math.floor(high / step + 1e-9) - first + 1) }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** @param {string} tag @param {Record<string, any>} properties @param {string} [text] */
function svg(tag, properties, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

/** @param {string} title @param {Series[]} series @param {{across: string, up: string, mark?: number, says?: string}} named */
export function chart(title, series, { across, up, mark, says }) {
  const points = series.flatMap((line) => line.points).filter((point) => point.every(Number.isFinite)), bars = series.some((line) => line.kind === "bars");
  const high = Math.max(...points.map((point) => point[1])) * 1.04 || 1, right = Math.max(...points.map((point) => point[0])) + (bars ? 0.6 : 0) || 1, left = bars ? 0.4 : 0;
  const levels = ticks(0, high, 4), begin = Math.max(LEFT, 10 + DIGIT * Math.max(...levels.map((value) => formatNumber(value).length))); // room for the longest
  const x = (/** @type {number} */ v) => begin + ((v - left) / (right - left)) * (WIDTH - begin - PAD.right);
  const y = (/** @type {number} */ v) => HEIGHT - PAD.bottom - (v / high) * (HEIGHT - PAD.top - PAD.bottom);
  const words = series.flatMap((line) => [line.name, line.says]).filter(Boolean).join(", ");
  const drawn = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}: ${up} by ${across}${words ? `; ${words}` : ""}` });
  for (const value of levels) {
    drawn.append(svg("path", { class: "grid", d: `M${begin} ${y(value)}H${WIDTH - PAD.right}` }), svg("text", { x: begin - 7, y: y(value) + 4, "text-anchor": "end" }, formatNumber(value)));
  }
  for (const value of ticks(bars ? 1 : 0, right, bars ? 8 : 6, 1)) drawn.append(svg("text", { x: x(value), y: HEIGHT - 20, "text-anchor": "middle" }, formatNumber(value)));
  drawn.append(svg("text", { x: WIDTH - PAD.right, y: HEIGHT - 4, "text-anchor": "end" }, across), svg("text", { x: 2, y: 11 }, up));
  if (mark !== undefined && mark <= right) {
    drawn.append(svg("path", { class: "mark", d: `M${x(mark)} ${PAD.top}V${HEIGHT - PAD.bottom}` }));
    const near = x(mark) - begin < DIGIT * (says?.length ?? 0) + 4; // to the axis: beside it there is no room
    if (says) drawn.append(svg("text", { x: x(mark) + (near ? 4 : -4), y: HEIGHT - PAD.bottom - 6, "text-anchor": near ? "start" : "end" }, says));
  }
  series.forEach((line) => drawn.append(...shapes(line, x, y)));
  const legend = series.filter((line) => line.name).map((line) => element("span", { class: `key ${line.kind}`, text: line.name }));
  return element("figure", {}, [element("figcaption", {}, [element("b", { text: title }), ...legend]), drawn]);
}

/** A name right of a dot, or left of it where it would reach over the edge. @param {number} x @param {number} y @param {string} says */
function beside(x, y, says) {
  const room = WIDTH - x - 8 > DIGIT * says.length;
  return svg("text", { x: x + (room ? 8 : -8), y, "text-anchor": room ? "start" : "end" }, says);
}

/** @param {Series} line @param {(v: number) => number} x @param {(v: number) => number} y */
function shapes({ kind, points, says }, x, y) {
  if (kind === "bars") {
    const wide = Math.max(1.5, Math.min(22, 0.6 * (x(2) - x(1))));
    return points.map(([at, value, idle]) => idle
      ? svg("circle", { class: "idle", cx: x(at), cy: y(0) - 4, r: Math.min(3, wide) })
      : svg("rect", { class: "model", x: x(at) - wide / 2, y: y(value), width: wide, height: Math.max(0, y(0) - y(value)), rx: Math.min(2, wide / 4) }));
  }
  if (kind === "dot" || kind === "other") return points.flatMap(([at, value]) => [svg("circle", { class: kind, cx: x(at), cy: y(value), r: kind === "dot" ? 5 : 4 }),
    ...(says ? [beside(x(at), y(value) + 4, says.length > 18 ? `${says.slice(0, 17)}…` : says)] : [])]);
  const path = svg("path", { class: `line ${kind}`, d: points.map(([at, value], i) => `${i ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("") });
  const [last] = points.slice(-1);
  if (!says) return [path];
  const room = WIDTH - PAD.right - x(last[0]) > DIGIT * says.length; // above and beside its end, where PCA's curve has fallen below it
  const low = y(0) - y(last[1]) < 20; // else below the line, but not over the axis
  return [path, svg("text", { x: x(last[0]) + (room ? 5 : 0), y: y(last[1]) + (room ? -5 : low ? -12 : 14), "text-anchor": room ? "start" : "end" }, says)];
}
