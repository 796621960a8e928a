// The part of an image that is searched with, in numbers: x0, y0, x1, y1 as shares of the sides of the
// upright image. Nothing here knows of a page.
/** @import { Box } from "../types.js" */

/** @type {Box} */
export const WHOLE = [0, 0, 1, 1];
const DIGITS = 4;
const TEXT = /^(0|1|0?\.\d{1,6})(,(0|1|0?\.\d{1,6})){3}$/;

const NAMES = new Map([
  ["0,0,0.5,1", "the left half"],
  ["0.5,0,1,1", "the right half"],
  ["0,0,1,0.5", "the upper half"],
  ["0,0.5,1,1", "the lower half"],
  ["0,0,0.5,0.5", "the upper left quarter"],
  ["0.5,0,1,0.5", "the upper right quarter"],
  ["0,0.5,0.5,1", "the lower left quarter"],
  ["0.5,0.5,1,1", "the lower right quarter"],
]);

/** @param {Box | null | undefined} box */
export const isWhole = (box) => !box || box.every((share, n) => share === WHOLE[n]);

/** @param {number} value */
const share = (value) => Number(Math.min(1, Math.max(0, value)).toFixed(DIGITS));

/**
 * Return a box with as many digits as an address says.
 * @param {readonly number[]} box
 * @returns {Box}
 */
export const rounded = ([x0, y0, x1, y1]) => [share(x0), share(y0), share(x1), share(y1)];

/**
 * Return the box that an address says, undefined where it says none, or all of the image.
 * @param {string | null} text
 * @returns {Box | undefined}
 */
export function boxIn(text) {
  if (!text || !TEXT.test(text)) return undefined;
  const box = rounded(text.split(",").map(Number));
  return box[0] < box[2] && box[1] < box[3] && !isWhole(box) ? box : undefined;
}

/** @param {Box} box */
export const textOf = (box) => rounded(box).join(",");

/**
 * Return a box somewhere else, as large as it was and inside of the image.
 * @param {Box} box
 * @param {number} across
 * @param {number} along
 * @returns {Box}
 */
export function moved([x0, y0, x1, y1], across, along) {
  const right = Math.min(1 - x1, Math.max(-x0, across));
  const down = Math.min(1 - y1, Math.max(-y0, along));
  return rounded([x0 + right, y0 + down, x1 + right, y1 + down]);
}

/**
 * Return a box with the sides that a handle names, as "ne" or "w", at another place; none comes nearer to its
 * opposite than `least`.
 * @param {Box} box
 * @param {string} handle
 * @param {readonly [x: number, y: number]} to
 * @param {readonly [width: number, height: number]} least
 * @returns {Box}
 */
export function resized(box, handle, [x, y], [width, height]) {
  let [x0, y0, x1, y1] = box;
  if (handle.includes("w")) x0 = Math.max(0, Math.min(x, x1 - width));
  if (handle.includes("e")) x1 = Math.min(1, Math.max(x, x0 + width));
  if (handle.includes("n")) y0 = Math.max(0, Math.min(y, y1 - height));
  if (handle.includes("s")) y1 = Math.min(1, Math.max(y, y0 + height));
  return rounded([x0, y0, x1, y1]);
}

/**
 * Return the box between two corners, at least as large as `least`; it stays inside of the image.
 * @param {readonly [x: number, y: number]} from
 * @param {readonly [x: number, y: number]} to
 * @param {readonly [width: number, height: number]} least
 * @returns {Box}
 */
export function drawn(from, to, least) {
  const [x0, x1] = between(from[0], to[0], least[0]);
  const [y0, y1] = between(from[1], to[1], least[1]);
  return rounded([x0, y0, x1, y1]);
}

/**
 * @param {number} one
 * @param {number} other
 * @param {number} least
 */
function between(one, other, least) {
  const low = Math.max(0, Math.min(one, other));
  const high = Math.min(1, Math.max(one, other));
  if (high - low >= least) return [low, high];
  // from where it began, towards where it goes, as far as there is room
  const begin = Math.min(other < one ? one - least : one, 1 - least);
  return [Math.max(0, begin), Math.max(0, begin) + least];
}

/**
 * Return in words where a box is.
 * @param {Box} box
 */
export function wordsOf(box) {
  if (isWhole(box)) return "the whole image";
  const known = NAMES.get(box.join());
  if (known) return known;
  const percent = (/** @type {number} */ value) => Math.round(100 * value);
  const [x0, y0, x1, y1] = box;
  return `${percent(x1 - x0)} by ${percent(y1 - y0)} %, from ${percent(x0)} % left and ${percent(y0)} % top`;
}
