// The arithmetic of a view of the map. A view is {x, y, scale}: the data point shown in the middle of the
// box, and CSS pixels per data unit. Data grows upwards, the screen downwards.
/** @import { Bounds, Pair, Size, View } from "./types.js" */

/**
 * Return the bounds {minX, minY, maxX, maxY} of `xy`, pairs of coordinates one after another.
 * @param {ArrayLike<number>} xy
 * @returns {Bounds}
 */
export function boundsOf(xy) {
  const bounds = { minX: Infinity, minY: Infinity, maxX: -Infinity, maxY: -Infinity };
  for (let i = 0; i < xy.length; i += 2) {
    const x = xy[i];
    const y = xy[i + 1];
    if (x < bounds.minX) bounds.minX = x;
    if (x > bounds.maxX) bounds.maxX = x;
    if (y < bounds.minY) bounds.minY = y;
    if (y > bounds.maxY) bounds.maxY = y;
  }
  return xy.length ? bounds : { minX: 0, minY: 0, maxX: 1, maxY: 1 };
}

/**
 * Return the view that shows all of `bounds` in a box of `size` {width, height}, with some room around.
 * @param {Bounds} bounds
 * @param {Size} size
 * @returns {View}
 */
export function fit(bounds, size, padding = 24) {
  // a single point, or points on a line, still need a finite scale
  const width = bounds.maxX - bounds.minX;
  const height = bounds.maxY - bounds.minY;
  const least = Math.max(width, height, 1e-6) / 1000;
  const across = Math.max(size.width - 2 * padding, size.width / 2, 1) / Math.max(width, least);
  const down = Math.max(size.height - 2 * padding, size.height / 2, 1) / Math.max(height, least);
  return {
    x: (bounds.minX + bounds.maxX) / 2,
    y: (bounds.minY + bounds.maxY) / 2,
    scale: Math.min(across, down),
  };
}

/**
 * Return where a data point lies in the box, in CSS pixels from its upper left corner.
 * @param {View} view
 * @param {Size} size
 * @param {number} x
 * @param {number} y
 * @returns {Pair}
 */
export function toScreen(view, size, x, y) {
  return [size.width / 2 + (x - view.x) * view.scale, size.height / 2 - (y - view.y) * view.scale];
}

/**
 * Return the data point under a place of the box.
 * @param {View} view
 * @param {Size} size
 * @param {number} left
 * @param {number} top
 * @returns {Pair}
 */
export function toData(view, size, left, top) {
  return [view.x + (left - size.width / 2) / view.scale, view.y - (top - size.height / 2) / view.scale];
}

/**
 * Return the view moved by CSS pixels, as a hand moves a sheet.
 * @param {View} view
 * @param {number} right
 * @param {number} down
 * @returns {View}
 */
export const pan = (view, right, down) => ({
  x: view.x - right / view.scale,
  y: view.y + down / view.scale,
  scale: view.scale,
});

/**
 * Return the view zoomed by `factor` so that the data point under (left, top) stays there.
 * @param {View} view
 * @param {Size} size
 * @param {number} factor
 * @param {number} left
 * @param {number} top
 * @returns {View}
 */
export function zoomAround(view, size, factor, left, top) {
  const [x, y] = toData(view, size, left, top);
  return { x: x + (view.x - x) / factor, y: y + (view.y - y) / factor, scale: view.scale * factor };
}

/**
 * @param {View} a
 * @param {View} b
 */
export const sameView = (a, b) => a.x === b.x && a.y === b.y && a.scale === b.scale;

/**
 * Return the view a part `t` (0 to 1) of the way from `a` to `b`; the scale goes by equal factors.
 * @param {View} a
 * @param {View} b
 * @param {number} t
 * @returns {View}
 */
export const between = (a, b, t) => ({
  x: a.x + (b.x - a.x) * t,
  y: a.y + (b.y - a.y) * t,
  scale: a.scale * (b.scale / a.scale) ** t,
});

/**
 * Return `t` (0 to 1) slow at both ends.
 * @param {number} t
 */
export const eased = (t) => t * t * t * (t * (t * 6 - 15) + 10);
