// What is drawn of the map, how large, and how much in one frame; without a graphics card.
import assert from "node:assert/strict";
import { before, test } from "node:test";

import { FrameBudget } from "../../static/js/map/drawing/frame-budget.js";
import {
  coarser,
  nearestFirst,
  overviewPlan,
  pointsOf,
  pointSize,
  scenePlan,
  spriteSize,
} from "../../static/js/map/drawing/plans.js";
import { PointSet } from "../../static/js/map/drawing/point-set.js";
import { NO_CATEGORY } from "../../static/js/map/data.js";
import { fit } from "../../static/js/map/view.js";
import { seeded } from "./seeded.js";

const COLOURS = Uint8Array.from([10, 20, 30, 40, 50, 60]);
const size = { width: 400, height: 300 };

before(() => {
  globalThis.devicePixelRatio = 2;
});

/** A map of `count` points anywhere. */
function scattered(count = 1000) {
  const random = seeded(5);
  const xy = Float32Array.from({ length: 2 * count }, random);
  return new PointSet(xy, new Uint16Array(count), COLOURS);
}

/**
 * @param {PointSet} points
 * @param {{ part?: number, zoom?: number }} options
 */
function wanted(points, { part = 1, zoom = 1 } = {}) {
  const home = fit(points.grid.bounds, size);
  const view = { ...home, scale: home.scale * zoom };
  return { points, sprites: null, view, size, version: 1, part, calm: true };
}

// --- points -----------------------------------------------------------------------------------

test("a point is shown by its category and by whether it has one", () => {
  const points = new PointSet(new Float32Array(6), Uint16Array.from([0, 1, NO_CATEGORY]), COLOURS);
  assert.deepEqual(
    [0, 1, 2].map((index) => points.isShown(index)),
    [true, true, true],
  );
  points.setFilter(Uint8Array.from([0, 1]), false);
  assert.deepEqual(
    [0, 1, 2].map((index) => points.isShown(index)),
    [false, true, false],
  );
  assert.equal(points.colourOf(0)[3], 0);
});

test("colours lie in drawing order, and what stands out dims the rest", () => {
  const points = new PointSet(
    Float32Array.from([9, 9, 0, 0, 5, 5]),
    Uint16Array.from([0, 1, NO_CATEGORY]),
    COLOURS,
  );
  points.setColours(COLOURS, [1, 2, 3]);
  points.choose([1]);
  const rgba = points.paint();
  [...points.grid.order].forEach((index, position) => {
    assert.deepEqual([...rgba.slice(4 * position, 4 * position + 4)], points.colourOf(index));
  });
  assert.deepEqual(points.colourOf(1), [40, 50, 60, 230]);
  assert.deepEqual(points.colourOf(2), [1, 2, 3, 36]);
  assert.deepEqual([...points.chosenPositions()], [points.grid.order.indexOf(1)]);
});

test("points set out from where they are, and lie where they arrive", () => {
  const points = new PointSet(Float32Array.from([0, 0, 4, 4]), new Uint8Array(2), COLOURS);
  points.goTo(Float32Array.from([10, 0, 4, 4]), 1);
  assert.deepEqual(points.wayOf(0), { from: [0, 0], to: [10, 0], colour: [10, 20, 30, 230] });
  points.goTo(Float32Array.from([10, 8, 4, 4]), 0.5);
  assert.deepEqual(points.wayOf(0).from, [5, 0]);
  assert.equal(points.grid.nearest(10, 8, 1), 0);
  assert.throws(() => points.goTo(new Float32Array(6), 1), /3 points cannot follow one of 2/);
});

test("a map needs a category for each point", () => {
  assert.throws(() => new PointSet(new Float32Array(6), new Uint8Array(2), COLOURS), /as many categories/);
  assert.throws(() => scattered(4).setCategories(new Uint8Array(3), COLOURS), /as many categories/);
});

// --- plans ------------------------------------------------------------------------------------

