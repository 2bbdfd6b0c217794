// The axis of time: round dates and times of day, no more of them than asked for, and in order.
import assert from "node:assert/strict";
import { test } from "node:test";
import { moment, timeTicks } from "../src/timeaxis.js";

const START = Date.UTC(2024, 1, 28, 22) / 1000;

test("ticks lie within, in order, few enough, and are written once each", () => {
  for (const span of [5, 60, 900, 7200, 86400, 5 * 86400, 40 * 86400, 400 * 86400, 5000 * 86400, 60000 * 86400]) {
    const found = timeTicks(START, START + span, 6, true);
    assert.ok(found.length >= 1 && found.length <= 9, `${span}: ${found.length}`);
    assert.ok(found.every(({ at }, i) => at >= START && at <= START + span && (!i || at > found[i - 1].at)), String(span));
    assert.equal(new Set(found.map(({ text }) => text)).size, found.length, String(span));
  }
});

test("the day is written where it begins, months and years beyond", () => {
  assert.deepEqual(timeTicks(START, START + 7200, 4, true).map(({ text }) => text), ["02-28 22:00", "22:30", "23:00", "23:30", "02-29 00:00"]);
  assert.deepEqual(timeTicks(START, START + 3 * 86400, 3, true).map(({ text }) => text), ["2024-02-29", "2024-03-01", "2024-03-02"]);
  assert.ok(timeTicks(START, START + 300 * 86400, 6, true).every(({ text }) => /^\d{4}-\d\d$/.test(text)));
  assert.ok(timeTicks(START, START + 4000 * 86400, 6, true).every(({ text }) => /^\d{4}$/.test(text)));
});

test("numbers stay numbers, and moments are as fine as the step", () => {
  assert.deepEqual(timeTicks(0, 10, 5, false).map(({ text }) => text), ["0", "2", "4", "6", "8", "10"]);
  assert.equal(moment(START, 3600), "2024-02-28 22:00");
  assert.equal(moment(START + 2 * 3600, 86400), "2024-02-29");
  assert.equal(moment(START + 1.5, 0.5), "2024-02-28 22:00:01.500");
});

test("three ticks at least, however narrow the axis", () => {
  const first = Date.UTC(2024, 0, 1) / 1000;
  assert.deepEqual(timeTicks(first, first + 62.5 * 86400, 2, true).map(({ text }) => text), ["2024-01", "2024-02", "2024-03"]);
});
