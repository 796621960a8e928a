// Finds points by file name or label; labels are here at once, file names come with the first search.
/** @import { MapPoints } from "../../map/types.js" */
/** @import { MapRow } from "../../shared/types.js" */
import { namesOf } from "../data.js";

/**
 * Return the points, ascending, whose label or file name contains `text`, "" finding none.
 * `points` are those of the map `row`, `labels` the names of their categories.
 * @param {string} text
 * @param {{ points: MapPoints, row: MapRow, labels: string[] }} among
 */
export async function matches(text, { points, row, labels }) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return new Uint32Array(0);
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
