// What live search searches for, as its address and as the document that the API is asked.
import assert from "node:assert/strict";
import test from "node:test";

import {
  addressOf,
  asksForSomething,
  documentOf,
  explanationOf,
  quoted,
  readAddress,
  shownIn,
  withShown,
  withVerdict,
} from "../../static/js/live/address.js";

const K = { usual: 10, most: 200 };

test("an address that is read is written as it was", () => {
  for (const address of [
    "",
    "?image=12",
    "?image=12&like=15,18&unlike=9&dataset=birds&label=wren&where=width%3E%3D640&k=20",
    "?upload=6a1f-abc&unlike=9",
    "?url=https%3A%2F%2Fexample.org%2Fa.jpg",
    "?where=no%3Alabel",
    "?word=zebra&word=golden+retriever&dataset=birds",
    "?image=12&word=zebra",
    "?text=two+dogs&dataset=birds",
    "?image=12&cutoff=0.7",
    "?image=12&cutoff=p0.999",
    "?image=12&cutoff=0",
    "?image=12&fold=near&group=cluster",
    "?dataset=saved%3A12&group=label",
  ])
    assert.equal(addressOf(readAddress(address, K), K.usual), address);
});

test("what cannot be asked is left out of a state", () => {
  assert.equal(addressOf(readAddress("?like=1,2&unlike=3", K), K.usual), "");
  assert.equal(addressOf(readAddress("?image=1&like=1,x&unlike=3,3&k=0", K), K.usual), "?image=1&unlike=3");
  assert.equal(readAddress("?k=9999", K).filters.k, 200);
  for (const wrong of ["1.5", "-1", "x", "p", "0.5p", ""])
    assert.equal(readAddress(`?cutoff=${wrong}`, K).cutoff, null);
});

test("a text stands alone, and is asked as it was typed", () => {
  assert.equal(readAddress("?image=12&text=dogs", K).text, "");
  assert.equal(readAddress("?word=dog&text=dogs", K).text, "");
  assert.equal(readAddress(`?text=${"x".repeat(501)}`, K).text.length, 500);
  const state = readAddress("?text=+two+dogs+", K);
  assert.equal(asksForSomething(state), true);
  const document = documentOf(state, null);
  assert.deepEqual([document.text, document.like, "words" in document], ["two dogs", [], false]);
  assert.equal("text" in documentOf(readAddress("?word=dog", K), null), false);
});

test("a document has the line that was drawn, and none that was not", () => {
  assert.equal("cutoff" in documentOf(readAddress("?image=12", K), null), false);
  const { cutoff } = documentOf(readAddress("?image=12&cutoff=p0.999", K), null);
  assert.deepEqual(cutoff, { mode: "percentile", at: 0.999 });
});

test("an image has one verdict, the last one", () => {
  const liked = withVerdict({ like: [1], unlike: [2] }, 2, "like");
  assert.deepEqual(liked, { like: [1, 2], unlike: [] });
  assert.deepEqual(withVerdict(liked, 1, null), { like: [2], unlike: [] });
});

test("a value is quoted where a typed filter would end it", () => {
  assert.deepEqual(["wren", "blue jay", "a,b", 'a"b', "a\\b"].map(quoted), [
    "wren",
    '"blue jay"',
    '"a,b"',
    '"a\\"b"',
    '"a\\\\b"',
  ]);
});

test("a document has the query first, and a label within the filter", () => {
  const state = readAddress('?image=12&like=15&unlike=9&label=a+"b"&where=width>1', K);
  assert.deepEqual(documentOf(state, null), {
    like: [{ image: 12 }, { image: 15 }],
    unlike: [{ image: 9 }],
    where: 'label:"a \\"b\\"" width>1',
    datasets: [],
    k: 10,
    cursor: null,
    fold: "identical",
  });
});

test("a saved search in the place of a dataset is a part of the filter", () => {
  const state = readAddress("?dataset=saved%3A12&label=wren&where=width>1&fold=near&group=cluster", K);
  const { where, datasets, fold, group } = documentOf(state, null);
  assert.deepEqual(
    { where, datasets, fold, group },
    { where: "saved:12 label:wren width>1", datasets: [], fold: "near", group: "cluster" },
  );
  assert.equal(asksForSomething(readAddress("?dataset=saved%3A12", K)), true);
  assert.equal(asksForSomething(readAddress("?dataset=birds", K)), false);
});

test("an address says which hit is looked at large, beside all else", () => {
  const asked = "?image=12&like=15,18&where=width%3E%3D640";
  assert.equal(withShown(asked, 7), `${asked}&shown=7`);
  assert.equal(withShown(`${asked}&shown=7`, null), asked);
  assert.deepEqual([shownIn(`${asked}&shown=7`), shownIn(asked), shownIn("?shown=x")], [7, null, null]);
  assert.equal(addressOf(readAddress(`${asked}&shown=7`, K), K.usual), asked);
});

test("a hit is explained as in the search that is shown", () => {
  const state = readAddress("?image=12&like=15,18&unlike=9&dataset=birds&label=wren&where=width%3E%3D640", K);
  assert.equal(
    explanationOf(state, 7),
    "?hit=7&image=12&like=15%2C18&unlike=9&where=label%3Awren+width%3E%3D640&dataset=birds",
  );
  assert.equal(explanationOf(readAddress("?upload=6a-1-x", K), 7), "?hit=7&upload=6a-1-x");
  assert.equal(explanationOf(readAddress("?label=wren", K), 7), "");
});
