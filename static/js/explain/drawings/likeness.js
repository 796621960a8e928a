// The scores of the hits on the screen, in their order: where they fall off, what is alike has ended.
/** @import { Draw } from "../types.js" */
import { make, makeSvg } from "../../shared/elements.js";
import { decimal } from "../../shared/format.js";

const [WIDTH, HEIGHT] = [420, 140];

/** @type {Draw} */
export function draw(figure, { scores }) {
  if (scores.length < 2) throw new Error("Search with an image, and the scores of its hits are drawn here.");
  const step = drop(scores);
  const width = WIDTH / scores.length;
  const svg = makeSvg("svg", {
    class: "fall",
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    role: "img",
    "aria-label": `Scores from ${decimal(scores[0], 2)} down to ${decimal(scores[scores.length - 1], 2)}`,
  });
  scores.forEach((score, n) => {
    const height = Math.max(1, Math.max(0, score) * (HEIGHT - 4));
    svg.append(
      makeSvg(
        "rect",
        {
          x: n * width + 1,
          y: HEIGHT - height,
          width: Math.max(1, width - 2),
          height,
          "data-above": n < step,
        },
        makeSvg("title", {}, `Rank ${n + 1}: ${decimal(score, 3)}`),
      ),
    );
  });
  figure.replaceChildren(
    svg,
    make(
      "figcaption",
      { class: "small muted number" },
      `The largest fall among these ${scores.length} is after rank ${step}: from ${decimal(scores[step - 1], 3)} to ${decimal(scores[step], 3)}.`,
    ),
  );
}

/**
 * Return how many scores stand before the largest fall.
 * @param {number[]} scores falling
 */
export function drop(scores) {
  let [most, before] = [-1, 1];
  for (let n = 1; n < scores.length; n += 1)
    if (scores[n - 1] - scores[n] > most) [most, before] = [scores[n - 1] - scores[n], n];
  return before;
}
