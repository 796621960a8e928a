// What the page says of the words of a search.
import assert from "node:assert/strict";
import test from "node:test";

import { answeredBy, labelOf } from "../../static/js/live/examples/free-text.js";
import { coverageWords, matchedWords, meaningOf } from "../../static/js/live/examples/words.js";

const WORD = {
  word: "dog",
  known: true,
  meaning: "dog",
  classes: 118,
  labels: [],
  others: [],
  nearest: [],
  note: "",
};

test("a word is said to be what it was taken for", () => {
  assert.equal(meaningOf(WORD), "“dog”: 118 kinds of “dog” that the network knows.");
  assert.equal(
    meaningOf({ ...WORD, word: "crane", meaning: "crane bird", classes: 1, labels: ["cranes"] }),
    "“crane”: the label “cranes”, and what the network takes for “crane bird”.",
  );
  const note = "No vocabulary has the word “dgo”.";
  assert.equal(meaningOf({ ...WORD, known: false, meaning: null, note }), note);
});

test("a hit says how it fits, and how likely only where that is known", () => {
  assert.equal(matchedWords({ matched: null, probability: 0.4 }), null);
  assert.equal(matchedWords({ matched: "suggested", probability: 0.834 }), "suggested, 83 %");
  assert.equal(matchedWords({ matched: "alike", probability: null }), "looks like these");
});

test("coverage is told with what nobody can judge", () => {
  const none = {
    images: 3,
    looked_at: 0,
    sample: 3,
    coverage: null,
    precision: null,
    judged: 0,
    categories: [],
  };
  assert.deepEqual(coverageWords(none), ["No image here was looked at for words yet."]);
  assert.deepEqual(coverageWords({ ...none, looked_at: 2, coverage: 0.5, judged: 4, precision: 0.75 }), [
    "50 % of 2 images have a suggested word.",
    "1 image waits to be looked at.",
    "75 % of 4 suggestions say what the label says.",
  ]);
});

test("free text says who answers it, and that nobody does", () => {
  assert.equal(labelOf("CLIP ViT-B/32", "text"), "Free text by CLIP ViT-B/32");
  assert.equal(labelOf("CLIP ViT-B/32", "words"), "Words");
  assert.equal(labelOf("", "text"), "Words");
  const answered = [{ model: "clip", title: "CLIP", licence: "MIT", datasets: ["mine"] }];
  const read = { text: "two dogs", answered_by: answered, not_searched: [], note: "" };
  assert.equal(
    answeredBy(read),
    "Ranked by CLIP (MIT): the cosine of text and image, which is no probability.",
  );
  assert.equal(answeredBy({ ...read, answered_by: [], note: "No model." }), "No model.");
});
