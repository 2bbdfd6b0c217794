// Procrustes: a turned, mirrored, scaled and shifted cloud is laid back where it was.
import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.matchMedia = () => ({ matches: false });
const { procrustes } = await import("../src/beside.js");
const { placesIn } = await import("../src/ranking.js");

const cloud = [[0, 0], [3, 1], [-2, 5], [1, -4], [2, 2]];
const moves = {
  turned: ([x, y]) => [5 + 2 * (0.6 * x - 0.8 * y), -1 + 2 * (0.8 * x + 0.6 * y)],
  mirrored: ([x, y]) => [-3 * x, 3 * y + 7],
};

for (const [name, move] of Object.entries(moves)) test(`a ${name} cloud is laid back`, () => {
  const lay = procrustes(cloud.map(move), cloud);
  cloud.forEach((point) => lay(move(point)).forEach((value, i) => assert.ok(Math.abs(value - point[i]) < 1e-12)));
});

test("what is no likeness is laid as near as may be, one point on itself", () => {
  const lay = procrustes([[1, 1], [1, 1]], [[4, 5], [4, 5]]);
  assert.deepEqual(lay([1, 1]), [4, 5]);
});

test("places in an order begin at 1 with the largest", () => {
  assert.deepEqual([...placesIn([0, 1, 2], [5, 9, 7], 3)], [3, 1, 2]);
});
