// Says what it takes to index the parts of images, or how many are indexed.
/** @import { PartsFacts } from "../shared/types.js" */
import { decimal, number, plural } from "../shared/format.js";

/** @param {number} bytes */
const size = (bytes) =>
  bytes < 1e9 ? `${decimal(Math.max(0.1, bytes / 1e6), 1)} MB` : `${decimal(bytes / 1e9, 1)} GB`;

/** @param {number} seconds */
function time(seconds) {
  if (seconds < 90) return plural(Math.max(1, Math.round(seconds)), "second");
  return seconds < 5400
    ? plural(Math.round(seconds / 60), "minute")
    : plural(Math.round(seconds / 3600), "hour");
}

/** @param {PartsFacts} facts */
export function partsWords({ images, indexed, active, parts, rows, bytes, seconds }) {
  const takes = seconds === null ? "some time, which was not measured here yet" : `about ${time(seconds)}`;
  if (!active)
    return (
      `Searches of this dataset can look inside of images as well, at ${parts} parts of each, and say where ` +
      `they match. That takes ${plural(rows, "more vector")}, about ${size(bytes)} of disk, and ${takes}.`
    );
  const done = `Searches look inside of images as well: ${number(indexed)} of ${plural(images, "image")} have their parts indexed, about ${size(bytes)}.`;
  return indexed < images ? `${done} The rest takes ${takes}.` : done;
}
