// The series drawn: each channel with what was expected of it, what it adds to the score, and the score, over one axis of time.
import { formatInRange, formatNumber } from "./dom.js";
import { timeTicks } from "./timeaxis.js";

const LEFT = 58, RIGHT = 8, TOP = 4, AXIS = 20, GAP = 10, STRIP = 6, SCORE = 42, HEIGHTS = [130, 92, 74, 62]; // of a channel, by how many there are
const WITHIN = 2; // standard deviations of the band, as on the figures

/** @typedef {import("./readings.js").Readings} Readings */
/** @typedef {{from: number, to: number}} View */

/** Where everything lies on the screen. @param {Readings} readings @param {number[]} channels those drawn @param {number} side */
export function layout(readings, channels, side) {
  const high = HEIGHTS[Math.min(channels.length, HEIGHTS.length) - 1] - (channels.length > 4 ? 8 : 0), panels = channels.map((channel, i) => ({ channel, top: TOP + i * (high + GAP), bottom: TOP + i * (high + GAP) + high }));
  const end = panels[panels.length - 1].bottom, score = readings.score ? { top: end + GAP, bottom: end + GAP + SCORE } : null;
  const bottom = score ? score.bottom : end;
  return { left: LEFT, right: side - RIGHT, panels, score, bottom, height: bottom + AXIS };
}

/** @typedef {ReturnType<typeof layout>} Layout */

/** @param {Layout} box @param {View} view */
export const across = (box, view) => (/** @type {number} */ time) => box.left + ((time - view.from) / (view.to - view.from)) * (box.right - box.left);

/** All that stays while the pointer moves. @param {CanvasRenderingContext2D} pen @param {Readings} readings @param {Layout} box @param {View} view @param {Record<string, string>} ink colours by name */
export function drawSeries(pen, readings, box, view, ink) {
  const x = across(box, view), { facts, moments } = readings, width = facts.width;
  const first = Math.max(0, Math.floor(readings.at(view.from) / width) - 1), last = Math.min(readings.stretches - 1, Math.ceil(readings.at(view.to) / width) + 1);
  const when = (/** @type {number} */ i) => x(moments[Math.min(moments.length - 1, i * width)]);
  pen.clearRect(0, 0, box.right + RIGHT, box.height);
  pen.font = "11px system-ui, sans-serif";
  const spans = (/** @type {number[][]} */ listed, /** @type {string} */ colour, /** @type {number} */ alpha, /** @type {number} */ top, /** @type {number} */ bottom) => {
    pen.fillStyle = colour;
    pen.globalAlpha = alpha;
    for (const [begin, end] of listed) {
      const [from, to] = [Math.max(box.left, x(moments[begin])), Math.min(box.right, x(moments[Math.min(end, moments.length - 1)]))];
      if (to >= box.left && from <= box.right) pen.fillRect(from, top, Math.max(1.5, to - from), bottom - top);
    }
    pen.globalAlpha = 1;
  };
  const episodes = facts.episodes.map((/** @type {any} */ one) => [one.first, one.last]);
  for (const { channel, top, bottom } of box.panels) {
    const [low, high] = readings.reach(channel), y = (/** @type {number} */ value) => bottom - ((value - low) / (high - low)) * (bottom - top), count = readings.channels.length;
    pen.save();
    pen.beginPath();
    pen.rect(box.left, top, box.right - box.left, bottom - top);
    pen.clip();
    spans(episodes, ink.alarm, 0.22, top, bottom);
    if (readings.expected) {
      const band = WITHIN * facts.deviation[channel], line = columns(readings, readings.expected, readings.expected, channel, count, first, last, when);
      pen.fillStyle = pen.strokeStyle = ink.accent;
      pen.globalAlpha = 0.18;
      for (const part of line) {
        pen.beginPath();
        for (const [px, a] of part) pen.lineTo(px, y(a + band));
        for (const [px, , b] of part.slice().reverse()) pen.lineTo(px, y(b - band));
        pen.fill();
      }
      pen.globalAlpha = 1;
      stroke(pen, line, y, 1.2);
    }
    pen.strokeStyle = ink.ink;
    stroke(pen, columns(readings, readings.low, readings.high, channel, count, first, last, when), y, 0.9);
    if (readings.adds) strip(pen, readings, channel, first, last, when, bottom, ink.alarm);
    pen.restore();
    pen.strokeStyle = ink.line;
    pen.lineWidth = 1;
    pen.strokeRect(box.left + 0.5, top + 0.5, box.right - box.left - 1, bottom - top - 1);
    pen.fillStyle = ink.faint;
    pen.textAlign = "right";
    for (const [value, baseline, at] of /** @type {[number, CanvasTextBaseline, number][]} */ ([[high, "top", top], [low, "bottom", bottom]])) {
      pen.textBaseline = baseline;
      pen.fillText(formatInRange(value, high - low), box.left - 6, at);
    }
    if (readings.channels.length > 1) title(pen, readings.channels[channel], box.left + 6, top + 4, ink);
  }
  if (box.score && readings.score) drawScore(pen, readings, box, first, last, when, ink, episodes, spans);
  spans(facts.heldOut, ink.faint, 0.9, box.bottom + 1, box.bottom + 4);
  pen.fillStyle = ink.ink;
  pen.textAlign = "center";
  pen.textBaseline = "top";
  let taken = -Infinity;
  for (const { at, text } of timeTicks(view.from, view.to, Math.max(2, Math.floor((box.right - box.left) / 120)), readings.dated)) {
    const half = pen.measureText(text).width / 2, px = x(at);
    if (px - half > Math.max(box.left - 30, taken + 6) && px + half < box.right + RIGHT) {
      pen.fillText(text, px, box.bottom + 6);
      taken = px + half;
    }
    pen.fillRect(px, box.bottom, 1, 3);
  }
}

