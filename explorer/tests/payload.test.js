// Arrays out of the block, as the packer of the Python side lays them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, tensor } from "../src/payload.js";

test("floats and whole numbers are read in place", () => {
  const block = new ArrayBuffer(16);
  new Float32Array(block, 0, 2).set([1.5, -2]);
  new Int32Array(block, 8, 2).set([7, -9]);
  assert.deepEqual([...tensor(block, { kind: "f32", shape: [2], at: 0 })], [1.5, -2]);
  assert.deepEqual([...tensor(block, { kind: "i32", shape: [1, 2], at: 8 })], [7, -9]);
});

test("shares are bytes over a divisor", () => {
  const block = Uint8Array.of(0, 8, 16, 4).buffer;
  assert.deepEqual([...tensor(block, { kind: "u8", shape: [4], at: 0, divisor: 16 })], [0, 0.5, 1, 0.25]);
});

test("rows are zigzag whole numbers in planes of bytes, times a scale a row", () => {
  const whole = [1, -2, 300, 0], zigzag = whole.map((q) => (q < 0 ? -2 * q - 1 : 2 * q));
  const block = new ArrayBuffer(16);
  new Uint8Array(block, 0, 8).set([...zigzag.map((v) => v & 255), ...zigzag.map((v) => v >> 8)]);
  new Float32Array(block, 8, 2).set([0.5, 2]);
  const place = { kind: "rows", shape: [2, 2], at: 0, planes: 2, scales: { kind: "f32", shape: [2], at: 8 } };
  assert.deepEqual([...tensor(block, place)], [0.5, -1, 600, 0]);
});

test("an empty array is empty", () => assert.equal(tensor(new ArrayBuffer(0), { kind: "f32", shape: [0, 3], at: 0 }).length, 0));

test("thirteen bits in two characters, and a rest of five or fewer in one", () => {
  assert.deepEqual([...bytesOf('"!')], [1]);
  assert.deepEqual([...bytesOf('!!"')], [0, 32]);
});
