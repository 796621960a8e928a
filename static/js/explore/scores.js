// The scores of the shown query beside the means of its dataset, and the weighted precision worked out for this very query.
import { percent } from "../shared/url-state.js";
import { make, number } from "../shared/elements.js";

const at = (id) => document.getElementById(id);
const MOST_TERMS = 12;

/** Show the scores of one query; nothing where there are no labels. */
export function showScores(page, result, labelled, found) {
  const holder = at("scores");
  if (!result || !labelled || !found.length) {
    holder.replaceChildren();
    return;
  }
  const { row, state } = page;
  const right = found.map((neighbour) => neighbour.label === page.answer.image.label);
  const worked = workedOut(right, state.k);
  const hits = right.filter(Boolean).length;
  // the means of the experiment are at its own k
  const atTheirs = row.k === state.k ? "" : ` at ${row.k}`;
  holder.replaceChildren(
    make(
      "dl",
      { class: "tiles number" },
      tile(`Weighted precision@${state.k}`, worked.percent, row.weighted_precision, atTheirs),
      tile(`Precision@${state.k}`, (100 * hits) / state.k, row.precision, atTheirs),
      tile(
        "Average precision",
        result.average_precision === null ? null : 100 * result.average_precision,
        row.map,
        "",
      ),
    ),
    explanation(right, worked, state.k),
  );
}

/** Return the weights of the right ranks, their sum, and the share of all weights they have. */
export function workedOut(right, k) {
  const weights = right.flatMap((isRight, index) => (isRight ? [k - index] : []));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const total = (k * (k + 1)) / 2;
  return { weights, sum, total, percent: (100 * sum) / total };
}

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

function explanation(right, worked, k) {
  const bars = make("div", {
    class: "weights",
    role: "img",
    "aria-label": `Weights of the ranks: ${worked.weights.join(", ") || "none"} of the right ones`,
  });
  bars.style.setProperty("--k", k);
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
    bar.style.setProperty("--weight", (k - rank + 1) / k);
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