/** @param {CanvasRenderingContext2D} pen @param {string} text @param {number} x @param {number} y @param {Record<string, string>} ink */
function title(pen, text, x, y, ink) {
  pen.textAlign = "left";
  pen.textBaseline = "top";
  pen.lineWidth = 3;
  pen.strokeStyle = ink.paper;
  pen.strokeText(text, x, y);
  pen.fillStyle = ink.ink;
  pen.fillText(text, x, y);
}

/** A line as the least and the greatest value of each column of pixels, in parts between gaps. @param {Readings} readings @param {Float32Array} low @param {Float32Array} high @param {number} channel @param {number} count channels @param {number} first @param {number} last @param {(i: number) => number} when */
function columns(readings, low, high, channel, count, first, last, when) {
  /** @type {number[][][]} */ const parts = [];
  /** @type {number[][]} */ let part = [];
  for (let i = first; i <= last; i++) {
    const [a, b] = [high[i * count + channel], low[i * count + channel]], px = when(i);
    if (readings.begins.has(i) || Number.isNaN(a)) {
      if (part.length) parts.push(part);
      part = [];
      if (Number.isNaN(a)) continue;
    }
    const before = part[part.length - 1];
    if (before && Math.floor(before[0]) === Math.floor(px)) [before[1], before[2]] = [Math.max(before[1], a), Math.min(before[2], b)];
    else part.push([px, a, b]);
  }
  return part.length ? [...parts, part] : parts;
}

/** @param {CanvasRenderingContext2D} pen @param {number[][][]} parts @param {(value: number) => number} y @param {number} width */
function stroke(pen, parts, y, width) {
  pen.lineWidth = width;
  pen.lineJoin = "round";
  pen.beginPath();
  for (const part of parts) {
    part.forEach(([px, high, low], i) => {
      const [a, b] = [y(high), y(low)];
      if (i) pen.lineTo(px, a);
      else pen.moveTo(px, a);
      if (b !== a) pen.lineTo(px, b);
    });
    if (part.length === 1) pen.lineTo(part[0][0] + 1, y(part[0][2]));
  }
  pen.stroke();
}

