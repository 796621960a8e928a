// Plans the pictures of the map: how large, of which part of it, with points and thumbnails of which size.
/** @import { Frame, Pair, Plan, SpriteSize, View, Wanted } from "../types.js" */
/** @import { PointSet } from "./point-set.js" */
import { fit } from "../view.js";

const MARGIN = 0.15; // of the box, drawn beyond each edge
const MAX_PIXELS = 12_000_000;
const COARSE = 0.7; // of the resolution, where a slow machine draws something that moves
const OVERVIEW_RATIO = 0.75;
const POINT_PIXELS = { most: 10, least: 2.5, zoomed: 16 };
// `from` and `whole`: CSS pixels between neighbours where pictures begin to show and hide their points
const SPRITE_PIXELS = { from: 40, whole: 60, least: 40, most: 1.5 };

/**
 * Return the diameter in CSS pixels of a point: ten for 200 points, four for 100,000, more when zoomed in.
 * @param {number} count
 * @param {number} zoom
 */
export function pointSize(count, zoom) {
  const plain = Math.min(
    POINT_PIXELS.most,
    Math.max(POINT_PIXELS.least, 10 * (200 / Math.max(count, 1)) ** 0.147),
  );
  return Math.min(POINT_PIXELS.zoomed, plain * Math.max(1, zoom) ** 0.35);
}

/**
 * Return {size, opacity} of the thumbnails where neighbours lie `spacing` CSS pixels apart, or null for none.
 * @param {number} spacing
 * @param {number} cell
 * @returns {SpriteSize | null}
 */
export function spriteSize(spacing, cell) {
  const opacity = Math.min(1, (spacing - SPRITE_PIXELS.from) / (SPRITE_PIXELS.whole - SPRITE_PIXELS.from));
  if (opacity <= 0) return null;
  return { size: Math.min(SPRITE_PIXELS.most * cell, Math.max(SPRITE_PIXELS.least, 0.8 * spacing)), opacity };
}

/**
 * Plan the image for a view: the box and some margin, so that a small movement uncovers nothing.
 * @param {Wanted} wanted
 */
export function scenePlan(wanted) {
  const { size, view, part } = wanted;
  const width = size.width + 2 * Math.ceil(size.width * MARGIN);
  const height = size.height + 2 * Math.ceil(size.height * MARGIN);
  const ratio = Math.min(devicePixelRatio, Math.sqrt(MAX_PIXELS / (width * height)));
  return planOf({ kind: "scene", width, height, ratio }, wanted, view, part);
}

/**
 * Make the plan of an image one for a moment only, with half the pixels.
 * @param {Plan} plan
 */
export function coarser(plan) {
  plan.coarse = true;
  plan.ratio *= COARSE;
  plan.pixels = pixelsOf(plan);
}

/**
 * @param {Frame} frame
 * @returns {Pair}
 */
const pixelsOf = ({ width, height, ratio }) => [Math.round(width * ratio), Math.round(height * ratio)];

/**
 * Plan the coarser image of everything that lies under the other and shows where that does not reach.
 * @param {Wanted} wanted
 */
export function overviewPlan(wanted) {
  const { points, size } = wanted;
  const view = fit(points.grid.bounds, size);
  return planOf({ kind: "overview", ...size, ratio: OVERVIEW_RATIO, upsideDown: true }, wanted, view, 1);
}

/**
 * @param {Frame} frame
 * @param {Wanted} wanted
 * @param {View} view
 * @param {number} part
 * @returns {Plan}
 */
function planOf(frame, { points, size, version }, view, part) {
  const [across, down] = [frame.width / 2 / view.scale, frame.height / 2 / view.scale];
  const seen = { minX: view.x - across, minY: view.y - down, maxX: view.x + across, maxY: view.y + down };
  return {
    ...frame,
    view,
    part,
    seen,
    version,
    // points under way may be anywhere
    ranges: part < 1 ? [0, points.count] : points.grid.ranges(seen),
    pixels: pixelsOf(frame),
    size: pointSize(points.count, view.scale / fit(points.grid.bounds, size).scale),
    sprites: null,
    aside: false,
    range: 0,
    next: 0,
    drawn: 0,
  };
}

/**
 * Return the shown points of a picture, the nearest to its middle first.
 * @param {PointSet} points
 * @param {Plan} plan
 */
export function nearestFirst(points, { seen, view }) {
  /** @type {Pair[]} */
  const found = [];
  points.grid.each(seen, (index, x, y) => {
    if (points.isShown(index)) found.push([index, (x - view.x) ** 2 + (y - view.y) ** 2]);
  });
  return found.sort((a, b) => a[1] - b[1]).map(([index]) => index);
}

/**
 * Return how many points a picture takes to draw.
 * @param {Plan} plan
 */
export function pointsOf({ ranges }) {
  let sum = 0;
  for (let range = 0; range < ranges.length; range += 2) sum += ranges[range + 1] - ranges[range];
  return sum;
}
