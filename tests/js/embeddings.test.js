// The state of the map's page, its legend, colours and names.
import assert from "node:assert/strict";
import { before, test } from "node:test";

import { coloursOf, oklch } from "../../static/js/embeddings/colours.js";
import { maskOf, NONE, toggled } from "../../static/js/embeddings/panels/legend.js";
import { slugOf } from "../../static/js/embeddings/panels/selection.js";
import { familyOf, mapAddress, readMapState, settled, variantsOf } from "../../static/js/embeddings/state.js";

before(() => {
  globalThis.location = /** @type {any} */ ({ pathname: "/embeddings/", search: "" });
  globalThis.document = /** @type {any} */ ({ documentElement: { dataset: { theme: "light" } } });
});

/**
 * @param {Partial<import("../../static/js/shared/types.js").MapRow>} given
 * @returns {import("../../static/js/shared/types.js").MapRow}
 */
const row = (given) => ({
  id: 1,
  dataset: "mine",
  model: "A",
  layer: "l1",
  layer_position: 1,
  pooling: "average",
  method: "umap",
  parameters: {},
  digest: "d1",
  count: 10,
  fitted: 10,
  trustworthiness: 1,
  neighbour_agreement: 1,
  separation: null,
  weighted_separation: null,
  seconds: 1,
  stale: false,
  computed_at: "2026-01-01T00:00:00Z",
  ...given,
});
const rows = [
  row({ id: 3, layer: "l2", layer_position: 2 }),
  row({ id: 2 }),
  row({ id: 5, digest: "d2", parameters: { neighbours: 50 } }),
  row({ id: 6, model: "B", method: "tsne", pooling: "max", layer: "top", layer_position: 8 }),
];
const networks = ["A", "B"].map(
  (name) => /** @type {import("../../static/js/shared/types.js").Network} */ ({ name }),
);

test("an address comes back as it was, names of the legend included", () => {
  const search =
    "?dataset=mine&image=4&method=tsne&digest=d1&by=score&q=cat&view=1.5%2C-2%2C3.25&picked=7%2C9";
  const state = readMapState(`${search}&only=a%20%26%20b&only=(none)`);
  assert.deepEqual(state.only, ["a & b", "(none)"]);
  assert.deepEqual(state.picked, [7, 9]);
  assert.deepEqual(state.view, [1.5, -2, 3.25]);
  assert.equal(mapAddress(state), `/embeddings/${search}&only=a%20%26%20b&only=(none)`);
});

test("a view that is none, and numbers that are none, are left out", () => {
  for (const view of ["1,2", "a,b,c", "1,2,0", "1,2,-3", "1,2,3,4", ""])
    assert.equal(readMapState(`?view=${view}`).view, null, view);
  assert.deepEqual(readMapState("?picked=1,x,-2,,3").picked, [1, 3]);
});

test("maps of one network with the same parameters belong together, in depth order", () => {
  const variants = variantsOf(rows, { method: "umap", model: "A", pooling: "average" });
  assert.deepEqual(
    variants.map((variant) => [variant.digest, variant.rows.map((one) => one.layer)]),
    [
      ["d1", ["l1", "l2"]],
      ["d2", ["l1"]],
    ],
  );
  const family = { method: "umap", model: "A", pooling: "average" };
  assert.equal(familyOf(rows, { ...family, digest: "d2" })[0].id, 5);
  assert.equal(familyOf(rows, { ...family, digest: "gone" }).length, 2);
  assert.deepEqual(familyOf([], { ...family, digest: "" }), []);
});

test("what a state leaves open is filled in from the maps that there are", () => {
  const open = readMapState("?dataset=mine");
  const found = settled(open, rows, networks, "A");
  assert.deepEqual([found.method, found.model, found.pooling, found.layer], ["umap", "A", "average", "l2"]);
  const other = settled({ ...open, method: "tsne" }, rows, networks, "A");
  assert.deepEqual([other.model, other.pooling, other.layer], ["B", "max", "top"]);
  const nothing = settled(open, [], networks, "A");
  assert.deepEqual(
    [nothing.method, nothing.model, nothing.pooling, nothing.layer],
    ["umap", "A", "average", ""],
  );
});

test("a click shows one alone, the next adds, and all of them mean all again", () => {
  const names = ["a", "b", "c"];
  assert.deepEqual(toggled([], "a", names), ["a"]);
  assert.deepEqual(toggled(["a"], "b", names), ["a", "b"]);
  assert.deepEqual(toggled(["a", "b"], "c", names), []);
  assert.deepEqual(toggled(["a"], "a", names), []);
});

test("the mask keeps the chosen names, and unknown ones keep everything", () => {
  const legend = /** @type {import("../../static/js/shared/types.js").Legend} */ ({ names: ["a", "b"] });
  assert.deepEqual(maskOf(legend, []), { mask: null, none: true });
  assert.deepEqual(maskOf(legend, ["gone"]), { mask: null, none: true });
  const { mask, none } = maskOf(legend, ["b", NONE]);
  assert.deepEqual([[...(mask ?? [])], none], [[0, 1], true]);
});

test("colours are those of the OKLCH space, and no two of many are the same", () => {
  assert.deepEqual(oklch(0, 0, 0), [0, 0, 0]);
  assert.deepEqual(oklch(1, 0, 0), [255, 255, 255]);
  // red of sRGB is oklch(0.628 0.2577 29.23)
  const [red, green, blue] = oklch(0.627955, 0.257683, 29.2339);
  assert.ok(red >= 254 && green <= 1 && blue <= 1);
  const names = Array.from({ length: 40 }, (_, number) => String(number));
  const colours = coloursOf({ kind: "category", names, counts: [], none: 0, experiment: null });
  assert.equal(new Set(colours.map(String)).size, 40);
});

test("a name becomes what can stand in an address", () => {
  assert.equal(slugOf("Mes étés, à Paris!", "mine"), "mes-e-te-s-a-paris");
  assert.equal(slugOf("!!!", "mine"), "mine-selection");
  assert.equal(slugOf("x".repeat(100), "mine").length, 80);
});
