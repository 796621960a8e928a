// Which hits are above the line of live search, and what is said of it.
import assert from "node:assert/strict";
import test from "node:test";

import { drawn, isBelow, knownWords, lineWords, modeOf } from "../../static/js/live/results/cutoff.js";
import { shareWords } from "../../static/js/shared/format.js";

const labelled = { probability: 0.7, percentile: 0.999 };
const unlabelled = { probability: null, percentile: 0.95 };
const unknown = { probability: null, percentile: null };

test("hits are divided by the probability where one has it, else by the percentile, else not", () => {
  assert.equal(modeOf([unlabelled, labelled]), "probability");
  assert.equal(modeOf([unlabelled, unknown]), "percentile");
  assert.equal(modeOf([unknown]), null);
  assert.equal(modeOf([]), null);
});

test("the line is where it was put, unless that says nothing of these hits", () => {
  const chosen = { mode: /** @type {const} */ ("percentile"), at: 0.99 };
  assert.equal(drawn(chosen, "percentile"), chosen);
  assert.deepEqual(drawn(chosen, "probability"), { mode: "probability", at: 0.5 });
  assert.deepEqual(drawn(null, "percentile"), { mode: "percentile", at: 0 });
});

test("a hit is below a line that it does not reach, and never where nobody knows", () => {
  assert.equal(isBelow(labelled, { mode: "probability", at: 0.7 }), false);
  assert.equal(isBelow(labelled, { mode: "probability", at: 0.71 }), true);
  assert.equal(isBelow(unlabelled, { mode: "percentile", at: 0.99 }), true);
  assert.equal(isBelow(unlabelled, { mode: "probability", at: 1 }), false);
});

test("a share has as many digits as tell it from all", () => {
  assert.deepEqual([0, 0.004, 0.12, 0.5, 0.995, 0.999, 0.9994, 0.9999, 0.99999, 1].map(shareWords), [
    "0 %",
    "under 1 %",
    "12 %",
    "50 %",
    "99 %",
    "99.9 %",
    "99.9 %",
    "99.99 %",
    "99.999 %",
    "100 %",
  ]);
});

test("words say what is above the line, and how well that is known", () => {
  assert.equal(lineWords({ mode: "probability", at: 0.5 }), "Probably the same");
  assert.equal(lineWords({ mode: "probability", at: 0.8 }), "The same with at least 80 %");
  assert.equal(lineWords({ mode: "percentile", at: 0.999 }), "Nearer than 99.9 % of random pairs");
  assert.equal(lineWords({ mode: "percentile", at: 0 }), "All results");
  const calibration = { method: "isotonic", queries: 200, same: 0.2, error: 0.0213 };
  assert.equal(
    knownWords([{ calibration, probability_unknown: null }]),
    "Learned from 200 labelled images; off by 2.1 points on average.",
  );
  assert.match(knownWords([{ calibration: null, probability_unknown: "steered" }]), /steered by examples/);
  assert.equal(knownWords([]), "");
});
