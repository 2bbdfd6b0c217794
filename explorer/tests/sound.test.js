// Sound: phases found for log-magnitudes give a clip with these magnitudes, and a WAV file that says what it holds.
import assert from "node:assert/strict";
import { test } from "node:test";
import { griffinLim, samples, wavAddress } from "../src/sound.js";

const sound = { rate: 8000, length: 2000, fft: 256, hop: 64, floor: 1e-3 };
const hann = Array.from({ length: 256 }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / 256));
const unit = hann.reduce((sum, value) => sum + value, 0) / 2;

/** Log-magnitudes of a clip by the definition, one frequency at a time. */
function logMagnitudes(clip) {
  const frames = 1 + Math.ceil(sound.length / sound.hop), row = new Float64Array(128 * frames);
  for (let t = 0; t < frames; t++) for (let f = 0; f < 128; f++) {
    let re = 0, im = 0;
    for (let i = 0; i < 256; i++) {
      const value = (clip[t * 64 + i - 128] ?? 0) * hann[i], angle = (2 * Math.PI * f * i) / 256;
      [re, im] = [re + value * Math.cos(angle), im - value * Math.sin(angle)];
    }
    row[f * frames + t] = Math.log1p(Math.hypot(re, im) / unit / 1e-3) / Math.log1p(1e3);
  }
  return row;
}

test("a clip found for the magnitudes of two tones has their magnitudes", () => {
  const clip = Float64Array.from({ length: 2000 }, (_, i) => 0.5 * Math.sin((2 * Math.PI * 500 * i) / 8000) + 0.2 * Math.sin((2 * Math.PI * 1700 * i) / 8000));
  const row = logMagnitudes(clip), again = griffinLim(row, sound), back = logMagnitudes(again);
  assert.equal(again.length, 2000);
  const off = row.reduce((sum, value, i) => sum + Math.abs(value - back[i]), 0) / row.length;
  assert.ok(off < 0.02, `mean difference ${off}`);
  const power = (values) => values.reduce((sum, value) => sum + value * value, 0);
  assert.ok(Math.abs(power(again) / power(clip) - 1) < 0.1);
  assert.deepEqual(griffinLim(row, sound), again); // the same each time
});

test("silence stays silent, and samples are taken as they are", () => {
  assert.ok(griffinLim(new Float64Array(128 * 33), sound).every((value) => Math.abs(value) < 1e-9));
  assert.deepEqual([...samples([0.5, -0.25], { ...sound, fft: 0 })], [0.5, -0.25]);
});

test("a WAV file of 16 bits, louder than full scale clipped", () => {
  const bytes = Buffer.from(wavAddress(Float64Array.of(0, 1, -2, 0.5), 8000).split(",")[1], "base64");
  assert.equal(bytes.toString("latin1", 0, 4) + bytes.toString("latin1", 8, 12), "RIFFWAVE");
  assert.deepEqual([bytes.readUInt32LE(24), bytes.readUInt16LE(22), bytes.readUInt16LE(34), bytes.readUInt32LE(40)], [8000, 1, 16, 8]);
  assert.deepEqual([0, 1, 2, 3].map((i) => bytes.readInt16LE(44 + 2 * i)), [0, 32767, -32767, 16384]);
});
