// The readings of one series as the page has them: when each step was, where there are gaps, and what was found.
import { tensor } from "./payload.js";

export class Readings {
  /** @param {any} facts @param {ArrayBuffer} block @param {string[]} channels */
  constructor(facts, block, channels) {
    this.facts = facts;
    this.channels = channels;
    const { origin, unit, offsets } = facts.times;
    this.moments = Float64Array.from(tensor(block, offsets), (value) => origin + unit * value);
    const read = (/** @type {any} */ place) => (place ? /** @type {Float32Array} */ (tensor(block, place)) : null);
    this.low = /** @type {Float32Array} */ (read(facts.low));
    this.high = read(facts.high) || this.low;
    this.expected = read(facts.expected);
    this.score = read(facts.score);
    this.threshold = read(facts.threshold);
    this.adds = read(facts.adds);
    /** @type {number[][]} */ this.reached = []; // by channel
    this.most = this.score ? this.score.reduce((most, value) => (value > most ? value : most), 0) || 1 : 1; // of the scores
    this.stretches = Math.ceil(facts.steps / facts.width);
    this.begins = new Set(facts.segments.map((/** @type {number[]} */ [first]) => Math.floor(first / facts.width))); // no line leads there
  }

  get dated() { return this.facts.times.dated; }
  get step() { return this.facts.times.step; }

  /** First and last moment; a step on either side where there is but one. @returns {number[]} */
  get span() {
    const [first, last] = [this.moments[0], this.moments[this.moments.length - 1]];
    return last > first ? [first, last] : [first - this.step || first - 1, last + this.step || last + 1];
  }

  /** The last step not after a moment. @param {number} time */
  at(time) {
    let low = 0, high = this.moments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.moments[middle] <= time) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The step nearest to a moment. @param {number} time */
  nearest(time) {
    const step = this.at(time), next = Math.min(step + 1, this.moments.length - 1);
    return this.moments[next] - time < time - this.moments[step] ? next : step;
  }

  /** From where to where a channel's values go: all but one in two hundred at either end, and what is expected. @param {number} channel @returns {number[]} */
  reach(channel) {
    if (!this.reached[channel]) {
      const count = this.channels.length, stride = Math.max(1, Math.floor(this.stretches / 5000));
      /** @type {number[]} */ const found = [];
      for (let i = 0; i < this.stretches; i += stride) for (const part of [this.low, this.high, this.expected]) if (part && Number.isFinite(part[i * count + channel])) found.push(part[i * count + channel]);
      found.sort((a, b) => a - b);
      const [low, high] = [found[0] ?? 0, found[found.length - 1] ?? 1], [near, far] = [0.005, 0.995].map((share) => found[Math.floor(share * (found.length - 1))] ?? 0);
      const wide = far - near || high - low || 1; // what lies far beyond is cut at the frame
      this.reached[channel] = [Math.max(low, near - wide), Math.min(high, far + wide)].map((end, i) => end + (i ? 0.05 : -0.05) * wide);
    }
    return this.reached[channel];
  }

  /** Channels, those first that add most to the score. */
  get telling() {
    const count = this.channels.length, most = new Float64Array(count), { adds } = this;
    for (let i = 0; adds && i < adds.length; i++) most[i % count] = Math.max(most[i % count], adds[i]);
    return [...this.channels.keys()].sort((a, b) => most[b] - most[a] || a - b);
  }
}
