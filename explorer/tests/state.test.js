// The state and the address: what is written is read again, what makes no sense is left as it was.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHash, initial, toHash } from "../src/state.js";

const bounds = { total: 20, tabs: 2, sizes: [2, 3], classes: 4, colours: ["class", "error", "none", "7"] };

test("a state with an item comes back from its address", () => {
  const state = { ...initial(), tab: 1, item: 7, a: 3, b: 9, t: 0.25, only: 2, colour: "error", rank: "change", decodes: true, uncertainty: false };
  assert.deepEqual(fromHash(toHash(state), initial(), bounds), { ...state, z: initial().z });
});

test("a place that is not an item comes back to the last digit", () => {
  const state = { ...initial(), item: -1, z: [0.1 + 0.2, -1e-7] };
  assert.deepEqual(fromHash(toHash(state), initial(), bounds), state);
});

test("nonsense is left alone", () => {
  const before = { ...initial(), item: 4 };
  for (const hash of ["#item=20", "#item=-1", "#item=1.5", "#tab=9", "#t=7", "#z=1,2,3", "#z=1,oops", "#z=Infinity,0", "#rank=__proto__", "#%E0%A4", "#a=99&b=x", "#only=4", "#colour=toString", "#colour=8"]) {
    assert.deepEqual(fromHash(hash, before, bounds), before, hash);
  }
});
