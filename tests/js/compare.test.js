// What two configurations found, and what they have in common.
import assert from "node:assert/strict";
import { test } from "node:test";

import { common, foundBy } from "../../static/js/compare/results.js";

/**
 * @param {number} id
 * @param {string} label
 */
const image = (id, label) => ({
  id,
  label,
  filename: `${id}.jpg`,
  thumbnail: "",
  url: "",
  page_url: "",
  shown_url: "",
  width: 1,
  height: 1,
});

const experiment = /** @type {import("../../static/js/shared/types.js").Experiment} */ ({
  id: 5,
  weighted_precision: 50,
});

/**
 * @param {[number, number][]} neighbours
 * @param {string} label
 */
function answer(neighbours, label = "cat") {
  const result = {
    experiment: 5,
    weighted_precision: 1,
    precision: 1,
    average_precision: 1,
    neighbours,
  };
  return {
    image: image(1, label),
    pictures: { 2: image(2, "cat"), 3: image(3, "dog"), 4: image(4, "cat") },
    results: [result],
    found: new Map([[5, result]]),
  };
}

test("images that are gone are passed over, and ranks go on without them", () => {
  const found = foundBy(
    answer([
      [2, 0.9],
      [99, 0.8],
      [3, 0.7],
      [4, 0.6],
    ]),
    experiment,
    2,
  );
  assert.deepEqual(
    found.list.map((one) => [one.id, one.rank, one.right]),
    [
      [2, 1, true],
      [3, 2, false],
    ],
  );
  assert.deepEqual(
    [...found.ranks],
    [
      [2, 1],
      [3, 2],
      [4, 3],
    ],
  );
});

test("without a label nothing is right or wrong", () => {
  assert.equal(foundBy(answer([[2, 0.9]], ""), experiment, 5).list[0].right, null);
  const unlabelled = { ...experiment, weighted_precision: null };
  assert.equal(foundBy(answer([[2, 0.9]]), unlabelled, 5).list[0].right, null);
});

test("an experiment that does not know the image found nothing", () => {
  const found = foundBy(answer([[2, 0.9]]), { ...experiment, id: 6 }, 5);
  assert.deepEqual([found.result, found.list.length], [null, 0]);
});

test("what both lists hold is in common", () => {
  const one = foundBy(
    answer([
      [2, 1],
      [3, 0.5],
    ]),
    experiment,
    5,
  );
  const other = foundBy(
    answer([
      [3, 1],
      [4, 0.5],
    ]),
    experiment,
    5,
  );
  assert.deepEqual([...common(one, other)], [3]);
});
