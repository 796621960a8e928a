// How an explanation is drawn and told: colours of shares, words, and where a fitted image is seen.
import assert from "node:assert/strict";
import { test } from "node:test";

import { coloursOf, fitted, largest, without, wordsOf } from "../../static/js/shared/why/heat.js";
import { meaningOf } from "../../static/js/shared/why/why.js";

const cells = [
  [0.2, -0.1],
  [0, 0.4],
];
const answer = {
  image: 1,
  score: 0.5,
  centred: true,
  hit_cells: cells,
  hit_square: /** @type {[number, number, number, number]} */ ([0, 0, 1, 1]),
  query_cells: cells,
  query_square: null,
  elsewhere: 0.1,
  difference: 0,
};

test("the largest share is that by its size, over all maps that are there", () => {
  assert.equal(largest(cells, null), 0.4);
  assert.equal(largest([[0.1, -0.9]], cells), 0.9);
  assert.ok(largest(null) > 0);
});

test("a part that is spread over the cells is taken out of each", () => {
  const own = without(cells, 0.4);
  assert.ok(Math.abs(own.flat().reduce((sum, share) => sum + share, 0) - 0.1) < 1e-12);
  assert.ok(Math.abs(own[0][0] - 0.1) < 1e-12);
});

test("the hue of a cell says the sign of its share, the opacity its size", () => {
  const colours = coloursOf(cells, 0.4);
  assert.equal(colours.length, 16);
  const [adds, takes, nothing, most] = [0, 4, 8, 12].map((at) => [...colours.slice(at, at + 4)]);
  assert.deepEqual(adds.slice(0, 3), most.slice(0, 3));
  assert.notDeepEqual(adds.slice(0, 3), takes.slice(0, 3));
  assert.equal(nothing[3], 0);
  assert.equal(adds[3], Math.round(most[3] / 2));
  assert.ok(most[3] < 255);
});

test("a cell is told as a share of the score, and by itself where the score is next to nothing", () => {
  assert.equal(wordsOf(0.03, 0.5), "This cell: 6.0 % of the score");
  assert.equal(wordsOf(-0.03, 0.5), "This cell: −6.0 % of the score");
  assert.equal(wordsOf(-0.00001, 0.5), "This cell: 0.0 % of the score");
  assert.equal(wordsOf(-2, -8, "distance"), "This cell: 25.0 % of the distance");
  assert.equal(wordsOf(0.01, -0.02), "This cell: 0.010 of a score of −0.020");
});

test("an image that is fitted into its element leaves the same margin at both sides", () => {
  const element = { left: 10, top: 20, width: 200, height: 100 };
  assert.deepEqual(fitted(element, { width: 50, height: 100 }), {
    left: 85,
    top: 20,
    width: 50,
    height: 100,
  });
  assert.deepEqual(fitted(element, { width: 400, height: 100 }), {
    left: 10,
    top: 45,
    width: 200,
    height: 50,
  });
});

test("the words say whose the score is, what is compared, and how far cells reach", () => {
  assert.match(
    meaningOf(answer),
    /^Orange cells add to the score.* make 0\.500\. The query's image itself makes 0\.400/,
  );
  assert.match(meaningOf(answer), /more of the image than it covers\.$/);
  assert.doesNotMatch(meaningOf({ ...answer, elsewhere: 0 }), /rest is of other examples/);
  assert.match(meaningOf({ ...answer, centred: false }), /Over several datasets/);
  assert.match(meaningOf({ ...answer, difference: 0.2 }), /extract them again/);
  assert.match(meaningOf({ ...answer, metric: "euclidean", score: -3 }), /make the distance of 3\.000\./);
});
