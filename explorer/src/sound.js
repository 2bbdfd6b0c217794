// Rows that can be heard: phases found for log-magnitudes by Griffin and Lim's iteration, and a clip as a small WAV file.
import { element } from "./dom.js";

const LONGEST = 15, ITERATIONS = 32, MOMENTUM = 0.99, LOUDEST = 32767; // seconds that are played

/** @typedef {{rate: number, length: number, fft: number, hop: number, floor: number}} Sound */

/** In place, a transform of so many complex numbers, a power of two; back: its inverse. @param {Float64Array} re @param {Float64Array} im @param {boolean} back */
function fourier(re, im, back) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [re[i], re[j], im[i], im[j]] = [re[j], re[i], im[j], im[i]];
  }
  for (let size = 2; size <= n; size <<= 1) {
    const angle = ((back ? 2 : -2) * Math.PI) / size, [stepRe, stepIm] = [Math.cos(angle), Math.sin(angle)];
    for (let begin = 0; begin < n; begin += size) {
      let wRe = 1, wIm = 0;
      for (let k = begin; k < begin + size / 2; k++) {
        const other = k + size / 2, [a, b] = [re[other] * wRe - im[other] * wIm, re[other] * wIm + im[other] * wRe];
        [re[other], im[other]] = [re[k] - a, im[k] - b];
        re[k] += a;
        im[k] += b;
        [wRe, wIm] = [wRe * stepRe - wIm * stepIm, wRe * stepIm + wIm * stepRe];
      }
    }
  }
  if (back) for (let i = 0; i < n; i++) [re[i], im[i]] = [re[i] / n, im[i] / n];
}

/** @param {Sound} sound */
const hann = ({ fft }) => Float64Array.from({ length: fft }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / fft));

/** The clip of spectra: overlapped frames over the sum of squared windows. @param {Float64Array} re by frame, then frequency, fft of them @param {Float64Array} im @param {Sound} sound @param {Float64Array} window */
function overlapped(re, im, sound, window) {
  const { fft, hop } = sound, frames = re.length / fft, total = new Float64Array((frames - 1) * hop + fft), weight = new Float64Array(total.length);
  for (let t = 0; t < frames; t++) {
    const [a, b] = [re.slice(t * fft, (t + 1) * fft), im.slice(t * fft, (t + 1) * fft)];
    fourier(a, b, true);
    for (let i = 0; i < fft; i++) {
      total[t * hop + i] += a[i] * window[i];
      weight[t * hop + i] += window[i] * window[i];
    }
  }
  for (let i = 0; i < total.length; i++) total[i] = i >= fft / 2 && i < fft / 2 + sound.length ? total[i] / Math.max(weight[i], 1e-8) : 0;
  return total;
}

/** Samples whose log-magnitudes are near to a row. @param {ArrayLike<number>} row frequency by frame @param {Sound} sound */
export function griffinLim(row, sound) {
  const { fft, hop, length, floor } = sound, half = fft / 2, frames = row.length / half, window = hann(sound), n = frames * fft;
  const unit = window.reduce((sum, value) => sum + value, 0) / 2, size = new Float64Array(n);
  for (let f = 0; f < half; f++) for (let t = 0; t < frames; t++) {
    const amount = floor * Math.expm1(Math.min(1.5, Math.max(0, row[f * frames + t])) * Math.log1p(1 / floor)) * unit;
    size[t * fft + f] = amount;
    if (f) size[t * fft + fft - f] = amount; // of a real clip, the upper half mirrors the lower
  }
  let seed = 1;
  const draw = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const re = new Float64Array(n), im = new Float64Array(n), [oldRe, oldIm] = [new Float64Array(n), new Float64Array(n)];
  for (let t = 0; t < frames; t++) for (let f = 0; f <= half; f++) {
    const phase = 2 * Math.PI * draw(), at = t * fft + f, mirror = t * fft + ((fft - f) % fft);
    [re[at], im[at], re[mirror], im[mirror]] = [size[at] * Math.cos(phase), size[at] * Math.sin(phase), size[mirror] * Math.cos(phase), -size[mirror] * Math.sin(phase)];
  }
  for (let round = 0; round < ITERATIONS; round++) {
    const clip = overlapped(re, im, sound, window);
    for (let t = 0; t < frames; t++) {
      const a = clip.slice(t * hop, t * hop + fft).map((value, i) => value * window[i]), b = new Float64Array(fft);
      fourier(a, b, false);
      for (let i = 0; i < fft; i++) {
        const at = t * fft + i, aheadRe = a[i] + MOMENTUM * (a[i] - oldRe[at]), aheadIm = b[i] + MOMENTUM * (b[i] - oldIm[at]), long = Math.max(1e-12, Math.hypot(aheadRe, aheadIm));
        [re[at], im[at], oldRe[at], oldIm[at]] = [(size[at] * aheadRe) / long, (size[at] * aheadIm) / long, a[i], b[i]];
      }
    }
  }
  return overlapped(re, im, sound, window).slice(half, half + length);
}

/** The samples of a row. @param {ArrayLike<number>} row @param {Sound} sound */
export const samples = (row, sound) => (sound.fft ? griffinLim(row, sound) : Float64Array.from(row));

/** A WAV file of 16 bits and one channel, as the text of an address. @param {Float64Array} clip @param {number} rate */
export function wavAddress(clip, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * clip.length));
  const write = (/** @type {number} */ at, /** @type {string} */ text) => [...text].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  write(0, "RIFF");
  view.setUint32(4, 36 + 2 * clip.length, true);
  write(8, "WAVEfmt ");
  for (const [at, value] of [[16, 16], [24, rate], [28, 2 * rate], [40, 2 * clip.length]]) view.setUint32(at, value, true);
  for (const [at, value] of [[20, 1], [22, 1], [32, 2], [34, 16]]) view.setUint16(at, value, true);
  write(36, "data");
  clip.forEach((value, i) => view.setInt16(44 + 2 * i, Math.round(LOUDEST * Math.max(-1, Math.min(1, value))), true));
  const bytes = new Uint8Array(view.buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return `data:audio/wav;base64,${btoa(text)}`;
}

/** @type {HTMLAudioElement | null} */ let playing = null;

/** A button that plays a row, and stops it; the sound is made when it is first pressed. @param {Sound} sound @param {ArrayLike<number>} row @param {string} name */
export function playButton(sound, row, name) {
  const seconds = sound.length / sound.rate, long = seconds > LONGEST;
  const button = element("button", { type: "button", class: "play", "data-play": name, "aria-label": `play the ${name}`, title: long ? `clips of more than ${LONGEST} s are not played here; isthmus reconstruct writes them as WAV` : null, disabled: long, text: "▶ Play" });
  button.addEventListener("click", () => {
    const mine = button.sound;
    if (playing && !playing.paused) {
      playing.pause();
      if (playing === mine) return void (button.textContent = "▶ Play");
    }
    button.sound ??= new Audio(wavAddress(samples(row, sound), sound.rate));
    playing = button.sound;
    button.sound.onended = button.sound.onpause = () => (button.textContent = "▶ Play");
    button.sound.currentTime = 0;
    button.textContent = "■ Stop";
    button.sound.play().catch(() => (button.textContent = "▶ Play"));
  });
  return button;
}
