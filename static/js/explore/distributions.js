// How the scores of all images are distributed with each layer of the chosen network, side by side over one
// axis: as wide as many images have about that score. A layer is a link that chooses it.
/** @import { Experiment, Network, ScoreDistribution, ScoreDistributions } from "../shared/types.js" */
/** @import { ExplorePage } from "./types.js" */
import { byId, elementsIn, make, makeSvg } from "../shared/elements.js";
import { METRICS, ofLayers, POOLINGS } from "../shared/experiments/experiments.js";
import { decimal, percent, plural } from "../shared/format.js";
import { siteAddress } from "../shared/site.js";

// of ten neighbours there are 56 scores: five to a bin, and the perfect one in the last
const BINS = 11;
const HIGH = 100;

/**
 * The experiments of the chosen network's layers, as they were when they were asked for.
 * @typedef {object} Compared
 * @property {Network} network
 * @property {(Experiment | null)[]} rows one a layer
 */

/**
 * Return what is compared; null where nothing was computed with the chosen network.
 * @param {ExplorePage} page
 * @returns {Compared | null}
 */
export function comparedOf({ networks, rows, state }) {
  const network = networks.find((one) => one.name === state.model);
  const own = network ? ofLayers(rows, network, state) : [];
  return network && own.some(Boolean) ? { network, rows: own } : null;
}

/**
 * Return where its distributions are asked for.
 * @param {Compared} compared
 */
export function distributionsAddress({ rows }) {
  const there = rows.filter((row) => row !== null);
  const { dataset, model, pooling, metric } = there[0];
  const computed =
    there
      .map((row) => row.computed_at)
      .sort()
      .at(-1) ?? "";
  const asked = new URLSearchParams({ dataset, model, pooling, metric, computed });
  return siteAddress(`/api/v1/experiments/score-distributions/?${asked}`);
}

/**
 * Return the share of the images whose score is in each of the bins, the lowest first.
 * @param {ScoreDistribution["scores"]} scores
 */
export function binsOf(scores) {
  const images = scores.reduce((sum, [, count]) => sum + count, 0);
  const bins = Array.from({ length: BINS }, () => 0);
  // a score at the edge of a bin may be a hair below it
  for (const [score, count] of scores)
    bins[Math.min(BINS - 1, Math.floor(score * BINS + 1e-4))] += count / images;
  return bins;
}

/**
 * @param {ScoreDistributions} answer
 * @param {Compared} compared
 * @param {ExplorePage} page
 */
export function showDistributions(answer, { network, rows }, page) {
  const found = rows.map(
    (row) => answer.layers.find((one) => one.experiment === row?.id && one.images) ?? null,
  );
  const bins = found.map((one) => one && binsOf(one.scores));
  const most = Math.max(...bins.flatMap((shares) => shares ?? []));
  byId("distributions-words").textContent =
    `Weighted precision of all images with each layer of ${network.title} (${METRICS[answer.metric].toLowerCase()}, ` +
    `${POOLINGS[answer.pooling].toLowerCase()} pooling): a shape is wide where many images are. The solid line and ` +
    `the figure are the median, the dashed line is the mean.`;
  byId("distributions-list").replaceChildren(
    ...network.layers.map(({ name }, place) => {
      const [one, shares] = [found[place], bins[place]];
      const widths = shares?.map((share) => share / most);
      return make("li", {}, one && widths ? strip(page, one, widths) : gap(name));
    }),
  );
  markDistribution(page);
}

/**
 * Mark the chosen layer, and say of it in words what is drawn.
 * @param {ExplorePage} page
 */
export function markDistribution({ state }) {
  const links = elementsIn(byId("distributions-list"), "a");
  for (const link of links) {
    if (link.dataset.layer === state.layer) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  byId("distributions-chosen").textContent =
    links.find((link) => link.dataset.layer === state.layer)?.title ?? "";
}

/**
 * @param {ExplorePage} page
 * @param {ScoreDistribution} distribution
 * @param {number[]} widths of its bins, the widest of all layers being 1
 */
function strip(page, { layer, images, mean, median, scores }, widths) {
  const perfect = scores.filter(([score]) => score > 1 - 1e-6).reduce((sum, [, count]) => sum + count, 0);
  const middle = `median ${percent(median)} %, mean ${percent(mean)} %`;
  const finding = plural(perfect, "image finds", "images find");
  const words = `${layer}: ${middle} of ${plural(images, "image")}; ${finding} only their own kind`;
  return make(
    "a",
    { href: page.address({ layer }), "data-layer": layer, title: words },
    make("span", { class: "visually-hidden" }, words),
    make("span", { class: "number", "aria-hidden": "true" }, decimal(Number(median), 0)),
    shape(widths, Number(median), Number(mean)),
    make("span", { class: "distribution-layer", "aria-hidden": "true" }, layer),
  );
}

/**
 * A layer that nothing was computed with.
 * @param {string} layer
 */
const gap = (layer) =>
  make(
    "span",
    { class: "distribution-gap", title: `${layer}: not computed` },
    make("span", { class: "visually-hidden" }, `${layer}: `),
    make("span", { class: "muted" }, "not computed"),
    make("span", { class: "distribution-layer", "aria-hidden": "true" }, layer),
  );

/**
 * @param {number[]} widths of the bins, 0 to 1, the lowest score first
 * @param {number} median
 * @param {number} mean in percent
 */
function shape(widths, median, mean) {
  const svg = makeSvg("svg", {
    viewBox: `0 0 100 ${HIGH}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  const high = HIGH / BINS;
  const bars = widths.map((width, bin) =>
    makeSvg("rect", {
      x: 50 - 46 * width,
      y: HIGH - (bin + 1) * high,
      width: 92 * width,
      height: high,
    }),
  );
  /**
   * @param {string} name
   * @param {number} score
   */
  const line = (name, score) =>
    makeSvg("line", { class: name, x1: 0, x2: 100, y1: HIGH - score, y2: HIGH - score });
  svg.append(...bars, line("distribution-mean", mean), line("distribution-median", median));
  return svg;
}
