// What is on the screen, for drawings that explain it: the page says it, whoever explains asks for it.
//
//   showsNow({ network, layer, image });    the page, whenever it shows something else
//   const screen = onScreen();              what is shown now; without a chosen image the first of the page
//   whenShown(draw);                        calls `draw` after every change
/** @import { Found, ImageResult, ImageSummary } from "../shared/types.js" */
/** @import { Screen, ShownImage } from "./types.js" */
import { elementsIn } from "../shared/elements.js";

/** @type {Screen} */
const screen = {
  image: null,
  network: null,
  layer: null,
  pooling: "",
  metric: "",
  k: 10,
  images: [],
  found: [],
  beside: [],
  scores: [],
  rows: [],
  score: "weighted_precision",
};
/** @type {(() => void)[]} */
const listeners = [];

/**
 * Return what is told of an image.
 * @param {Pick<ImageSummary, "id" | "thumbnail" | "label" | "filename">} image
 * @returns {ShownImage}
 */
export const shownImage = ({ id, thumbnail, label, filename }) => ({
  id,
  thumbnail,
  label,
  name: label || filename,
});

/**
 * Return the first k neighbours of an image in an experiment that still exist.
 * @param {Found} answer
 * @param {ImageResult | undefined} result
 * @param {number} k
 */
export const neighboursIn = (answer, result, k) =>
  (result?.neighbours ?? [])
    .flatMap(([id, score]) => {
      const image = answer.pictures[id];
      return image ? [{ ...shownImage(image), score }] : [];
    })
    .slice(0, k);

/** @param {Partial<Screen>} changes */
export function showsNow(changes) {
  Object.assign(screen, changes);
  for (const listener of listeners) listener();
}

/** @param {() => void} listener */
export const whenShown = (listener) => listeners.push(listener);

/** Return what is shown now. */
export function onScreen() {
  const images = imagesShown();
  return { ...screen, images, image: screen.image ?? images[0] ?? null };
}

/**
 * Return the images that the page shows, each once, in its order.
 * @returns {ShownImage[]}
 */
export function imagesShown() {
  /** @type {Map<number, ShownImage>} */
  const found = new Map();
  for (const link of elementsIn(document, "main a[data-image]")) {
    const [id, image] = [Number(link.dataset.image), link.querySelector("img")];
    if (id && image?.src && !found.has(id))
      found.set(id, { id, thumbnail: image.src, name: image.alt || `Image ${id}`, label: "" });
  }
  return [...found.values()];
}
