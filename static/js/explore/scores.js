// The scores of the shown query beside the means of its dataset, and the weighted precision worked out for
// this very query.
/** @import { Experiment, Found, ImageResult, State } from "../shared/types.js" */
/** @import { RankedNeighbour } from "./types.js" */
import { byId, make } from "../shared/elements.js";
import { number, percent } from "../shared/format.js";

const MOST_TERMS = 12;

/**
 * A labelled query, what it found in the experiment `row`, and the first of it.
 * @typedef {object} Scored
 * @property {Found} answer
 * @property {State} state
 * @property {Experiment} row
 * @property {ImageResult} result
 * @property {RankedNeighbour[]} found
 */

/** Show no scores: there are no labels, or nothing was found. */
export function clearScores() {
  byId("scores").replaceChildren();
}

/**
 * Show the scores of one query.
 * @param {Scored} scored
 */
export function showScores({ answer, state, row, result, found }) {
  const right = found.map((neighbour) => neighbour.label === answer.image.label);
  const worked = workedOut(right, state.k);
  const hits = right.filter(Boolean).length;
  // the means of the experiment are at its own k
  const atTheirs = row.k === state.k ? "" : ` at ${row.k}`;
  const average = result.average_precision === null ? null : 100 * result.average_precision;
  byId("scores").replaceChildren(
    make(
      "dl",
      { class: "tiles number" },
      tile(`Weighted precision@${state.k}`, worked.percent, row.weighted_precision, atTheirs),
      tile(`Precision@${state.k}`, (100 * hits) / state.k, row.precision, atTheirs),
      tile("Average precision", average, row.map, ""),
    ),
    explanation(right, worked, state.k),
  );
}

/**
 * Return the weights of the right ranks, their sum, and the share of all weights they have.
 * @param {boolean[]} right
 * @param {number} k
 */
export function workedOut(right, k) {
  const weights = right.flatMap((isRight, index) => (isRight ? [k - index] : []));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const total = (k * (k + 1)) / 2;
  return { weights, sum, total, percent: (100 * sum) / total };
}

/**
 * @param {string} name
 * @param {number | null} value
 * @param {number | null} mean
 * @param {string} atTheirs
 */
function tile(name, value, mean, atTheirs) {
  const difference = value === null || mean === null ? 0 : value - mean;
  const side = Math.abs(difference) < 0.05 ? "same" : difference > 0 ? "above" : "below";
  return make(
    "div",
    { class: "tile" },
    make("dt", {}, name),
    make(
      "dd",
      {},
      make("strong", {}, percent(value), value === null ? "" : " %"),
      make(
        "span",
        { class: "tile-mean muted", "data-side": side },
        `dataset mean${atTheirs} ${percent(mean)}`,
      ),
    ),
  );
}

/**
 * @param {boolean[]} right
 * @param {ReturnType<typeof workedOut>} worked
 * @param {number} k
 */
function explanation(right, worked, k) {
  const bars = make("div", {
    class: "weights",
    role: "img",
    "aria-label": `Weights of the ranks: ${worked.weights.join(", ") || "none"} of the right ones`,
  });
  bars.style.setProperty("--k", String(k));
  for (let rank = 1; rank <= k; rank += 1) {
    const bar = make(
      "span",
      {
        class: "weight",
        "data-right": right[rank - 1] ?? false,
        title: `Rank ${rank} weighs ${k - rank + 1}: ${right[rank - 1] ? "right" : "wrong"}`,
      },
      k <= 20 ? String(k - rank + 1) : "",
    );
    bar.style.setProperty("--weight", String((k - rank + 1) / k));
    bars.append(bar);
  }
  const { weights, sum, total } = worked;
  const terms =
    weights.length > MOST_TERMS
      ? `${weights.slice(0, MOST_TERMS - 2).join(" + ")} + … + ${weights.at(-1)}`
      : weights.join(" + ");
  return make(
    "div",
    { class: "worked" },
    bars,
    make(
      "p",
      { class: "small muted number" },
      `Rank r of ${k} weighs ${k} − r + 1. `,
      make(
        "span",
        { class: "formula" },
        weights.length
          ? `The right ones: ${terms}${weights.length > 1 ? ` = ${number(sum)}` : ""}, of ${number(total)} in all: `
          : `None is right: 0 of ${number(total)}: `,
        make("strong", {}, `${percent(worked.percent)} %`),
      ),
    ),
  );
}
