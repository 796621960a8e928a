// The grid finds what looking at every point finds.
import assert from "node:assert/strict";
import { test } from "node:test";

import { insidePolygon, PointGrid, withinPolygon } from "../../static/js/map/grid.js";
import { seeded } from "./seeded.js";

const COUNT = 500;
const random = seeded(3);
const xy = Float32Array.from({ length: 2 * COUNT }, () => random() * 20 - 10);
const grid = new PointGrid(xy);

/** @param {number} index */
const shown = (index) => index % 3 !== 0;

/**
 * @param {number} x
 * @param {number} y
 * @param {(index: number) => boolean} among
 */
function nearestOfAll(x, y, among = () => true) {
  let [best, least] = [-1, Infinity];
  for (let i = 0; i < COUNT; i += 1) {
    const distance = (xy[2 * i] - x) ** 2 + (xy[2 * i + 1] - y) ** 2;
    if (among(i) && distance < least) [best, least] = [i, distance];
  }
  return { best, distance: Math.sqrt(least) };
}

test("the order holds every point once", () => {
  assert.deepEqual(
    [...grid.order].sort((a, b) => a - b),
    Array.from({ length: COUNT }, (_, i) => i),
  );
  assert.equal(grid.starts.at(-1), COUNT);
});

test("a rectangle holds exactly its points", () => {
  const rectangle = { minX: -3, minY: -8, maxX: 4.5, maxY: 1 };
  /** @type {number[]} */
  const found = [];
  grid.each(rectangle, (index) => found.push(index));
  const expected = Array.from({ length: COUNT }, (_, i) => i).filter(
    (i) => xy[2 * i] >= -3 && xy[2 * i] <= 4.5 && xy[2 * i + 1] >= -8 && xy[2 * i + 1] <= 1,
  );
  assert.ok(expected.length > 50);
  assert.deepEqual(
    found.sort((a, b) => a - b),
    expected,
  );
  assert.deepEqual(grid.ranges({ minX: 100, minY: 100, maxX: 101, maxY: 101 }), []);
});

test("the nearest point is found, near or far, shown or none", () => {
  for (let tried = 0; tried < 100; tried += 1) {
    const [x, y] = [random() * 24 - 12, random() * 24 - 12];
    const expected = nearestOfAll(x, y);
    assert.equal(grid.nearestAnywhere(x, y), expected.best);
    assert.equal(grid.nearestAnywhere(x, y, shown), nearestOfAll(x, y, shown).best);
    assert.equal(grid.nearest(x, y, expected.distance * 1.001), expected.best);
    assert.equal(grid.nearest(x, y, expected.distance * 0.999), -1);
  }
  assert.equal(
    grid.nearestAnywhere(0, 0, () => false),
    -1,
  );
});

test("of several points at one place the last drawn is found", () => {
  const stacked = new PointGrid(Float32Array.from([1, 1, 1, 1, 5, 5]));
  assert.equal(stacked.nearest(1, 1, 0.5), 1);
});

test("the keyboard walks ahead and not aside, and stays at the edge", () => {
  const cross = new PointGrid(Float32Array.from([0, 0, 3, 0.5, 0.5, 3, -2, 0, 0, -4, 2, 9]));
  assert.equal(cross.next(0, 1, 0), 1);
  assert.equal(cross.next(0, 0, 1), 2);
  assert.equal(cross.next(0, -1, 0), 3);
  assert.equal(cross.next(0, 0, -1), 4);
  assert.equal(cross.next(3, -1, 0), -1);
  assert.equal(
    cross.next(0, 0, 1, (index) => index !== 2),
    5,
  );
});

test("a polygon holds what is inside by the even-odd rule", () => {
  const arrow = [0, 0, 6, 0, 6, 6, 3, 2];
  assert.ok(insidePolygon(arrow, 5, 1));
  assert.ok(!insidePolygon(arrow, 2, 3));
  const box = [-4, -4, 4, -4, 4, 4, -4, 4];
  const found = withinPolygon(grid, box, shown);
  const expected = Array.from({ length: COUNT }, (_, i) => i).filter(
    (i) => shown(i) && Math.abs(xy[2 * i]) < 4 && Math.abs(xy[2 * i + 1]) < 4,
  );
  assert.deepEqual([...found], expected);
});

test("neighbours of a regular map lie as far apart as they look", () => {
  const points = Array.from({ length: 1600 }, (_, i) => [i % 40, Math.floor(i / 40)]);
  const spacing = new PointGrid(Float32Array.from(points.flat())).typicalSpacing();
  assert.ok(spacing > 0.8 && spacing < 1.2, String(spacing));
});

test("maps without an extent have a grid", () => {
  for (const points of [[], [2, 2], [1, 1, 1, 1], [0, 5, 9, 5]]) {
    const small = new PointGrid(Float32Array.from(points));
    assert.equal(small.nearestAnywhere(0, 0) >= 0, points.length > 0);
  }
});
