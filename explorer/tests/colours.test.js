// Class colours: apart for every kind of sight, and farthest where classes are neighbours.
import assert from "node:assert/strict";
import { test } from "node:test";
import { GREY, PALETTE, classColours, contrast, distances, ramp } from "../src/colours.js";

const pairs = (list) => list.flatMap((one, i) => list.slice(i + 1).map((other) => [one, other]));
const nearest = (list) => [0, 1, 2, 3].map((sight) => Math.min(...pairs(list).map(([one, other]) => distances(one, other)[sight])));
const PETROFF = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"];

test("the simulation gives the distances known of Petroff's ten: 9.0 in plain sight, 6.1 without red cones", () => {
  assert.deepEqual(nearest(PETROFF).map((d) => Number(d.toFixed(1))), [9, 6.1, 8.4, 7.3]);
});

test("any two of the ten differ by 17 in plain sight and by 10.8 in each kind of colour blindness", () => {
  const [plain, ...blind] = nearest(PALETTE);
  assert.ok(plain >= 16.9, `${plain}`);
  assert.ok(Math.min(...blind) >= 10.8, `${blind}`);
});

test("every colour stands out from the light page or has an edge, and from the dark page in any case", () => {
  for (const colour of PALETTE) assert.ok(contrast(colour, "#14171a") >= 2.4 && contrast(colour, "#ffffff") >= 1.7, colour);
});

test("classes that are neighbours get colours farther apart than by order", () => {
  const centres = Array.from({ length: 10 }, (_, k) => [10 * Math.floor(k / 2), k % 2]); // five pairs
  const given = classColours(centres), together = (colours) => Array.from({ length: 5 }, (_, k) => Math.min(...distances(colours[2 * k], colours[2 * k + 1])));
  assert.equal(new Set(given).size, 10);
  assert.ok(Math.min(...together(given)) >= Math.min(...together(PALETTE)));
  assert.ok(Math.min(...together(given)) > 16, `${together(given)}`);
});

test("beyond ten classes colours repeat, but not among neighbours; beyond forty all are grey", () => {
  const centres = Array.from({ length: 24 }, (_, k) => [k % 6, Math.floor(k / 6)]), given = classColours(centres);
  for (let i = 0; i < 24; i++) for (let j = 0; j < i; j++) if (Math.hypot(centres[i][0] - centres[j][0], centres[i][1] - centres[j][1]) < 1.2) assert.notEqual(given[i], given[j], `${i} ${j}`);
  assert.deepEqual([...new Set(classColours(Array(41).fill([0, 0])))], [GREY]);
  assert.equal(classColours([]).length, 0);
});

test("the ramp is clamped at its ends", () => {
  assert.equal(ramp(-1), ramp(0));
  assert.equal(ramp(7), ramp(1));
  assert.notEqual(ramp(0), ramp(1));
});
