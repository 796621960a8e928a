// Numbers and times in words.
import assert from "node:assert/strict";
import { test } from "node:test";

import { duration, rateOf } from "../../static/js/jobs/rate.js";
import { nothingFits, summaryOf } from "../../static/js/live/results/results.js";
import { millions, number, percent, plural } from "../../static/js/shared/format.js";

test("numbers are grouped, counted and shortened", () => {
  assert.equal(number(1234567), "1,234,567");
  assert.equal(plural(1, "image"), "1 image");
  assert.equal(plural(2000, "query", "queries"), "2,000 queries");
  assert.equal(percent(92.345), "92.3");
  assert.equal(percent(null), "–");
  assert.deepEqual([999, 1500, 4652008, 138357544].map(millions), ["999", "2 k", "4.7 M", "138 M"]);
});

test("a time is said by its largest unit", () => {
  assert.deepEqual([0.2, 1.4, 59, 75, 5400].map(duration), [
    "1 second",
    "1 second",
    "59 seconds",
    "1 minute",
    "2 hours",
  ]);
});

test("a running job goes so fast and takes so long still; one that stands says nothing", () => {
  const seen = [
    { at: 0, done: 10 },
    { at: 2000, done: 50 },
  ];
  assert.equal(
    rateOf({ state: "running", done: 50, total: 250 }, seen),
    "20 a second, about 10 seconds left",
  );
  assert.equal(rateOf({ state: "running", done: 13, total: 13 }, seen), "1.5 a second");
  assert.equal(rateOf({ state: "queued", done: 50, total: 250 }, seen), "");
  assert.equal(rateOf({ state: "running", done: 10, total: 250 }, [seen[0]]), "");
});

test("a search says what its hits have in common", () => {
  const found = { images: "1,000 images", label: "" };
  assert.equal(summaryOf(found, []), "Searched 1,000 images. Nothing was found.");
  assert.equal(summaryOf(found, ["cat", "cat"]), "Searched 1,000 images. All 2 shown are labelled “cat”.");
  assert.equal(
    summaryOf(found, ["cat", "dog", "cat", ""]),
    "Searched 1,000 images. 2 of the 4 shown share the label “cat”.",
  );
  assert.equal(summaryOf(found, ["", ""]), "Searched 1,000 images.");
  assert.equal(
    summaryOf({ ...found, label: "cat" }, []),
    "Searched 1,000 images. None has the label “cat” here.",
  );
});

test("a summary says what leaves nothing to be found", () => {
  assert.equal(nothingFits({ label: "", where: "width>9", among: 0 }), "No image fits the filter.");
  assert.equal(
    nothingFits({ label: "cat", where: "width>9", among: 1000 }),
    "None of 1,000 images fits the filter and has the label “cat”.",
  );
});
