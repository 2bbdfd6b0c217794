// Rows out of text: by place, by name, and refused with a sentence.
import assert from "node:assert/strict";
import { test } from "node:test";
import { shareBelow } from "../src/form.js";
import { rowOfText } from "../src/reading.js";

const columns = ["a b", "c", "d"];

test("numbers by commas, tabs, semicolons or spaces", () => {
  for (const text of ["1,2,-3e2", "1\t2\t-300", "1;2;-300", " 1  2 -300 \n", "1, 2, −300", "[1, 2, -300]"]) assert.deepEqual([...(rowOfText(text, columns).row || [])], [1, 2, -300], text);
});

test("a header places numbers by name, and other columns are left out", () => {
  const found = rowOfText('label,d,"a b",c\nx,3,1,2\ny,6,4,5\n', columns);
  assert.deepEqual([...(found.row || [])], [1, 2, 3]);
  assert.equal(found.note, "The first of 2 rows.");
});

test("what is no row is refused", () => {
  for (const [text, note] of [["", /3 numbers first/], ["1,2", /3 numbers, got 2/], ["c,d\n1,2", /no column a b/], ["a b,c,d\n1,,3", /c must be a number/], ["a b,c,d", /without a row/], ["1,2,Infinity", /without a row/]]) {
    const found = rowOfText(/** @type {string} */ (text), columns);
    assert.equal(found.row, null);
    assert.match(found.note, /** @type {RegExp} */ (note));
  }
});

test("shares below count ties by half", () => {
  assert.deepEqual([0, 1, 2, 9].map((value) => shareBelow(Float64Array.of(1, 2, 2, 3), value)), [0, 0.125, 0.5, 1]);
});
