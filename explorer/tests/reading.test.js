// Rows out of text: by place, by name, and refused with a sentence.
import assert from "node:assert/strict";
import { test } from "node:test";
import { shareBelow } from "../src/form.js";
import { rowOfText } from "../src/reading.js";
import { cellText } from "../src/columns.js";

const columns = ["a b", "c", "d"].map((name, i) => ({ name, kind: "number", begin: i, end: i + 1 }));

test("numbers by commas, tabs, semicolons or spaces", () => {
  for (const text of ["1,2,-3e2", "1\t2\t-300", "1;2;-300", " 1  2 -300 \n", "1, 2, −300", "[1, 2, -300]"]) assert.deepEqual([...(rowOfText(text, columns).row || [])], [1, 2, -300], text);
});

test("a header places numbers by name, and other columns are left out", () => {
  const found = rowOfText('label,d,"a b",c\nx,3,1,2\ny,6,4,5\n', columns);
  assert.deepEqual([...(found.row || [])], [1, 2, 3]);
  assert.equal(found.note, "The first of 2 rows.");
});

test("what is no row is refused", () => {
  for (const [text, note] of [["", /3 numbers first/], ["1,2", /3 numbers, got 2/], ["c,d\n1,2", /no column a b/], ["a b,c,d\n1,,3", /c must be a number/], ["a b,c,d", /no row below/], ["1,2,Infinity", /no row below/]]) {
    const found = rowOfText(/** @type {string} */ (text), columns);
    assert.equal(found.row, null);
    assert.match(found.note, /** @type {RegExp} */ (note));
  }
});

test("categories, booleans and dates are written as such, and refused by what they may be", () => {
  const mixed = [
    { name: "job", kind: "category", begin: 0, end: 3, categories: ["clerk", "nurse", "smith"] }, { name: "member", kind: "boolean", begin: 3, end: 4 },
    { name: "joined", kind: "date", begin: 4, end: 5 }, { name: "age", kind: "number", begin: 5, end: 6 },
  ];
  assert.deepEqual([...(rowOfText("nurse,yes,1970-01-11,40", mixed).row || [])], [0, 1, 0, 1, 10, 40]);
  assert.deepEqual([...(rowOfText("age,joined,job,member\n40,10,smith,0", mixed).row || [])], [0, 0, 1, 0, 10, 40]);
  for (const [text, note] of [["cook,yes,10,40", /job must be one of clerk, nurse, smith, got "cook"/], ["nurse,maybe,10,40", /member must be yes or no/], ["nurse,no,soon,40", /joined must be a date such as/], ["nurse,no,10", /4 cells, got 3/]]) {
    const found = rowOfText(/** @type {string} */ (text), mixed);
    assert.equal(found.row, null);
    assert.match(found.note, /** @type {RegExp} */ (note));
  }
});

test("a boolean has the words of its file", () => {
  const fields = [{ name: "Mitglied", kind: "boolean", begin: 0, end: 1, words: ["nein", "ja"] }];
  assert.deepEqual(["Mitglied\nja", "Mitglied\nnein", "Mitglied\n1"].map((text) => rowOfText(text, fields).row?.[0]), [1, 0, 1]);
  assert.match(rowOfText("Mitglied\nvielleicht", fields).note, /must be ja or nein/);
  const made = /** @type {any} */ ({ reach: { low: [0], high: [1] } });
  assert.deepEqual([[1], [0.25]].map((row) => cellText(made, fields[0], row)), ["ja", "nein, 75%"]);
});

test("shares below count ties by half", () => {
  assert.deepEqual([0, 1, 2, 9].map((value) => shareBelow(Float64Array.of(1, 2, 2, 3), value)), [0, 0.125, 0.5, 1]);
});

test("cells as a German file has them", () => {
  const fields = [{ name: "Miete", kind: "number", begin: 0, end: 1 }, { name: "Fläche", kind: "number", begin: 1, end: 2 }, { name: "seit", kind: "date", begin: 2, end: 3 }];
  assert.deepEqual([...(rowOfText("1.597,62;-106,7;11.01.1970", fields).row || [])], [1597.62, -106.7, 10]);
  assert.deepEqual([...(rowOfText("seit;Fläche;Miete\n1.2.1970;1.5;12,345,6", fields).row || [])], []); // no number of any country
  assert.deepEqual([...(rowOfText("1.5;2;1970-01-11", fields).row || [])], [1.5, 2, 10]);
});