test("points are ten pixels for 200, about four for 100,000, and grow with the zoom to a limit", () => {
  assert.equal(pointSize(200, 1), 10);
  assert.ok(Math.abs(pointSize(100_000, 1) - 4) < 0.1);
  assert.ok(pointSize(100_000, 4) > pointSize(100_000, 1));
  assert.equal(pointSize(10, 1000), 16);
});

test("images show where there is room for them, at first see-through", () => {
  assert.equal(spriteSize(40, 48), null);
  assert.deepEqual(spriteSize(50, 48), { size: 40, opacity: 0.5 });
  assert.deepEqual(spriteSize(500, 48), { size: 72, opacity: 1 });
});

test("a plan reaches beyond the box and draws what can be seen of it", () => {
  const points = scattered();
  const whole = scenePlan(wanted(points));
  assert.deepEqual([whole.width, whole.height, whole.pixels], [520, 390, [1040, 780]]);
  assert.equal(pointsOf(whole), points.count);
  const near = scenePlan(wanted(points, { zoom: 4 }));
  assert.ok(pointsOf(near) > 0 && pointsOf(near) < points.count / 3);
  const gliding = scenePlan(wanted(points, { part: 0.5, zoom: 4 }));
  assert.deepEqual(gliding.ranges, [0, points.count]);
});

test("a coarser plan has half the pixels, and none has too many", () => {
  const plan = scenePlan(wanted(scattered()));
  coarser(plan);
  assert.ok(Math.abs(plan.pixels[0] * plan.pixels[1] - 1040 * 780 * 0.49) < 2000);
  const vast = scenePlan({ ...wanted(scattered()), size: { width: 8000, height: 5000 } });
  assert.ok(vast.pixels[0] * vast.pixels[1] <= 12_010_000);
});

test("the overview shows everything, whatever is looked at", () => {
  const points = scattered();
  const plan = overviewPlan(wanted(points, { zoom: 20 }));
  assert.deepEqual([plan.kind, plan.upsideDown, plan.width, plan.height], ["overview", true, 400, 300]);
  assert.equal(pointsOf(plan), points.count);
});

test("images are wanted from the middle outwards", () => {
  const points = scattered(50);
  const plan = scenePlan(wanted(points));
  const order = nearestFirst(points, plan);
  const away = order.map((index) => {
    const [x, y] = points.wayOf(index).to;
    return Math.hypot(x - plan.view.x, y - plan.view.y);
  });
  assert.equal(order.length, 50);
  assert.deepEqual(
    away,
    [...away].sort((a, b) => a - b),
  );
});

// --- the budget of a frame --------------------------------------------------------------------

/** A graphics card that says whether it is done. */
function card() {
  const state = { done: false };
  const gl = {
    SYNC_GPU_COMMANDS_COMPLETE: 1,
    SYNC_STATUS: 2,
    SIGNALED: 3,
    fenceSync: () => ({}),
    flush() {},
    deleteSync() {},
    isContextLost: () => false,
    getSyncParameter: () => (state.done ? 3 : 0),
  };
  return { state, budget: new FrameBudget(/** @type {any} */ (gl)) };
}

test("a card that is late gets smaller slices, but not too small ones", () => {
  const { state, budget } = card();
  assert.equal(budget.slice, 12_000);
  budget.begin(budget.slice);
  assert.ok(budget.busy());
  state.done = true;
  assert.ok(!budget.busy());
  assert.equal(budget.slice, 7_200);
  for (let slow = 0; slow < 10; slow += 1) {
    state.done = false;
    budget.begin(budget.slice);
    budget.busy();
    state.done = true;
    budget.busy();
  }
  assert.equal(budget.slice, 2_000);
});

test("a card that is quick gets larger slices", async () => {
  const { state, budget } = card();
  state.done = true;
  // a timer that comes late proves nothing: one of several comes in time
  for (let tries = 0; tries < 20 && budget.slice === 12_000; tries += 1) {
    budget.begin(budget.slice);
    await new Promise((done) => setTimeout(done, 5));
    assert.ok(!budget.busy());
  }
  assert.equal(budget.slice, 15_000);
});

test("nothing under way keeps nobody busy", () => {
  assert.ok(!card().budget.busy());
});
