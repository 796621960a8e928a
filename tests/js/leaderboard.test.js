// The figures, the front, the axes and the order of the leaderboard.
import assert from "node:assert/strict";
import { test } from "node:test";

import { axis } from "../../static/js/leaderboard/axes.js";
import { bytes, front, ms, named } from "../../static/js/leaderboard/figures.js";
import { readSort, sorted, sortText, turned } from "../../static/js/leaderboard/table.js";

/**
 * @param {number | null} score
 * @param {number | null} cost
 */
const row = (score, cost, title = "net") => ({
  rank: 1,
  experiment: 1,
  model: title,
  title,
  layer: "top",
  layer_position: 8,
  pooling: "average",
  metric: "cosine",
  weighted_precision: score,
  precision: score,
  map: score,
  dims: 128,
  bytes_per_vector: 512,
  extract_ms: cost,
  pareto: false,
  live: false,
  tuned: false,
  baseline: false,
  front: false,
  apart: false,
  best: false,
});

test("figures have the digits that tell something", () => {
  assert.deepEqual([0.412, 12.31, 231.2, 1231.2, null].map(ms), [
    "0.41 ms",
    "12.3 ms",
    "231 ms",
    "1,231 ms",
    "–",
  ]);
  assert.deepEqual([512, 5120, 250880, 3 * 2 ** 20].map(bytes), ["512 B", "5 KB", "245 KB", "3 MB"]);
  assert.equal(named({ max: "Max" }, "max"), "Max");
  assert.equal(named({}, "inner_product"), "inner product");
});

test("the front holds what nothing beats, equals included, and nothing without a figure", () => {
  const rows = [row(50, 1), row(40, 2), row(70, 3), row(70, 3), row(70, 4), row(90, null), row(null, 0.1)];
  const found = front(rows, "weighted_precision", "extract_ms");
  assert.deepEqual(
    rows.filter((one) => found.has(one)),
    [rows[0], rows[2], rows[3]],
  );
});

test("a linear axis has round ticks within its ends", () => {
  const { at, ticks, log } = axis([62, 97], { from: 0, to: 100, most: 100 });
  assert.equal(log, false);
  assert.deepEqual(ticks, [60, 70, 80, 90]);
  assert.ok(0 < at(62) && at(62) < at(97) && at(97) < 100);
});

test("an axis of values that span more than a factor of eight is logarithmic where it may", () => {
  const { at, ticks, log } = axis([1, 100], { from: 0, to: 300, logged: true });
  assert.equal(log, true);
  assert.ok(Math.abs(at(10) - 150) < 1e-9);
  assert.deepEqual(ticks, [1, 2, 5, 10, 20, 50, 100]);
  assert.equal(axis([1, 7], { from: 0, to: 300, logged: true }).log, false);
  assert.equal(axis([0, 100], { from: 0, to: 300, logged: true }).log, false);
  const sizes = axis([256, 131072], { from: 0, to: 300, logged: true, binary: true });
  assert.ok(sizes.ticks.every((tick) => Number.isInteger(Math.log2(tick))));
});

test("one value has an axis, too", () => {
  const { at } = axis([5], { from: 0, to: 100 });
  assert.equal(Math.round(at(5)), 50);
});

test("a sorting is read from the address and written as it was", () => {
  assert.deepEqual(readSort("-precision"), { key: "precision", direction: -1 });
  assert.deepEqual(readSort("dims"), { key: "dims", direction: 1 });
  for (const text of [null, "", "experiment", "--dims"]) assert.equal(readSort(text), null);
  assert.equal(sortText({ key: "precision", direction: -1 }), "-precision");
});

test("unknown values come last whichever way, and equal rows keep their order", () => {
  const rows = [row(2, 1), row(null, 2), row(1, 3), row(2, 4)];
  assert.deepEqual(
    sorted(rows, { key: "precision", direction: 1 }).map((one) => one.extract_ms),
    [3, 1, 4, 2],
  );
  assert.deepEqual(
    sorted(rows, { key: "precision", direction: -1 }).map((one) => one.extract_ms),
    [1, 4, 3, 2],
  );
});

test("names are sorted as people do", () => {
  const rows = ["net10", "net9", "alpha"].map((title) => row(1, 1, title));
  const titles = sorted(rows, { key: "title", direction: 1 }).map((one) => one.title);
  assert.deepEqual(titles, ["alpha", "net9", "net10"]);
});

test("a heading sorts by its better end first, then the other way", () => {
  const first = turned({ key: "dims", direction: 1 }, "precision");
  assert.deepEqual(first, { key: "precision", direction: -1 });
  assert.deepEqual(turned(first, "precision"), { key: "precision", direction: 1 });
});
