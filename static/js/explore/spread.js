// How every image of the dataset does with the chosen network and layer, from the best to the worst: a bar
// for each, which pointing, tapping and the slider below say more of.
/** @import { Experiment, ScoredImages } from "../shared/types.js" */
/** @import { ExplorePage } from "./types.js" */
import { byId, elementIn, make, makeSvg } from "../shared/elements.js";
import { number, percent, plural } from "../shared/format.js";

const HIGH = 100;

/**
 * @param {ScoredImages} answer
 * @param {Experiment} row
 * @param {ExplorePage} page
 */
export function showSpread({ images, total }, row, page) {
  const body = byId("spread-body");
  const mean = row.weighted_precision ?? 0;
  if (!images.length) {
    body.textContent = "No image has a score.";
    return;
  }
  const chart = chartOf(
    images.map((image) => image.weighted_precision),
    mean,
  );
  const slider = make("input", {
    type: "range",
    min: 0,
    max: images.length - 1,
    step: 1,
    "aria-label": "Image, from the best to the worst",
  });
  const card = make("div", { class: "spread-card" });
  const show = () => {
    const image = images[Number(slider.value)];
    const words = `${number(image.rank)} of ${number(total)}, ${percent(100 * image.weighted_precision)} %`;
    slider.setAttribute("aria-valuetext", `${image.label}, ${image.filename}: ${words}`);
    for (const old of chart.querySelectorAll("[data-chosen]")) old.removeAttribute("data-chosen");
    chart.children[Number(slider.value)].setAttribute("data-chosen", "");
    card.replaceChildren(
      make("img", { src: image.thumbnail, alt: image.label, width: 84, height: 84, decoding: "async" }),
      make(
        "div",
        {},
        make("strong", {}, image.label),
        make("span", { class: "small muted named" }, image.filename),
        make("span", { class: "small number" }, words),
        make(
          "a",
          { class: "small", href: page.address({ image: image.id }), "data-image": image.id },
          "Search with it",
        ),
      ),
    );
  };
  /** @param {PointerEvent} event */
  const point = (event) => {
    const box = chart.getBoundingClientRect();
    slider.value = String(Math.floor(((event.clientX - box.left) / box.width) * images.length));
    show();
  };
  chart.addEventListener("pointermove", point);
  chart.addEventListener("pointerdown", point);
  // a finger that taps wants to see first
  chart.addEventListener("click", (event) => {
    if (!(event instanceof PointerEvent && event.pointerType === "touch")) elementIn(card, "a").click();
  });
  slider.addEventListener("input", show);
  const query = images.findIndex((image) => image.id === page.state.image);
  slider.value = String(query < 0 ? images.length - 1 : query);
  show();
  body.replaceChildren(
    make(
      "p",
      { class: "small muted" },
      `Weighted precision@${row.k} of ${total > images.length ? `${number(images.length)} of ${plural(total, "image")}, evenly chosen` : plural(total, "image")}, ` +
        `best first; the dashed line is the mean, ${percent(mean)} %. ` +
        "The worst are worth a look: sometimes it is the label that is wrong.",
    ),
    make("div", { class: "spread-chart" }, chart, slider),
    card,
  );
}

/**
 * @param {number[]} scores 0 to 1
 * @param {number} mean in percent
 */
function chartOf(scores, mean) {
  const svg = makeSvg("svg", {
    viewBox: `0 0 ${scores.length} ${HIGH}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  // what has no height at all could not be seen or marked
  const highs = scores.map((score) => Math.max(1, score * HIGH));
  svg.append(
    ...highs.map((high, x) => makeSvg("rect", { x, y: HIGH - high, width: 0.85, height: high })),
    makeSvg("line", { x1: 0, x2: scores.length, y1: HIGH - mean, y2: HIGH - mean }),
  );
  return svg;
}
