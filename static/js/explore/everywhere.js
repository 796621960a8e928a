// How the image that searches fares with every network and layer, by the chosen distance and pooling: a bar
// for each layer, numbered from the first; the best of all and the best of each network are marked.
/** @import { Experiment, Layer, Network } from "../shared/types.js" */
/** @import { ExplorePage } from "./types.js" */
import { byId, make } from "../shared/elements.js";
import { METRICS, POOLINGS } from "../shared/experiments/experiments.js";
import { decimal, percent, plural } from "../shared/format.js";

/**
 * How the image fares with one layer, 0 to 1; `row` is the experiment.
 * @typedef {object} Fared
 * @property {Network} network
 * @property {Layer} layer
 * @property {Experiment} row
 * @property {number} score
 */

/**
 * Return how the image fares with each layer of each network, in their order.
 * @param {Pick<ExplorePage, "networks" | "rows" | "answer" | "state">} page
 * @returns {Fared[]}
 */
export function faredOf({ networks, rows, answer, state }) {
  if (!answer?.image.label) return [];
  const asked = rows.filter((row) => row.metric === state.metric && row.pooling === state.pooling);
  return networks.flatMap((network) =>
    network.layers.flatMap((layer) => {
      const row = asked.find((one) => one.model === network.name && one.layer === layer.name);
      const score = row && answer.found.get(row.id)?.weighted_precision;
      return row && typeof score === "number" ? [{ network, layer, row, score }] : [];
    }),
  );
}

/**
 * Return those with the best score, all that share it.
 * @param {Fared[]} fared
 */
export function bestOf(fared) {
  const most = Math.max(...fared.map((one) => one.score));
  return fared.filter((one) => one.score > most - 1e-6);
}

/**
 * Show the bars, once the disclosure is open; its summary names the best at all times.
 * @param {ExplorePage} page
 */
export function showEverywhere(page) {
  const fared = faredOf(page);
  const disclosure = byId("everywhere", HTMLDetailsElement);
  disclosure.hidden = fared.length < 2;
  if (disclosure.hidden) return;
  const best = bestOf(fared);
  byId("everywhere-of").textContent = `best: ${inWords(best[0])}`;
  if (!disclosure.open) return;
  const { metric, pooling } = page.state;
  const others = best.length - 1;
  byId("everywhere-words").textContent =
    `Weighted precision@${fared[0].row.k} of this image alone, by ${METRICS[metric].toLowerCase()} and ` +
    `${POOLINGS[pooling].toLowerCase()} pooling; the small line is the mean of the dataset, and bold is the best of a network. ` +
    `★ ${inWords(best[0])}${others ? `, and ${plural(others, "other")} as good` : ""}.`;
  const networks = [...new Set(fared.map((one) => one.network))];
  byId("everywhere-list").replaceChildren(
    ...networks.map((network) => {
      const own = fared.filter((one) => one.network === network);
      const bestOwn = bestOf(own);
      const most = make("span", { class: "muted number" }, `best ${percent(100 * bestOwn[0].score)} %`);
      const bars = own.map((one) => bar(page, one, best.includes(one), bestOwn.includes(one)));
      return make(
        "li",
        {},
        make("h3", {}, `${network.title}, `, most),
        make("ol", { class: "fared" }, ...bars),
      );
    }),
  );
}

/** @param {Fared} fared */
const inWords = ({ network, layer, score }) => `${network.title}, ${layer.name}, ${percent(100 * score)} %`;

/**
 * @param {ExplorePage} page
 * @param {Fared} fared
 * @param {boolean} isBest of all
 * @param {boolean} isBestOwn of its network
 */
function bar(page, fared, isBest, isBestOwn) {
  const { network, layer, row, score } = fared;
  const mean = row.weighted_precision;
  const ownRank = isBestOwn ? ", the best of this network" : "";
  const rank = isBest ? ", the best" : ownRank;
  const link = make(
    "a",
    {
      href: page.address({ model: network.name, layer: layer.name }),
      "data-model": network.name,
      "data-layer": layer.name,
      "data-best": isBest,
      "data-best-own": isBestOwn,
      "aria-current": row === page.row && "true",
      title: `${inWords(fared)}; mean of the dataset ${percent(mean)} %`,
    },
    make("span", { class: "visually-hidden" }, `${layer.name}${rank}: `),
    make("span", { class: "fared-score number" }, decimal(100 * score, 0)),
    make("span", { class: "fared-bar", "aria-hidden": "true" }),
    make("span", { class: "number", "aria-hidden": "true" }, String(network.layers.indexOf(layer) + 1)),
  );
  link.style.setProperty("--score", String(score));
  link.style.setProperty("--mean", String((mean ?? 0) / 100));
  return make("li", {}, link);
}
