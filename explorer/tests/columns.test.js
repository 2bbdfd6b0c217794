// Columns: which tell most of a map, how cells read, and what distinguishes chosen items from the rest.
import assert from "node:assert/strict";
import { test } from "node:test";
import { effects, inside } from "../src/chosen.js";
import { cellText, dateText, fieldsOf, tellingFields } from "../src/columns.js";
import { Data } from "../src/model.js";

const draws = (seed) => Array.from({ length: 400 }, (_, i) => Math.sin(1e4 * Math.sin(seed + 7.3 * i))); // as good as random here

/** Data of numbers only, given by column. */
function data(columns, fields) {
  const made = Object.create(Data.prototype), n = columns[0].length, names = columns.map((_, i) => `x${i}`);
  const rows = Float64Array.from({ length: n * columns.length }, (_, at) => columns[at % columns.length][Math.floor(at / columns.length)]);
  return Object.assign(made, { width: columns.length, n, total: n, rows, fields: fields || fieldsOf({ columns: names }), facts: {}, reached: null, moment: null, sorted: new Map() });
}

test("the column that follows the map comes first, its copy after one that says something else", () => {
  const across = draws(1), up = draws(2), noise = draws(3);
  const made = data([noise, across.map((x) => 1e6 + 5 * x), across.map((x, i) => -2 * x + 0.01 * noise[i]), up.map((y, i) => y + 0.4 * noise[i])]);
  const seen = Float64Array.from({ length: 800 }, (_, at) => (at % 2 ? up : across)[at >> 1]);
  const order = tellingFields({ data: made, nAxes: 2, seen });
  assert.ok(order[0] === 1 || order[0] === 2, `${order}`);
  assert.equal(order[1], 3);
  assert.deepEqual([...order].sort(), [0, 1, 2, 3]);
});

test("missing cells and constant columns are no obstacle", () => {
  const across = draws(1), holes = across.map((x, i) => (i % 3 ? x : NaN));
  const made = data([Array(400).fill(5), holes, Array(400).fill(NaN)]);
  assert.equal(tellingFields({ data: made, nAxes: 1, seen: Float64Array.from({ length: 800 }, (_, at) => across[at >> 1]) })[0], 1);
});

test("cells read as what they are", () => {
  const job = { name: "job", kind: "category", begin: 0, end: 3, categories: ["clerk", "nurse", "smith"] };
  const made = data([[0, 1], [1, 0], [0, 0], [1, 0], [10, 20], [1.5, 2.5]]);
  assert.equal(cellText(made, job, [0, 1, 0]), "nurse");
  assert.equal(cellText(made, job, [0.3, 0.6, 0.1]), "nurse, 60%");
  assert.equal(cellText(made, job, [NaN, NaN, NaN]), "missing");
  const member = { name: "member", kind: "boolean", begin: 3, end: 4 };
  assert.deepEqual([[0, 0, 0, 1], [0, 0, 0, 0.25]].map((row) => cellText(made, member, row)), ["yes", "no, 75%"]);
  assert.equal(cellText(made, { name: "joined", kind: "date", begin: 4, end: 5, whole: true }, [0, 0, 0, 0, 19233.4]), "2022-08-29");
  assert.equal(cellText(made, { name: "x", kind: "number", begin: 5, end: 6 }, [0, 0, 0, 0, 0, 1.25]), "1.25");
  assert.equal(dateText(0.5, false), "1970-01-01 12:00");
  assert.equal(dateText(1e12), "1.00e+12");
});

test("a cell of the data has the decimals of its column, as it was written", () => {
  const price = { name: "price", kind: "number", begin: 0, end: 1 }, off = 4e-5; // what float32 leaves of a rent
  const rents = data([[130.27 + off, 1790, 1597.62 - off, 12119.5]]);
  assert.deepEqual([1597.62 - off, 1790, 12119.5].map((rent) => cellText(rents, price, [rent], true)), ["1597.62", "1790.00", "12,119.50"]);
  assert.equal(cellText(rents, price, [1597.62]), "1598"); // decoded: as many as distinguish values
  assert.equal(cellText(data([[18, 118]]), price, [46 + 1e-6], true), "46");
  assert.equal(cellText(data([[18, 118]]), price, [46.347], true), "46.347"); // typed by the reader
  const drawn = data([draws(1)]);
  assert.deepEqual([0.4971234, 0.5].map((value) => cellText(drawn, price, [value], true)), ["0.50", "0.50"]); // four decimals fit some by chance
});

test("effects are Cohen's d: 1 for means one pooled deviation apart", () => {
  const made = data([[0, 2, 1, 3], [5, 5, 5, 5], [1, 1, 2, 2], [1, NaN, NaN, NaN]]);
  const found = effects(made, Uint8Array.of(0, 0, 1, 1));
  assert.ok(Math.abs(found.size[0] - 1 / Math.SQRT2) < 1e-12); // both variances are 2
  assert.deepEqual([found.chosen[0], found.rest[0]], [2, 1]);
  assert.equal(found.size[1], 0);
  assert.equal(found.size[2], Infinity);
  assert.equal(found.size[3], 0);
});

test("inside a line that bends inwards", () => {
  const line = [[0, 0], [10, 0], [10, 10], [5, 4], [0, 10]];
  assert.deepEqual([[5, 2], [5, 8], [1, 8], [-1, 5], [9, 9]].map((point) => inside(point, line)), [true, false, true, false, false]);
});
