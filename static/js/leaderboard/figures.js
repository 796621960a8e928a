// The figures of configurations in words, and which of them nobody beats: shared by leaderboard and
// comparison.
/** @import { ScoreName, Scores } from "../shared/types.js" */
/** @import { BoardRow, CostName } from "./types.js" */
import { decimal, number } from "../shared/format.js";

/** @type {Record<ScoreName, string>} */
export const SHORT_SCORES = { weighted_precision: "Weighted precision", precision: "Precision", map: "mAP" };
/** @type {Record<CostName, { name: string, axis: string, unit: string }>} */
export const COSTS = {
  extract_ms: { name: "Time", axis: "Processor time an image", unit: "ms" },
  bytes_per_vector: { name: "Size", axis: "Size of a vector", unit: "bytes" },
};

/**
 * Return a name for people; an unknown one as it is.
 * @param {Record<string, string>} names
 * @param {string} key
 */
export const named = (names, key) => names[key] ?? key.replaceAll("_", " ");

/**
 * Return 0.412 as "0.41 ms", 12.31 as "12.3 ms", 231.2 as "231 ms".
 * @param {number | null | undefined} value
 */
export const ms = (value) => (value === null || value === undefined ? "–" : `${short(value)} ms`);

/**
 * Return 512 as "512 B", 5120 as "5 KB", 250880 as "245 KB".
 * @param {number | null | undefined} value
 */
export function bytes(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1024) return `${value} B`;
  return value < 2 ** 20 ? `${trimmed(value / 1024)} KB` : `${trimmed(value / 2 ** 20)} MB`;
}

/**
 * @param {CostName} name
 * @param {number | null | undefined} value
 */
export const cost = (name, value) => (name === "extract_ms" ? ms(value) : bytes(value));

/** @param {number} value */
function short(value) {
  if (value >= 100) return number(Math.round(value));
  return decimal(value, value >= 1 ? 1 : 2);
}

/** @param {number} value */
const trimmed = (value) =>
  decimal(value, value >= 10 || Number.isInteger(Math.round(10 * value) / 10) ? 0 : 1);

/**
 * Return "Layer 7, stage7"; the place is not known of a network that is no longer configured.
 * @param {BoardRow} row
 */
export const layerOf = (row) =>
  row.layer_position ? `Layer ${row.layer_position}, ${row.layer}` : `Layer ${row.layer}`;

/**
 * Return "EfficientNet-Lite2, stage7".
 * @param {BoardRow} row
 */
export const called = (row) => `${row.title ?? row.model}, ${row.layer}`;

/**
 * Return the set of rows on the Pareto front: no other row has at least the score at no more cost, one of
 * them strictly. Rows without a score or a cost are not on it.
 * @template {Scores & Record<CostName, number | null>} Row
 * @param {Row[]} rows
 * @param {ScoreName} score
 * @param {CostName} costName
 */
export function front(rows, score, costName) {
  const known = rows.filter((row) => row[score] !== null && row[costName] !== null);
  known.sort(
    (one, other) =>
      Number(one[costName]) - Number(other[costName]) || Number(other[score]) - Number(one[score]),
  );
  /** @type {Set<Row>} */
  const found = new Set();
  /** @type {Row | null} */
  let best = null;
  for (const row of known) {
    const beats = best === null || Number(row[score]) > Number(best[score]);
    const equals = best !== null && row[score] === best[score] && row[costName] === best[costName];
    if (beats) best = row;
    if (beats || equals) found.add(row);
  }
  return found;
}
