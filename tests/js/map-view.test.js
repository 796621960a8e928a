// The arithmetic of a view of the map.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  between,
  boundsOf,
  eased,
  fit,
  pan,
  sameView,
  toData,
  toScreen,
  zoomAround,
} from "../../static/js/map/view.js";

const size = { width: 400, height: 200 };
const view = { x: 1, y: 2, scale: 10 };

test("the bounds hold every point; none have bounds all the same", () => {
  assert.deepEqual(boundsOf([1, 5, -3, 2, 0, 9]), { minX: -3, minY: 2, maxX: 1, maxY: 9 });
  assert.deepEqual(boundsOf([]), { minX: 0, minY: 0, maxX: 1, maxY: 1 });
});

test("everything fits with some room around, by the tighter side", () => {
  const found = fit({ minX: 0, minY: 0, maxX: 10, maxY: 10 }, size, 20);
  assert.deepEqual(found, { x: 5, y: 5, scale: 16 });
  const point = fit({ minX: 3, minY: 3, maxX: 3, maxY: 3 }, size);
  assert.ok(Number.isFinite(point.scale) && point.scale > 0);
});

test("data grows upwards, the screen downwards, and both ways lead back", () => {
  assert.deepEqual(toScreen(view, size, 1, 2), [200, 100]);
  assert.deepEqual(toScreen(view, size, 2, 3), [210, 90]);
  assert.deepEqual(toData(view, size, ...toScreen(view, size, -7, 4)), [-7, 4]);
});

test("a map is moved as a sheet under a hand", () => {
  const moved = pan(view, 30, -20);
  assert.deepEqual(toScreen(moved, size, 1, 2), [230, 80]);
});

test("zooming keeps the point under the pointer", () => {
  const [left, top] = [350, 20];
  const before = toData(view, size, left, top);
  const zoomed = zoomAround(view, size, 2.5, left, top);
  const after = toData(zoomed, size, left, top);
  assert.equal(zoomed.scale, 25);
  assert.ok(Math.abs(before[0] - after[0]) < 1e-12 && Math.abs(before[1] - after[1]) < 1e-12);
});

test("a flight begins and ends where it should and scales by equal factors", () => {
  const to = { x: 5, y: 6, scale: 40 };
  assert.ok(sameView(between(view, to, 0), view));
  assert.ok(sameView(between(view, to, 1), to));
  assert.equal(between(view, to, 0.5).scale, 20);
  assert.deepEqual([0, 0.5, 1].map(eased), [0, 0.5, 1]);
  assert.ok(eased(0.1) < 0.1 && eased(0.9) > 0.9);
});
