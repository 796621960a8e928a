// What a chosen group makes of a search, and what groups and new images are called.
import assert from "node:assert/strict";
import test from "node:test";

import { readAddress } from "../../static/js/live/address.js";
import { nameOf, narrowedTo } from "../../static/js/live/results/grouping.js";
import { proposedName } from "../../static/js/live/saving.js";
import { newWords } from "../../static/js/saved/searches.js";

const K = { usual: 10, most: 200 };
const image = { id: 7, dataset: "birds", label: "", url: "", thumbnail: "", filename: "a.png" };
const group = { label: "blue jay", count: 5, image, like: [7, 12, 15] };

test("a group by look adds its examples, each once", () => {
  const state = readAddress("?image=12&like=15&unlike=9&group=cluster", K);
  assert.deepEqual(narrowedTo(group, state), { group: "", judged: { like: [15, 7], unlike: [9] } });
});

test("a group by label is a condition of the filter", () => {
  const state = readAddress("?image=12&where=width>1&group=label", K);
  assert.equal(narrowedTo(group, state).filters?.where, 'width>1 label:"blue jay"');
  assert.equal(narrowedTo({ ...group, label: "" }, state).filters?.where, "width>1 no:label");
});

test("a group is called by its label, or by its place", () => {
  assert.deepEqual(
    [nameOf(group, 0, "label"), nameOf(group, 0, "cluster"), nameOf({ ...group, label: "" }, 1, "cluster")],
    ["blue jay", "mostly blue jay", "Group 2"],
  );
  assert.equal(nameOf({ ...group, label: "" }, 0, "label"), "no label");
});

test("what is new is said in words, and nothing of what is unknown", () => {
  const count = { new: 3, many: false, problem: null };
  assert.deepEqual(
    [
      count,
      { ...count, new: 0 },
      { ...count, new: null, many: true },
      { ...count, problem: "Gone." },
      undefined,
    ].map(newWords),
    ["3 new", "", "many new", "", ""],
  );
});

test("a name is proposed from what is asked", () => {
  assert.equal(proposedName(readAddress("?label=wren&where=width>1", K)), "wren, width>1");
  assert.equal(proposedName(readAddress("?upload=a", K)), "");
});
