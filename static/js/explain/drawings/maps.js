// The strongest feature maps of an image at a layer, and the numbers that their colours stand for.
/** @import { FeatureMaps } from "../../shared/types.js" */
import { call } from "../../shared/api.js";
import { once } from "../../shared/once.js";
import { siteAddress } from "../../shared/site.js";

/** @type {Map<string, Promise<any>>} */
const answers = new Map();
// the colours of the maps, dark to light: search/extractors/map_images.py
const INFERNO = [
  0x000004, 0x160b39, 0x420a68, 0x6a176e, 0x932667, 0xbc3754, 0xdd513a, 0xf37819, 0xfca50a, 0xf6d746,
  0xfcffa4,
];
const STEPS = INFERNO.map((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]);

/**
 * Return the strongest channels of a layer for an image.
 * @param {number} image
 * @param {string} model
 * @param {string} layer
 * @param {number} count
 * @returns {Promise<FeatureMaps>}
 */
export function strongestMaps(image, model, layer, count) {
  const path = `/api/v1/models/${encodeURIComponent(model)}/layers/${encodeURIComponent(layer)}/feature-maps/`;
  const address = siteAddress(`${path}?image=${image}&count=${count}`);
  return once(answers, address, () => call(address));
}

/**
 * Return the mean of every channel of a layer for an image: its vector by average pooling.
 * @param {number} image
 * @param {string} model
 * @param {string} layer
 * @returns {Promise<number[]>}
 */
export async function meansOf(image, model, layer) {
  const path = `/api/v1/models/${encodeURIComponent(model)}/layers/${encodeURIComponent(layer)}/feature-maps/`;
  const address = siteAddress(`${path}?image=${image}&count=1&means=true`);
  /** @type {FeatureMaps} */
  const { means } = await once(answers, address, () => call(address));
  return means ?? [];
}

/**
 * Return an image once it is there.
 * @param {string} address
 * @returns {Promise<HTMLImageElement>}
 */
export async function loaded(address) {
  const image = new Image();
  image.src = address;
  await image.decode().catch(() => {
    throw new Error("The image could not be read, so nothing is drawn of it.");
  });
  return image;
}

/**
 * Return the pixels of an image, drawn into a box of width × height, as RGBA.
 * @param {HTMLImageElement} image
 * @param {number} width
 * @param {number} height
 */
export function pixelsOf(image, width, height) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("This browser does not draw.");
  context.drawImage(image, 0, 0, width, height);
  try {
    return context.getImageData(0, 0, width, height).data;
  } catch {
    throw new Error("The images of this site lie on another host, so their pixels cannot be read here.");
  }
}

/**
 * Return the shares 0..1 that the colours of a map's drawing stand for, row by row, read at a grid.
 * @param {HTMLImageElement} drawn
 * @param {number} rows
 * @param {number} columns
 */
export function sharesOf(drawn, rows, columns) {
  const pixels = pixelsOf(drawn, columns, rows);
  return Array.from({ length: rows * columns }, (_, n) =>
    shareOf(pixels[4 * n], pixels[4 * n + 1], pixels[4 * n + 2]),
  );
}

/**
 * Return where on the way from dark to light a colour lies nearest.
 * @param {number} red
 * @param {number} green
 * @param {number} blue
 */
export function shareOf(red, green, blue) {
  let [nearest, share] = [Infinity, 0];
  for (let step = 1; step < STEPS.length; step += 1) {
    const [from, to] = [STEPS[step - 1], STEPS[step]];
    const way = to.map((value, n) => value - from[n]);
    const ahead = [red, green, blue].map((value, n) => value - from[n]);
    const length = way.reduce((sum, value) => sum + value * value, 0);
    const along = Math.min(1, Math.max(0, way.reduce((sum, value, n) => sum + value * ahead[n], 0) / length));
    const off = ahead.reduce((sum, value, n) => sum + (value - along * way[n]) ** 2, 0);
    if (off < nearest) [nearest, share] = [off, (step - 1 + along) / (STEPS.length - 1)];
  }
  return share;
}
