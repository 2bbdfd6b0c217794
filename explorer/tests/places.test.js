// Places and paths: moving along an axis, distance from what was learned, the way between two codes, colours.
import assert from "node:assert/strict";
import { test } from "node:test";
import { contrast, difference } from "../src/colours.js";
import { compared } from "../src/panels.js";
import { breakable, formatError, formatNumber, formatInRange } from "../src/dom.js";
import { freePlace } from "../src/dots.js";
import { Model } from "../src/model.js";
import { between } from "../src/path.js";

/** A model without its networks: two codes, five known places on a line and one far from it. */
function model() {
  const bare = Object.create(Model.prototype);
  return Object.assign(bare, {
    size: 2, origin: [0, 0], axes: [0, 1, 1, 0], nAxes: 2, nKnown: 6, known: [0, 1, 2, 3, 4, 100, 0, 0, 0, 0, 0, 0],
    codes: Float32Array.of(0, 0, 1, 0, 5, 5), data: { n: 3 },
    facts: { deviation: [1, 1], distances: [0, 1, 2, 4], scaling: { center: [0, 0], spread: [1, 2] }, errorWeights: "model" },
  });
}

test("a code moved along an axis is there, and nowhere else", () => {
  const there = model().moved([3, 4], 0, 9);
  assert.deepEqual(there, [3, 9]);
  assert.equal(model().along(there, 0), 9);
});

test("uncertainty is a quantile of the mean distance to the five nearest", () => {
  assert.equal(model().uncertainty([2, 0]), (1 + 0.2) / 3); // distances 0, 1, 1, 2, 2: mean 1.2
  assert.equal(model().uncertainty([50, 50]), 1);
});

test("nearest items, without the one given", () => {
  assert.deepEqual(model().nearest([0.1, 0], 2), [0, 1]);
  assert.deepEqual(model().nearest([0.1, 0], 2, 0), [1, 2]);
});

test("an error is a mean over the columns that are there, in the units of the evaluation", () => {
  assert.equal(model().error([1, NaN], [0, 7]), 1);
  assert.equal(model().error([0, 4], [0, 0]), 2); // (0 + (4/2)²) / 2
});

test("a straight path, and a great circle that keeps its radius", () => {
  assert.deepEqual(between([0, 2], [4, 0], 0.5, false), [2, 1]);
  const middle = between([0, 2], [2, 0], 0.5, true);
  assert.ok(Math.abs(Math.hypot(...middle) - 2) < 1e-12 && Math.abs(middle[0] - middle[1]) < 1e-12);
  assert.deepEqual(between([0, 0], [2, 0], 0.5, true), [1, 0]); // no circle through the origin
  assert.deepEqual(between([1, 0], [1, 0], 0.3, true), [1, 0]);
});

test("contrast is 21 between black and white, 1 of a colour with itself", () => {
  assert.ok(Math.abs(contrast("#000000", "#ffffff") - 21) < 1e-9);
  assert.equal(contrast("#3f90da", "#3f90da"), 1);
});

test("a difference of zero is white, and both ends are reached only", () => {
  assert.deepEqual(difference(0), [255, 255, 255]);
  assert.deepEqual(difference(9), difference(1));
  assert.notDeepEqual(difference(-1), difference(1));
});

test("numbers are said with a true minus, huge and tiny ones by powers", () => {
  assert.deepEqual([formatNumber(-0.5), formatNumber(0), formatNumber(NaN), formatNumber(1234567), formatNumber(1e-9), formatNumber(123.456)], ["−0.5", "0", "–", "1,235,000", "1.00e−9", "123.5"]);
  assert.equal(formatNumber(-5.731e-12), "−5.73e−12");
  assert.deepEqual([2011, 45000, 1.35e8, 3.2e12].map((value) => formatNumber(value)), ["2011", "45,000", "135,000,000", "3.20e+12"]);
  assert.deepEqual([formatInRange(135432100, 7e8), formatInRange(-23456.789, 1e5), formatInRange(23456.789, 50)], ["135,000,000", "−23,500", "23,456.79"]);
});

test("a number of a range has the digits that tell its places apart", () => {
  assert.deepEqual([formatInRange(-1.239, 5), formatInRange(-0.0001, 5), formatInRange(1.5, 0)], ["−1.24", "0.00", "1.50"]);
  assert.deepEqual([formatInRange(0.0012345, 0.0025), formatInRange(0.0461, 0.05), formatNumber(0.000343)], ["0.00123", "0.0461", "0.000343"]);
  assert.deepEqual([formatInRange(3206583156736, 1e13), formatInRange(1e9 + 0.25, 2), formatInRange(2e-12, 1e-11), formatInRange(1234.5, 1e4)], ["3.21e+12", "1,000,000,000.25", "2.00e−12", "1235"]);
});

test("a name stands at its place, else a line above or below, else nowhere", () => {
  assert.deepEqual(freePlace([[0, 10, 20]], [50, 12], 20), [50, 12]);
  assert.deepEqual(freePlace([[0, 10, 20]], [5, 10], 20), [5, -7]);
  assert.deepEqual(freePlace([[0, 10, 20], [0, -7, 20]], [5, 10], 20), [5, 27]);
  assert.equal(freePlace([-24, -7, 10, 27, 44].map((height) => [0, height, 20]), [5, 10], 20), null);
});

test("an error has three digits, so 0.13 and 0.0718 compare at a glance", () => {
  assert.deepEqual([0.13, 0.0718, 0.0009321, 4.88, 123.4, 999.7, 12345, 2.78e-31, 3e-6, NaN].map((value) => formatError(value)), ["0.130", "0.0718", "0.000932", "4.88", "123", "1000", "12,300", "0", "3.00e−6", "–"]);
});

test("a long name breaks after its joints, a date only after its day", () => {
  assert.equal(breakable("2024-02-07 15:00"), "2024\u201102\u201107 15:00");
  assert.equal(breakable("tone_660-a.wav"), "tone_\u200b660-\u200ba.\u200bwav");
  assert.equal(breakable("-1.5 to 2"), "-1.\u200b5 to 2");
});

test("an error is smaller than for 100% of the others only where it is, and the largest is called so", () => {
  assert.deepEqual([0, 0.001, 0.5, 0.997, 1].map((share) => compared(share, "rows")), ["the largest of all rows", "smaller than for 1% of rows", "smaller than for 50% of rows", "smaller than for 99% of rows", "smaller than for 100% of rows"]);
});
