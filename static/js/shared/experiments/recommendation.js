// What to take for a dataset: of the configurations that are as good as the best, the cheapest.
/** @import { CostedRow } from "../../explain/types.js" */
/** @import { ScoreName } from "../types.js" */
import { METRICS, POOLINGS, SCORES } from "./experiments.js";
import { percent } from "../format.js";

/** Points of a score that count as equal: less than what two hundred images can tell apart. */
export const EQUAL_POINTS = 1;

/**
 * Return the best row, the cheapest that is as good, and what it saves of the time, 0..1; null without
 * scores. Baselines are left to the caller. Of rows that cost the same the better one is taken, then the
 * shorter vector.
 * @param {CostedRow[]} rows
 * @param {ScoreName} score
 */
export function recommendation(rows, score = "weighted_precision") {
  const scored = rows.filter((row) => row[score] !== null);
  if (!scored.length) return null;
  const best = scored.reduce((top, row) => (Number(row[score]) > Number(top[score]) ? row : top));
  const asGood = scored.filter((row) => Number(best[score]) - Number(row[score]) <= EQUAL_POINTS);
  const taken = asGood.reduce((cheapest, row) => (isCheaper(row, cheapest, score) ? row : cheapest), best);
  const [from, to] = [best.extract_ms, taken.extract_ms];
  return { best, taken, saved: from && to !== null ? Math.max(0, 1 - to / from) : 0 };
}

/**
 * @param {CostedRow} one
 * @param {CostedRow} other
 * @param {ScoreName} score
 */
function isCheaper(one, other, score) {
  const [mine, theirs] = [one.extract_ms ?? Infinity, other.extract_ms ?? Infinity];
  if (mine !== theirs) return mine < theirs;
  if (one[score] !== other[score]) return Number(one[score]) > Number(other[score]);
  return one.bytes_per_vector < other.bytes_per_vector;
}

/**
 * Return a recommendation in words; `titles` are the names of the networks.
 * @param {NonNullable<ReturnType<typeof recommendation>>} found
 * @param {ScoreName} score
 * @param {Map<string, string>} titles
 */
export function sentence({ best, taken, saved }, score = "weighted_precision", titles = new Map()) {
  /** @param {CostedRow} row */
  const named = (row) => `${titles.get(row.model) ?? row.model}, ${row.layer}`;
  const how = `${(POOLINGS[taken.pooling] ?? taken.pooling).toLowerCase()} pooling, ${(METRICS[taken.metric] ?? taken.metric).toLowerCase()}`;
  const figure = `${percent(taken[score])} % ${SCORES[score].toLowerCase()}`;
  if (taken === best || saved < 0.05)
    return `Take ${named(taken)} (${how}): ${figure}, and nothing as good is cheaper.`;
  return `Take ${named(taken)} (${how}): ${figure}, as good as the best (${named(best)}, ${percent(best[score])} %) and ${Math.round(100 * saved)} % cheaper.`;
}
