// Which experiment is meant.
import assert from "node:assert/strict";
import { test } from "node:test";

import { best, match } from "../../static/js/shared/experiments/experiments.js";

/**
 * @param {string} model
 * @param {string} layer
 * @param {string} pooling
 * @param {string} metric
 * @param {number | null} score
 */
const row = (model, layer, pooling, metric, score) => ({
  model,
  layer,
  pooling,
  metric,
  weighted_precision: score,
  precision: score,
  map: score,
});
const rows = [
  row("A", "top", "average", "cosine", 60),
  row("A", "top", "max", "cosine", 70),
  row("A", "low", "average", "euclidean", 90),
  row("B", "top", "average", "cosine", 80),
];

test("the row of all four names is found", () => {
  assert.equal(match(rows, { model: "A", layer: "top", pooling: "max", metric: "cosine" }), rows[1]);
});

test("pooling is given up before metric, metric before layer, and the network never", () => {
  assert.equal(match(rows, { model: "B", layer: "low", pooling: "max", metric: "euclidean" }), rows[3]);
  assert.equal(match(rows, { model: "A", layer: "top", pooling: "gem", metric: "euclidean" }), rows[1]);
  assert.equal(match(rows, { model: "A", layer: "gone", pooling: "max", metric: "euclidean" }), rows[2]);
  assert.equal(match(rows, { model: "C", layer: "top" }), null);
});

test("of equally fitting rows the better one is found", () => {
  assert.equal(match(rows, { layer: "top" }), rows[3]);
});

test("the best row is that of the highest score, else the last layer by cosine, else the first", () => {
  assert.equal(best(rows), rows[2]);
  const unscored = rows.map((one) => ({ ...one, weighted_precision: null })).reverse();
  assert.equal(best(unscored), unscored[0]);
  assert.equal(best([{ ...unscored[1], metric: "manhattan" }])?.metric, "manhattan");
  assert.equal(best([]), null);
});
