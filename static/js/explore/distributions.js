// How the scores of all images are distributed with each layer of the chosen network, side by side over one
// axis: as wide as many images have about that score. A layer is a link that chooses it.
/** @import { Experiment, Network, ScoreDistribution, ScoreDistributions } from "../shared/types.js" */
/** @import { ExplorePage } from "./types.js" */
import { byId, elementsIn, make, makeSvg } from "../shared/elements.js";
import { METRICS, POOLINGS } from "../shared/experiments.js";
import { decimal, percent, plural } from "../shared/format.js";
import { siteAddress } from "../shared/site.js";

// of ten neighbours there are 56 scores: five to a bin, and the perfect one in the last
const BINS = 11;
const HIGH = 100;

/**
 * Return the experiment of each layer of a network under the chosen distance and pooling, null where there is
 * none.
 * @param {Pick<ExplorePage, "rows" | "state">} page
 * @param {Network} network
 * @returns {(Experiment | null)[]}
 */
function rowsOf({ rows, state }, network) {
  const asked = rows.filter(
    (row) => row.model === network.name && row.metric === state.metric && row.pooling === state.pooling,
  );
  return network.layers.map((layer) => asked.find((row) => row.layer === layer.name) ?? null);
}

/** @param {ExplorePage} page */
const networkOf = ({ networks, state }) => networks.find((network) => network.name === state.model);

/**
 * Return where the distributions of the chosen network are asked for; null where none was computed.
 * @param {ExplorePage} page
 */
export function distributionsAddress(page) {
  const network = networkOf(page);
  const times = (network ? rowsOf(page, network) : []).flatMap((row) => (row ? [row.computed_at] : []));
  if (!times.length) return null;
  const { dataset, model, pooling, metric } = page.state;
  const computed = times.reduce((latest, time) => (time > latest ? time : latest));
  return siteAddress(
    `/api/v1/experiments/score-distributions/?${new URLSearchParams({ dataset, model, pooling, metric, computed })}`,
  );
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
 * @param {ExplorePage} page
 */
export function showDistributions(answer, page) {
  const network = networkOf(page);
  if (!network) return;
  const found = rowsOf(page, network).map(
    (row) => answer.layers.find((one) => one.experiment === row?.id && one.images) ?? null,
  );
  const bins = found.map((one) => one && binsOf(one.scores));
  const most = Math.max(...bins.flatMap((shares) => shares ?? []));
  const { metric, pooling } = page.state;
  byId("distributions-words").textContent =
    `Weighted precision of all images with ${plural(network.layers.length, "layer")} of ${network.title}, ` +
    `${METRICS[metric].toLowerCase()}, ${POOLINGS[pooling].toLowerCase()} pooling. A shape is as wide as many ` +
    `images have that score; the solid line and the figure are the median, the dashed line the mean.`;
  byId("distributions-list").replaceChildren(
    ...network.layers.map(({ name }, place) => {
      const [one, shares] = [found[place], bins[place]];
      return make("li", {}, one && shares ? strip(page, one, shares.map((share) => share / most)) : gap(name));
    }),
  );
  markDistribution(page);
}

/**
 * Mark the chosen layer.
 * @param {ExplorePage} page
 */
export function markDistribution({ state }) {
  const list = byId("distributions-list");
  for (const link of elementsIn(list, "a")) {
    if (link.dataset.layer === state.layer) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

/**
 * @param {ExplorePage} page
 * @param {ScoreDistribution} distribution
 * @param {number[]} widths of its bins, the widest of all layers being 1
 */
function strip(page, { layer, images, mean, median, scores }, widths) {
  const perfect = scores.filter(([score]) => score > 1 - 1e-6).reduce((sum, [, count]) => sum + count, 0);
  const middle = `median ${percent(100 * Number(median))} %, mean ${percent(100 * Number(mean))} %`;
  const finding = plural(perfect, "image finds", "images find");
  const words = `${layer}: ${middle} of ${plural(images, "image")}; ${finding} only their own kind`;
  return make(
    "a",
    { href: page.address({ layer }), "data-layer": layer, title: words },
    make("span", { class: "visually-hidden" }, words),
    make("span", { class: "number", "aria-hidden": "true" }, decimal(100 * Number(median), 0)),
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
 * @param {number} mean 0 to 1
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
    makeSvg("line", { class: name, x1: 0, x2: 100, y1: HIGH * (1 - score), y2: HIGH * (1 - score) });
  svg.append(...bars, line("distribution-mean", mean), line("distribution-median", median));
  return svg;
}
