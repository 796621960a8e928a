// What the server knows of networks and experiments, and which of them is meant.
//
//   await everyNetwork()     rows of /api/v1/models/, asked once
//   await experiments(slug)  every row of /api/v1/experiments/?dataset=, asked once a dataset
//   await ofImage(id)        /api/v1/experiments/of-image/; the latest are kept
//   forget(slug)             ask again next time: something was computed meanwhile
//   match(rows, wanted)      the row of {model, layer, pooling, metric}, or the nearest that exists, or null
//   ofLayers(rows, network, {metric, pooling})
//                            the row of each layer of a network, or null
//   best(rows)               the row with the best score; without scores the last layer of the first network
//
// What asks the server throws what `call` throws (ApiError: a sentence for people).
/** @import { Configuration, Experiment, Found, ImageResults } from "../types.js" */
/** @import { Network, Page, ScoreName, Scores } from "../types.js" */
import { call } from "../api.js";
import { once } from "../once.js";
import { CONFIGURATION } from "./url-state.js";
import { siteAddress } from "../site.js";

/** @type {Record<string, string>} */
export const METRICS = {
  cosine: "Cosine",
  euclidean: "Euclidean",
  inner_product: "Inner product",
  manhattan: "Manhattan",
};
/** @type {Record<string, string>} */
export const POOLINGS = {
  average: "Average",
  max: "Max",
  gem: "GeM",
  pyramid: "Pyramid",
  flatten: "Flatten",
};
/**
 * The names of the three scores of an experiment's row.
 * @type {Record<ScoreName, string>}
 */
export const SCORES = {
  weighted_precision: "Weighted precision",
  precision: "Precision",
  map: "Mean average precision",
};
export const SCORE_NAMES = /** @type {ScoreName[]} */ (Object.keys(SCORES));
const PAGE = 500;
const IMAGES_KEPT = 40;

// --- what the server knows --------------------------------------------------------------------

/** @type {Map<string, Promise<any>>} */
const answers = new Map();

/**
 * Return every network that there is.
 * @returns {Promise<Network[]>}
 */
export const everyNetwork = () => once(answers, "networks", () => call(siteAddress("/api/v1/models/")));

/**
 * Return every experiment of a dataset.
 * @param {string} slug
 * @returns {Promise<Experiment[]>}
 */
export const experiments = (slug) =>
  once(answers, `experiments ${slug}`, () =>
    everyPage(siteAddress(`/api/v1/experiments/?page_size=${PAGE}&dataset=${encodeURIComponent(slug)}`)),
  );

/**
 * Return the rows of all pages of a list.
 * @template T
 * @param {string} address
 * @returns {Promise<T[]>}
 */
export async function everyPage(address) {
  /** @type {T[]} */
  const rows = [];
  /** @type {string | null} */
  let next = address;
  while (next) {
    /** @type {Page<T>} */
    const page = await call(next);
    rows.push(...page.results);
    // the server names its own host, which a proxy in front may have replaced
    const following = page.next ? new URL(page.next) : null;
    next = following && following.pathname + following.search;
  }
  return rows;
}

/**
 * Return what an image found in every experiment of its dataset; `found` holds the results by experiment.
 * @param {number} id
 * @returns {Promise<Found>}
 */
export function ofImage(id) {
  const key = `image ${id}`;
  const answer = once(answers, key, async () => {
    /** @type {ImageResults} */
    const found = await call(siteAddress(`/api/v1/experiments/of-image/?image=${id}`));
    return { ...found, found: new Map(found.results.map((result) => [result.experiment, result])) };
  });
  // the one asked for latest comes last: the first ones are let go
  if (answers.delete(key)) answers.set(key, answer);
  const kept = [...answers.keys()].filter((other) => other.startsWith("image "));
  for (const old of kept.slice(0, -IMAGES_KEPT)) answers.delete(old);
  return answer;
}

/**
 * Ask again for the experiments of a dataset, and for what images found in any.
 * @param {string} slug
 */
export function forget(slug) {
  for (const key of [...answers.keys()])
    if (key === `experiments ${slug}` || key.startsWith("image ")) answers.delete(key);
}

// --- choosing ---------------------------------------------------------------------------------

// what is given up first when the wanted combination was not computed: pooling, then metric, then layer
const WEIGHT = { model: 8, layer: 4, metric: 2, pooling: 1 };

/**
 * Return the row of these names, or the one that has most of them; null when the network has none at all.
 * @template {Configuration & Scores} Row
 * @param {Row[]} rows
 * @param {Partial<Configuration>} wanted
 * @returns {Row | null}
 */
export function match(rows, wanted) {
  /** @type {Row | null} */
  let found = null;
  let most = -1;
  for (const row of rows) {
    if (wanted.model && row.model !== wanted.model) continue;
    let points = 0;
    for (const name of CONFIGURATION) if (wanted[name] && row[name] === wanted[name]) points += WEIGHT[name];
    const better = (row.weighted_precision ?? -1) > (found?.weighted_precision ?? -1);
    if (points > most || (points === most && better)) {
      found = row;
      most = points;
    }
  }
  return found;
}

/**
 * Return the row of each layer of a network under a metric and a pooling, null where there is none.
 * @template {Configuration} Row
 * @param {Row[]} rows
 * @param {Pick<Network, "name" | "layers">} network
 * @param {Pick<Configuration, "metric" | "pooling">} wanted
 * @returns {(Row | null)[]}
 */
export function ofLayers(rows, network, { metric, pooling }) {
  const own = rows.filter(
    (row) => row.model === network.name && row.metric === metric && row.pooling === pooling,
  );
  return network.layers.map((layer) => own.find((row) => row.layer === layer.name) ?? null);
}

/**
 * Return the row with the best score, or of the first network's last layer where there are no scores.
 * @template {Configuration & Scores} Row
 * @param {Row[]} rows
 * @param {ScoreName} score
 * @returns {Row | null}
 */
export function best(rows, score = "weighted_precision") {
  const scored = rows.filter((row) => row[score] !== null);
  if (scored.length)
    return scored.reduce((top, row) => (Number(row[score]) > Number(top[score]) ? row : top));
  return rows.find((row) => row.layer === "top" && row.metric === "cosine") ?? rows[0] ?? null;
}
