// Plans the pictures of the map: how large, of which part of it, with points and thumbnails of which size.
import { fit } from "../view.js";

const MARGIN = 0.15; // of the box, drawn beyond each edge
const MAX_PIXELS = 12_000_000;
const COARSE = 0.7; // of the resolution, where a slow machine draws something that moves
const OVERVIEW_RATIO = 0.75;
const POINT_PIXELS = { most: 10, least: 2.5, zoomed: 16 };
// `from` and `whole`: CSS pixels between neighbours where pictures begin to show and hide their points
const SPRITE_PIXELS = { from: 40, whole: 60, least: 40, most: 1.5 };

/** Return the diameter in CSS pixels of a point: ten for 200 points, four for 100,000, more when zoomed in. */
export function pointSize(count, zoom) {
  const plain = Math.min(
    POINT_PIXELS.most,
    Math.max(POINT_PIXELS.least, 10 * (200 / Math.max(count, 1)) ** 0.147),
  );
  return Math.min(POINT_PIXELS.zoomed, plain * Math.max(1, zoom) ** 0.35);
}

/** Return {size, opacity} of the thumbnails where neighbours lie `spacing` CSS pixels apart, or null for none. */
export function spriteSize(spacing, cell) {
  const opacity = Math.min(1, (spacing - SPRITE_PIXELS.from) / (SPRITE_PIXELS.whole - SPRITE_PIXELS.from));
  if (opacity <= 0) return null;
  return { size: Math.min(SPRITE_PIXELS.most * cell, Math.max(SPRITE_PIXELS.least, 0.8 * spacing)), opacity };
}

/** Plan the picture for a view: the box and some margin, so that a small movement uncovers nothing. */
export function scenePlan(cloud, view, size, part) {
  const [marginX, marginY] = [Math.ceil(size.width * MARGIN), Math.ceil(size.height * MARGIN)];
  const plan = { kind: "scene", width: size.width + 2 * marginX, height: size.height + 2 * marginY };
  plan.ratio = Math.min(devicePixelRatio, Math.sqrt(MAX_PIXELS / (plan.width * plan.height)));
  return complete(plan, cloud, view, size, part);
}

/** Make the plan of a picture one for a moment only, with half the pixels. */
export function coarser(plan) {
  plan.coarse = true;
  plan.ratio *= COARSE;
  plan.pixels = pixelsOf(plan);
}

const pixelsOf = ({ width, height, ratio }) => [Math.round(width * ratio), Math.round(height * ratio)];

/** Plan the coarser picture of everything that lies under the other and shows where that does not reach. */
export function overviewPlan(cloud, size) {
  const plan = { kind: "overview", ...size, ratio: OVERVIEW_RATIO, upsideDown: true };
  return complete(plan, cloud, fit(cloud.grid.bounds, size), size, 1);
}

function complete(plan, cloud, view, size, part) {
  const [across, down] = [plan.width / 2 / view.scale, plan.height / 2 / view.scale];
  const seen = { minX: view.x - across, minY: view.y - down, maxX: view.x + across, maxY: view.y + down };
  return Object.assign(plan, {
    view,
    part,
    seen,
    // points under way may be anywhere
    ranges: part < 1 ? [0, cloud.count] : cloud.grid.ranges(seen),
    pixels: pixelsOf(plan),
    size: pointSize(cloud.count, view.scale / fit(cloud.grid.bounds, size).scale),
    sprites: null,
  });
}

/** Return the shown points of a picture, the nearest to its middle first. */
export function nearestFirst(cloud, { seen, view }) {
  const found = [];
  cloud.grid.each(seen, (index, x, y) => {
    if (cloud.isShown(index)) found.push([index, (x - view.x) ** 2 + (y - view.y) ** 2]);
  });
  return found.sort((a, b) => a[1] - b[1]).map(([index]) => index);
}

/** Return how many points a picture takes to draw. */
export function pointsOf({ ranges }) {
  let sum = 0;
  for (let range = 0; range < ranges.length; range += 2) sum += ranges[range + 1] - ranges[range];
  return sum;
}
