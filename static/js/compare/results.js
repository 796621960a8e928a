// What the two configurations found, and what they have in common.
/** @import { Experiment, Found } from "../shared/types.js" */
/** @import { RankedImage, SideResult } from "./types.js" */

/**
 * Return what a configuration found; pictures that are gone are passed over.
 * @param {Found} answer
 * @param {Experiment} experiment
 * @param {number} k
 * @returns {SideResult}
 */
export function foundBy(answer, experiment, k) {
  const result = answer.found.get(experiment.id);
  const judged = Boolean(answer.image.label) && experiment.weighted_precision !== null;
  /** @type {Map<number, number>} */
  const ranks = new Map();
  /** @type {RankedImage[]} */
  const list = [];
  for (const [id, score] of result?.neighbours ?? []) {
    const image = answer.pictures[id];
    if (!image) continue;
    const rank = ranks.size + 1;
    ranks.set(id, rank);
    if (rank <= k)
      list.push({ ...image, rank, score, right: judged ? image.label === answer.image.label : null });
  }
  return { result: result ?? null, list, ranks };
}

/**
 * Return the ids that are in both lists.
 * @param {SideResult} a
 * @param {SideResult} b
 */
export function common(a, b) {
  const there = new Set(b.list.map((image) => image.id));
  return new Set(a.list.filter((image) => there.has(image.id)).map((image) => image.id));
}