/** What a channel adds to the score, as a strip of colour at its foot. @param {CanvasRenderingContext2D} pen @param {Readings} readings @param {number} channel @param {number} first @param {number} last @param {(i: number) => number} when @param {number} bottom @param {string} colour */
function strip(pen, readings, channel, first, last, when, bottom, colour) {
  const adds = /** @type {Float32Array} */ (readings.adds), count = readings.channels.length;
  pen.fillStyle = colour;
  for (let i = first, begin = when(first), most = 0; i <= last; i++) {
    most = Math.max(most, adds[i * count + channel]);
    const end = when(Math.min(i + 1, last));
    if (end - begin < 1 && i < last) continue;
    pen.globalAlpha = Math.min(1, most);
    if (most > 0.02) pen.fillRect(begin, bottom - STRIP, Math.max(1, end - begin), STRIP);
    [begin, most] = [end, 0];
  }
  pen.globalAlpha = 1;
}

/** @param {CanvasRenderingContext2D} pen @param {Readings} readings @param {Layout} box @param {number} first @param {number} last @param {(i: number) => number} when @param {Record<string, string>} ink @param {number[][]} episodes @param {Function} spans */
function drawScore(pen, readings, box, first, last, when, ink, episodes, spans) {
  const { top, bottom } = /** @type {{top: number, bottom: number}} */ (box.score), score = /** @type {Float32Array} */ (readings.score);
  const y = (/** @type {number} */ value) => bottom - (Math.max(0, value) / readings.most) * (bottom - top - 2);
  pen.save();
  pen.beginPath();
  pen.rect(box.left, top, box.right - box.left, bottom - top);
  pen.clip();
  spans(episodes, ink.alarm, 0.22, top, bottom);
  pen.strokeStyle = ink.ink;
  stroke(pen, columns(readings, score, score, 0, 1, first, last, when), y, 1);
  pen.setLineDash([4, 3]);
  pen.strokeStyle = ink.alarm;
  if (readings.threshold) stroke(pen, columns(readings, readings.threshold, readings.threshold, 0, 1, first, last, when), y, 1);
  pen.setLineDash([]);
  pen.restore();
  pen.strokeStyle = ink.line;
  pen.lineWidth = 1;
  pen.strokeRect(box.left + 0.5, top + 0.5, box.right - box.left - 1, bottom - top - 1);
  pen.fillStyle = ink.faint;
  pen.textAlign = "right";
  pen.textBaseline = "top";
  pen.fillText(formatNumber(readings.most, 2), box.left - 6, top);
  pen.textBaseline = "bottom";
  pen.fillText("0", box.left - 6, bottom);
  title(pen, "anomaly score, nats", box.left + 6, top + 3, ink);
}

/** The stretch of the window selected, and the line under the pointer. @param {CanvasRenderingContext2D} pen @param {Layout} box @param {View} view @param {number[] | null} stretch moments @param {number | null} pointed a moment @param {Record<string, string>} ink */
export function drawMarks(pen, box, view, stretch, pointed, ink) {
  const x = across(box, view);
  pen.clearRect(0, 0, box.right + RIGHT, box.height);
  if (stretch) {
    const [from, to] = stretch.map((time) => Math.min(box.right, Math.max(box.left, x(time))));
    if (to > box.left && from < box.right) {
      pen.fillStyle = pen.strokeStyle = ink.accent;
      pen.globalAlpha = 0.13;
      pen.fillRect(from, TOP, Math.max(2, to - from), box.bottom - TOP);
      pen.globalAlpha = 1;
      pen.lineWidth = 1.5;
      pen.strokeRect(from, TOP + 0.5, Math.max(2, to - from), box.bottom - TOP - 1);
    }
  }
  if (pointed === null) return;
  const px = x(pointed);
  if (px < box.left || px > box.right) return;
  pen.strokeStyle = ink.faint;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(px, TOP);
  pen.lineTo(px, box.bottom);
  pen.stroke();
}
