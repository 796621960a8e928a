// Why weighted precision is strict: two images on the screen that look alike and have different labels, and
// what that costs. Without such a pair the example is drawn.
/** @import { Draw, ShownNeighbour } from "../types.js" */
import { make, makeSvg } from "../../shared/elements.js";
import { number, percent } from "../../shared/format.js";

/** @type {Draw} */
export function draw(figure, { image, found, k }) {
  const wrong = image?.label ? found.findIndex((one) => one.label && one.label !== image.label) : -1;
  const rank = wrong < 0 ? 1 : wrong + 1;
  const pair = wrong < 0 || !image ? example() : shown(image, found[wrong]);
  const total = (k * (k + 1)) / 2;
  const weight = k - rank + 1;
  figure.replaceChildren(
    make("div", { class: "pair" }, ...pair),
    ladder(k, rank),
    make(
      "figcaption",
      { class: "small muted number" },
      wrong < 0
        ? "To a network both are nearly the same. But they are filed apart, "
        : "They look alike to this layer, but they are filed apart, ",
      `so the neighbour at rank ${rank} is wrong. It costs its weight, ${weight} of ${number(total)}: `,
      make("strong", {}, `${percent((100 * weight) / total)} points`),
      `. Further down, at rank ${k}, it would have cost ${percent(100 / total)}.`,
    ),
  );
}

/**
 * @param {{ thumbnail: string, name: string, label: string }} query
 * @param {ShownNeighbour} neighbour
 */
const shown = (query, neighbour) =>
  [query, neighbour].map((one) =>
    make(
      "div",
      {},
      make("img", { src: one.thumbnail, alt: one.name, width: 96, height: 96 }),
      make("strong", {}, one.label),
    ),
  );

/** Two cars that differ in nothing but their label. */
const example = () =>
  ["car", "taxi"].map((label) =>
    make(
      "div",
      {},
      makeSvg(
        "svg",
        { class: "car", viewBox: "0 0 96 96", role: "img", "aria-label": `A ${label}` },
        makeSvg("path", { d: "M12 62V50l10-3 9-14h30l11 14 12 4v11z" }),
        label === "taxi" ? makeSvg("path", { d: "M38 33v-7h14v7z" }) : null,
        makeSvg("circle", { cx: 30, cy: 63, r: 8 }),
        makeSvg("circle", { cx: 68, cy: 63, r: 8 }),
      ),
      make("strong", {}, label),
    ),
  );

/**
 * The weights of all ranks, the wrong one marked.
 * @param {number} k
 * @param {number} wrong
 */
function ladder(k, wrong) {
  const bars = make("div", { class: "weights", "aria-hidden": "true" });
  bars.style.setProperty("--k", String(k));
  for (let rank = 1; rank <= k; rank += 1) {
    const bar = make(
      "span",
      { class: "weight", "data-right": rank !== wrong },
      k <= 20 ? String(k - rank + 1) : "",
    );
    bar.style.setProperty("--weight", String((k - rank + 1) / k));
    bars.append(bar);
  }
  return bars;
}
