// Class colours that stay apart for colour-blind eyes too, handed out so neighbours on the map differ most; ramps.

// Ten colours found by search: the least distance of any two (OKLab, times 100) is 17.0 in plain sight and 10.9 in each
// kind of colour blindness (Machado 2009, full severity). Petroff's ten have 9.0 and 6.1, the usual tab10 11.3 and 0.7.
export const PALETTE = ["#2f69e3", "#cb7304", "#11a6ad", "#954aa3", "#f0b528", "#555c5a", "#b91701", "#c07eff", "#3fdc9a", "#b6c2f0"];
export const GREY = "#8a9099";
const MAX_COLOURED = 40;

/** How eyes without one kind of cone see linear RGB. */
const SIGHTS = [
  [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
];

/** @param {number[][]} matrix @param {number[]} vector */
const times = (matrix, vector) => matrix.map((row) => row.reduce((sum, value, i) => sum + value * vector[i], 0));

/** @param {string} colour #rrggbb */
const linear = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));

/** @param {number[]} rgb */
function oklab(rgb) {
  const cones = times([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]], rgb).map(Math.cbrt);
  return times([[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099], [0.0259040371, 0.7827717662, -0.808675766]], cones).map((v) => 100 * v);
}

/** How far apart two colours are to each kind of sight: plain, then without red, green and blue cones. @param {string} one @param {string} other */
export function distances(one, other) {
  return SIGHTS.map((sight) => {
    const [a, b] = [one, other].map((colour) => oklab(times(sight, linear(colour)).map((v) => Math.min(1, Math.max(0, v)))));
    return Math.hypot(...a.map((v, i) => v - b[i]));
  });
}

/**
 * A colour for each class: where classes lie near each other, colours far apart for every kind of sight. Beyond ten
 * classes colours repeat, far from each other; beyond forty all are grey.
 * @param {number[][]} centres of the classes on the map
 */
export function classColours(centres) {
  const count = centres.length;
  if (count > MAX_COLOURED) return Array(count).fill(GREY);
  const usable = PALETTE.slice(0, Math.max(1, Math.min(count, PALETTE.length)));
  const cost = usable.map((one) => usable.map((other) => (one === other ? 1 : (4 / Math.min(...distances(one, other))) ** 2)));
  const between = centres.map((a) => centres.map((b) => Math.hypot(a[0] - b[0], a[1] - b[1])));
  const typical = between.flat().filter(Boolean).sort((a, b) => a - b)[Math.floor((count * (count - 1)) / 4)] || 1;
  const near = between.map((row) => row.map((d) => 1 / (0.05 + (d / typical) ** 2)));
  const given = centres.map((_, i) => i % usable.length);
  const total = () => given.reduce((sum, c, i) => sum + given.reduce((part, d, j) => part + (j < i ? near[i][j] * cost[c][d] : 0), 0), 0);
  let least = total();
  for (let again = true, round = 0; again && round < 12; round++) {
    again = false;
    for (let i = 1; i < count; i++) for (let j = 0; j < i; j++) { // exchange two
      if (given[i] === given[j]) continue;
      [given[i], given[j]] = [given[j], given[i]];
      const now = total();
      if (now < least - 1e-9) [least, again] = [now, true];
      else [given[i], given[j]] = [given[j], given[i]];
    }
  }
  return given.map((at) => usable[at]);
}

/** Contrast of two colours (#rrggbb), from 1 to 21, as WCAG has it. @param {string} one @param {string} other */
export function contrast(one, other) {
  const [a, b] = [one, other].map((colour) => linear(colour).reduce((sum, v, i) => sum + [0.2126, 0.7152, 0.0722][i] * v, 0.05));
  return Math.max(a, b) / Math.min(a, b);
}

const RAMP = [[189, 223, 38], [68, 191, 112], [33, 145, 140], [53, 95, 141], [72, 33, 115]]; // viridis without its ends
const dark = globalThis.matchMedia?.("(prefers-color-scheme: dark)");

/** From small to large along viridis, large being what stands out from the page; share in [0, 1]. @param {number} share */
export function ramp(share) {
  const s = 4 * Math.min(1, Math.max(0, dark?.matches ? 1 - share : share)), at = Math.min(3, Math.floor(s));
  return `rgb(${RAMP[at].map((value, i) => Math.round(value + (RAMP[at + 1][i] - value) * (s - at))).join(" ")})`;
}

/** Blue is too little, orange too much, white is right; share in [-1, 1]. @param {number} share @returns {number[]} */
export function difference(share) {
  const s = Math.min(1, Math.abs(share)), end = share < 0 ? [31, 95, 168] : [217, 115, 13];
  return end.map((value) => Math.round(255 + (value - 255) * s));
}
