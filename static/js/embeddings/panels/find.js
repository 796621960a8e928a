// Finds points by file name or label; labels are here at once, file names come with the first search. Of
// `saved:12` they are those of a saved search.
/** @import { MapPoints } from "../../map/types.js" */
/** @import { MapRow } from "../../shared/types.js" */
import { call } from "../../shared/api.js";
import { siteAddress } from "../../shared/site.js";
import { namesOf } from "../data.js";

/**
 * Return the ids of the images that a saved search has of a dataset.
 * @param {string} number
 * @param {string} dataset
 */
async function imagesOfSaved(number, dataset) {
  const of = encodeURIComponent(dataset);
  /** @type {{ images: number[] }} */
  const { images } = await call(siteAddress(`/api/v1/saved-searches/${number}/images/?dataset=${of}`));
  return new Set(images);
}

/**
 * Return the points, ascending, of some images.
 * @param {Pick<MapPoints, "count" | "ids">} points
 * @param {Set<number>} images
 */
export function indicesOf(points, images) {
  const found = [];
  for (let index = 0; index < points.count; index += 1) if (images.has(points.ids[index])) found.push(index);
  return Uint32Array.from(found);
}

/**
 * Return the points, ascending, whose label or file name contains `text`, "" finding none.
 * `points` are those of the map `row`, `labels` the names of their categories.
 * @param {string} text
 * @param {{ points: MapPoints, row: MapRow, labels: string[] }} among
 */
export async function matches(text, { points, row, labels }) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return new Uint32Array(0);
  const saved = /^saved:([1-9]\d{0,14})$/.exec(wanted)?.[1];
  if (saved) return indicesOf(points, await imagesOfSaved(saved, row.dataset));
  const inLabel = labels.map((label) => label.toLowerCase().includes(wanted));
  const names = await namesOf(row);
  const found = [];
  for (let index = 0; index < points.count; index += 1) {
    const category = points.categories[index];
    if (inLabel[category] || names.get(points.ids[index])?.filename.toLowerCase().includes(wanted))
      found.push(index);
  }
  return Uint32Array.from(found);
}
