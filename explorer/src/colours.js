// Colours that stay apart for colour-blind eyes, one ramp for pictures, one for signed differences.
const PETROFF = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"];
const OKABE_ITO = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#f0e442", "#7d7d7d"];

/** @param {number} count @param {number} chosen @returns {string[]} */
export function classColours(count, chosen) {
  if (count > 10) return Array.from({ length: count }, (_, i) => (i === chosen ? "#3f90da" : "#8a9099"));
  return (count > 8 ? PETROFF : OKABE_ITO).slice(0, count);
}

/** Contrast of two colours (#rrggbb), from 1 to 21, as WCAG has it. @param {string} one @param {string} other */
export function contrast(one, other) {
  const [a, b] = [one, other].map((colour) => {
    const light = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2] + 0.05;
  });
  return Math.max(a, b) / Math.min(a, b);
}

/** One hue from faint to strong, share in [0, 1]. @param {number} share */
export function ramp(share) {
  const s = Math.min(1, Math.max(0, share));
  return `hsl(212 ${45 + 35 * s}% ${82 - 50 * s}%)`;
}

/** Blue is too little, orange too much, white is right; share in [-1, 1]. @param {number} share @returns {number[]} */
export function difference(share) {
  const s = Math.min(1, Math.abs(share)), end = share < 0 ? [31, 95, 168] : [217, 115, 13];
  return end.map((value) => Math.round(255 + (value - 255) * s));
}
