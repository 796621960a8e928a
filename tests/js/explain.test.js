// What the drawings reckon.
import assert from "node:assert/strict";
import { test } from "node:test";
import { apart, between } from "../../static/js/explain/drawings/distance.js";
import { convolved } from "../../static/js/explain/drawings/convolution.js";
import { drop } from "../../static/js/explain/drawings/likeness.js";
import { shareOf } from "../../static/js/explain/drawings/maps.js";
import { poolings } from "../../static/js/explain/drawings/pooling.js";
import { recommendation, sentence } from "../../static/js/shared/experiments/recommendation.js";

test("a filter of ones over nine greys gives their sum", () => {
  const greys = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  assert.deepEqual(convolved(greys, Array(9).fill(1), 3), [45]);
});

test("poolings are those of search/extractors/pooling.py", () => {
  const found = new Map(poolings([0, 0, 0, 1], 2, 2).map(({ name, values }) => [name, values]));
  assert.deepEqual(found.get("Average"), [0.25]);
  assert.deepEqual(found.get("Max"), [1]);
  assert.equal(found.get("GeM")?.[0].toFixed(6), Math.cbrt(0.25).toFixed(6));
  assert.deepEqual(found.get("Pyramid"), [0.25, 0, 0, 0, 1]);
});

test("the same direction has cosine 1, however far apart", () => {
  const { cosine, euclidean } = between([3, 4], [6, 8]);
  assert.equal(cosine, 1);
  assert.equal(euclidean, 5);
});

test("the two numbers drawn are those in which vectors differ most in direction, none of them negative", () => {
  assert.deepEqual(
    apart([
      [1, 1, 9, 0],
      [1, 1, 1, -5],
    ]),
    [0, 2],
  );
  assert.equal(apart([[-1, 2]]), null);
  // 0 and 1 are wider apart, but the second of them would be the nearer one there
  const three = [
    [9, 0, 1, 5, 5],
    [0, 9, 1, 5, 4],
    [9, 1, 9, 0, 0],
  ];
  const nearer = (/** @type {number[][]} */ [one, two, last]) =>
    between(one, two).cosine > between(one, last).cosine;
  const [x, y] = apart(three) ?? [0, 0];
  assert.equal(nearer(three.map((vector) => [vector[x], vector[y]])), nearer(three));
});

test("a colour of a map is read back as the share it stands for", () => {
  assert.ok(shareOf(0, 0, 4) < 0.01);
  assert.ok(Math.abs(shareOf(0xbc, 0x37, 0x54) - 0.5) < 0.01);
  assert.ok(shareOf(0xfc, 0xff, 0xa4) > 0.99);
});

test("scores fall most after the last that is alike", () => {
  assert.equal(drop([0.9, 0.88, 0.5, 0.45]), 2);
});

const ROW = { pooling: "average", metric: "cosine", precision: null, map: null, bytes_per_vector: 640 };

test("of what is as good as the best the cheapest is recommended", () => {
  const rows = [
    { ...ROW, model: "large", layer: "top", weighted_precision: 90, extract_ms: 30 },
    { ...ROW, model: "small", layer: "stage7", weighted_precision: 89.4, extract_ms: 20 },
    { ...ROW, model: "tiny", layer: "stem", weighted_precision: 40, extract_ms: 1 },
  ];
  const found = recommendation(rows);
  assert.equal(found?.taken.model, "small");
  assert.match(found ? sentence(found) : "", /as good as the best \(large, top, 90\.0 %\) and 33 % cheaper/);
  assert.equal(recommendation([{ ...rows[0], weighted_precision: null }]), null);
});
