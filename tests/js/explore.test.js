// Where the images of the grid lie, and the score worked out for a query.
import assert from "node:assert/strict";
import { test } from "node:test";

import { binsOf, comparedOf, distributionsAddress } from "../../static/js/explore/distributions.js";
import { bestOf, faredOf } from "../../static/js/explore/everywhere.js";
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

test("a query fares as it did with each layer that was computed under the chosen distance and pooling", () => {
  const networks = /** @type {any} */ ([
    { name: "a", title: "A", layers: [{ name: "stem" }, { name: "top" }] },
    { name: "b", title: "B", layers: [{ name: "top" }] },
    { name: "c", title: "C", layers: [{ name: "top" }] },
  ]);
  const rows = /** @type {any} */ ([
    { id: 1, model: "a", layer: "stem", metric: "cosine", pooling: "max" },
    { id: 2, model: "a", layer: "top", metric: "cosine", pooling: "max" },
    { id: 3, model: "a", layer: "top", metric: "euclidean", pooling: "max" },
    { id: 4, model: "b", layer: "top", metric: "cosine", pooling: "max" },
    { id: 5, model: "c", layer: "top", metric: "cosine", pooling: "average" },
  ]);
  const scores = [0.25, 0.75, 1, 0.75, 1];
  const found = new Map(scores.map((score, at) => [at + 1, { weighted_precision: score }]));
  const state = { metric: "cosine", pooling: "max" };
  const page = /** @type {any} */ ({ networks, rows, state, answer: { image: { label: "cat" }, found } });
  const fared = faredOf(page);
  assert.deepEqual(
    fared.map((one) => [one.row.id, one.score]),
    [
      [1, 0.25],
      [2, 0.75],
      [4, 0.75],
    ],
  );
  assert.deepEqual(
    bestOf(fared).map((one) => one.row.id),
    [2, 4],
  );
  page.answer.image.label = "";
  assert.deepEqual(faredOf(page), []);
});

test("scores are counted in bins of equal width, one at an edge in the upper", () => {
  const bins = binsOf([
    [0, 2],
    [0.090909, 1], // 5 of 55, rounded down
    [0.490909, 3], // 27 of 55
    [0.981818, 1],
    [1, 3],
  ]);
  assert.deepEqual(
    bins.map((share) => Math.round(100 * share) / 100),
    [0.2, 0.1, 0, 0, 0, 0.3, 0, 0, 0, 0, 0.4],
  );
});

test("the layers of the chosen network are compared under its distance, those never computed left empty", () => {
  const row = {
    dataset: "a b",
    model: "net",
    layer: "two",
    pooling: "max",
    metric: "cosine",
    computed_at: "2026-11-02",
  };
  const rows = [
    { ...row, id: 1 },
    { ...row, id: 2, layer: "three", computed_at: "2026-11-01" },
    { ...row, id: 3, layer: "one", metric: "euclidean", computed_at: "2026-11-30" },
    { ...row, id: 4, layer: "one", model: "other", computed_at: "2026-11-30" },
  ];
  const networks = [{ name: "net", layers: ["one", "two", "three"].map((name) => ({ name })) }];
  const state = { model: "net", pooling: "max", metric: "cosine" };
  const compared = comparedOf(/** @type {any} */ ({ networks, rows, state }));
  assert.deepEqual(
    compared?.rows.map((one) => one?.id),
    [undefined, 1, 2],
  );
  assert.ok(compared);
  assert.equal(
    distributionsAddress(compared),
    "/api/v1/experiments/score-distributions/?dataset=a+b&model=net&pooling=max&metric=cosine&computed=2026-11-02",
  );
  assert.equal(
    comparedOf(/** @type {any} */ ({ networks, rows, state: { ...state, pooling: "gem" } })),
    null,
  );
});
