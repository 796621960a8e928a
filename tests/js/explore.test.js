// Where the images of the grid lie, and the score worked out for a query.
import assert from "node:assert/strict";
import { test } from "node:test";

import { GridLayout } from "../../static/js/explore/grid-layout.js";
import { workedOut } from "../../static/js/explore/scores.js";

const SECTIONS = [
  { name: "a", start: 0, images: 7, named: true },
  { name: "b", start: 7, images: 4, named: true },
];

test("squares fill the width, and sections lie below each other with room for a heading", () => {
  const layout = new GridLayout();
  assert.equal(layout.lay(584, SECTIONS), true);
  assert.equal(layout.side, 112);
  assert.deepEqual(layout.of(0), { x: 0, y: 44 });
  assert.deepEqual(layout.of(4), { x: 472, y: 44 });
  assert.deepEqual(layout.of(6), { x: 118, y: 162 });
  assert.deepEqual(layout.of(7), { x: 0, y: 324 });
  assert.equal(layout.height, 436);
  assert.equal(layout.lay(584, SECTIONS), false);
});

test("a narrow page has three columns", () => {
  const layout = new GridLayout();
  layout.lay(300, [{ name: "", start: 0, images: 10 }]);
  assert.equal(layout.side, 96);
  assert.deepEqual(layout.of(3), { x: 0, y: 102 });
});

test("between two heights lie exactly the rows that reach there", () => {
  const layout = new GridLayout();
  layout.lay(584, SECTIONS);
  const all = layout.between(0, layout.height);
  assert.deepEqual(all.positions, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.deepEqual(
    all.heads.map((head) => head.name),
    ["a", "b"],
  );
  const second = layout.between(170, 200);
  assert.deepEqual(second.positions, [5, 6]);
  assert.deepEqual(layout.between(325, 330).positions, [7, 8, 9, 10]);
});

test("a million images are laid out at once", () => {
  const layout = new GridLayout();
  layout.lay(1180, [{ name: "", start: 0, images: 1_000_000 }]);
  const { positions } = layout.between(5_000_000, 5_001_000);
  assert.ok(positions.length > 0 && positions.length <= 110);
  assert.equal(layout.of(positions[0]).y <= 5_000_000, true);
});

test("the first rank weighs most, and all together 100 percent", () => {
  assert.deepEqual(workedOut([true, false, true], 3), {
    weights: [3, 1],
    sum: 4,
    total: 6,
    percent: 400 / 6,
  });
  assert.equal(workedOut(new Array(10).fill(true), 10).percent, 100);
  assert.equal(workedOut([false], 10).percent, 0);
});
