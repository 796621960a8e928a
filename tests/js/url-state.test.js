// The address and the state that it says.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  addressOf,
  readConfiguration,
  readState,
  same,
} from "../../static/js/shared/experiments/url-state.js";

const usual = readState("");

test("an empty address is the usual state", () => {
  assert.deepEqual(usual, {
    dataset: "",
    model: "",
    layer: "",
    pooling: "",
    metric: "",
    image: null,
    k: 10,
    order: "random",
  });
  assert.equal(addressOf(usual, { path: "/explore/" }), "/explore/");
});

test("what an address says comes back as it was", () => {
  const search =
    "?dataset=mine&model=VGG16&layer=block3&pooling=gem&metric=cosine&image=7&k=20&order=category";
  assert.equal(addressOf(readState(search), { path: "/p/" }), `/p/${search}`);
});

test("what is no number of an image is none, and k stays within its limits", () => {
  for (const image of ["0", "-1", "07", "1e3", "abc", "12345678901234567"])
    assert.equal(readState(`?image=${image}`).image, null, image);
  assert.equal(readState("?image=42").image, 42);
  assert.equal(readState("?k=5000").k, 50);
  for (const k of ["0", "-3", "2.5", "many"]) assert.equal(readState(`?k=${k}`).k, 10, k);
  assert.equal(readState("?order=sideways").order, "random");
});

test("the second configuration has names of its own", () => {
  const other = readConfiguration("b_", "?model=A&b_model=B&b_layer=top");
  assert.deepEqual(other, { model: "B", layer: "top", pooling: "", metric: "" });
  assert.equal(addressOf({ ...usual, model: "A" }, { other, path: "/" }), "/?model=A&b_model=B&b_layer=top");
});

test("names that are not plain are written so that they are read the same", () => {
  const state = { ...usual, dataset: "a&b c", layer: "x/y=z" };
  const address = addressOf(state, { path: "/", extra: { q: "häuser & co", empty: "" } });
  const search = address.slice(1);
  assert.deepEqual(readState(search), state);
  assert.equal(new URLSearchParams(search).get("q"), "häuser & co");
  assert.equal(new URLSearchParams(search).has("empty"), false);
});

test("configurations are the same by all four names", () => {
  const one = { model: "A", layer: "l", pooling: "max", metric: "cosine" };
  assert.ok(same(one, { ...usual, ...one }));
  assert.ok(!same(one, { ...one, metric: "euclidean" }));
});
