// The part of an image that is searched with, in numbers.
import assert from "node:assert/strict";
import test from "node:test";

import { addressOf, documentOf, explanationOf, readAddress } from "../../static/js/live/address.js";
import {
  boxIn,
  drawn,
  isWhole,
  moved,
  resized,
  textOf,
  WHOLE,
  wordsOf,
} from "../../static/js/live/examples/box.js";
import { seeded } from "./seeded.js";

const LEAST = /** @type {const} */ ([0.1, 0.1]);
const K = { usual: 10, most: 200 };

test("a box in an address is four shares, and nothing else is one", () => {
  assert.deepEqual(boxIn("0,0.25,0.5,1"), [0, 0.25, 0.5, 1]);
  assert.equal(textOf([0, 0.25, 0.5, 1]), "0,0.25,0.5,1");
  assert.equal(textOf([1 / 3, 0, 2 / 3, 1]), "0.3333,0,0.6667,1");
  for (const wrong of [
    null,
    "",
    "0,0,1,1",
    "0,0,1",
    "0,0,1,1,1",
    "a,0,1,1",
    "0.5,0,0.5,1",
    "0.6,0,0.5,1",
    "-0.1,0,1,1",
    "0,0,2,1",
    "1e-3,0,0.5,1",
    "0,0,NaN,1",
  ])
    // prettier-ignore
    assert.equal(boxIn(wrong), undefined, String(wrong));
});

test("a box is moved inside of the image and keeps its size", () => {
  assert.deepEqual(moved([0.1, 0.2, 0.4, 0.6], 0.2, 0.1), [0.3, 0.3, 0.6, 0.7]);
  assert.deepEqual(moved([0.1, 0.2, 0.4, 0.6], 5, -5), [0.7, 0, 1, 0.4]);
  assert.deepEqual(moved(WHOLE, 0.3, -0.3), WHOLE);
});

test("a handle moves its own sides, and no farther than the opposite ones", () => {
  const box = /** @type {const} */ ([0.2, 0.2, 0.8, 0.8]);
  assert.deepEqual(resized([...box], "nw", [0.1, 0.3], LEAST), [0.1, 0.3, 0.8, 0.8]);
  assert.deepEqual(resized([...box], "e", [0.5, 0], LEAST), [0.2, 0.2, 0.5, 0.8]);
  assert.deepEqual(resized([...box], "se", [0, 0], LEAST), [0.2, 0.2, 0.3, 0.3]);
  assert.deepEqual(resized([...box], "n", [0, 2], LEAST), [0.2, 0.7, 0.8, 0.8]);
});

test("what is drawn is inside, in order and never too small", () => {
  assert.deepEqual(drawn([0.7, 0.8], [0.2, 0.3], LEAST), [0.2, 0.3, 0.7, 0.8]);
  assert.deepEqual(drawn([0.99, 0.5], [1, 0.9], LEAST), [0.9, 0.5, 1, 0.9]);
  assert.deepEqual(drawn([0.05, 0.5], [0.01, 0.9], LEAST), [0, 0.5, 0.1, 0.9]);
  const random = seeded(7);
  for (let n = 0; n < 500; n += 1) {
    const [x0, y0, x1, y1] = drawn([random(), random()], [random(), random()], LEAST);
    assert.ok(0 <= x0 && x1 <= 1 && 0 <= y0 && y1 <= 1);
    assert.ok(x1 - x0 > 0.0998 && y1 - y0 > 0.0998);
  }
});

test("a box is said in words", () => {
  assert.equal(wordsOf(WHOLE), "the whole image");
  assert.equal(wordsOf([0, 0.25, 0.5, 1]), "50 by 75 %, from 0 % left and 25 % top");
  assert.equal(wordsOf([0.5, 0, 1, 1]), "the right half");
  assert.ok(isWhole(undefined));
});

test("a part is in the address, in the document and in what explains a hit", () => {
  const address = "?image=12&box=0,0,0.5,1&like=15";
  const state = readAddress(address, K);
  assert.equal(addressOf(state, K.usual), address);
  assert.deepEqual(documentOf(state, null).like, [{ image: 12, box: [0, 0, 0.5, 1] }, { image: 15 }]);
  assert.equal(explanationOf(state, 3), "?hit=3&image=12&box=0%2C0%2C0.5%2C1&like=15");
  assert.equal(addressOf(readAddress("?box=0,0,0.5,1", K), K.usual), "");
  assert.equal("box" in documentOf(readAddress("?image=12&box=0,0,1,1", K), null).like[0], false);
});
