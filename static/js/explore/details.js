// What is looked at on demand: how the query fares with every network and layer, how every image does with
// each layer of the chosen network and with the chosen one, the strongest feature maps of the query, the
// scores of each category.
/** @import { Experiment, ExperimentDetail, FeatureMaps } from "../shared/types.js" */
/** @import { ScoreDistributions, ScoredImages } from "../shared/types.js" */
/** @import { ExplorePage } from "./types.js" */
import { call } from "../shared/api.js";
import { byId, make } from "../shared/elements.js";
import { METRICS, SCORE_NAMES, SCORES } from "../shared/experiments/experiments.js";
import { fail, hideFailure } from "../shared/failure.js";
import { percent, plural } from "../shared/format.js";
import { showCategories } from "./categories.js";
import { comparedOf, distributionsAddress, markDistribution, showDistributions } from "./distributions.js";
import { showEverywhere } from "./everywhere.js";
import { nameOf } from "./notices.js";
import { siteAddress } from "../shared/site.js";
import { showSpread } from "./spread.js";

const MAPS = 12;
const IMAGES = 200;
/** @typedef {"maps" | "categories" | "spread" | "distributions"} Followed a disclosure, or a part of one */

// somebody who walks through the layers wants those of the last one only
const REST_MS = 180;
const KEPT = 60;
/** @type {Map<string, any>} */
const answers = new Map();
/** @type {Record<Followed, string>} */
const shown = { maps: "", categories: "", spread: "", distributions: "" };
/** @type {Partial<Record<Followed, ReturnType<typeof setTimeout>>>} */
const timers = {};
/** @type {ExplorePage | null} */
let page = null;

/**
 * Bring the open disclosures in step with the state.
 * @param {ExplorePage} current
 */
export function showDetails(current) {
  if (!page)
    for (const id of ["everywhere", "spread", "maps", "categories"])
      byId(id).addEventListener("toggle", () => page && showDetails(page));
  page = current;
  const { row, state } = page;
  showMeans(row);
  showEverywhere(page);
  const network = page.networks.find((candidate) => candidate.name === state.model);
  byId("maps").hidden = state.image === null || !network?.available || !state.layer;
  byId("maps-of").textContent = `${nameOf(page, state.model)}, ${state.layer}`;
  byId("categories").hidden = !row || row.weighted_precision === null;
  byId("spread").hidden = byId("categories").hidden;
  for (const id of ["categories-of", "spread-of"])
    byId(id).textContent = row
      ? `${nameOf(page, row.model)}, ${row.layer}, ${METRICS[row.metric].toLowerCase()}`
      : "";
  const { model, layer, image } = state;
  follow(
    "maps",
    siteAddress(
      `/api/v1/models/${encodeURIComponent(model)}/layers/${encodeURIComponent(layer)}/feature-maps/?image=${image}&count=${MAPS}`,
    ),
    showMaps,
  );
  follow(
    "categories",
    row && siteAddress(`/api/v1/experiments/${row.id}/?computed=${encodeURIComponent(row.computed_at)}`),
    (/** @type {ExperimentDetail} */ answer) => showCategories(answer, current.answer?.image.label),
  );
  markDistribution(current);
  const compared = comparedOf(current);
  follow(
    "distributions",
    compared && distributionsAddress(compared),
    (/** @type {ScoreDistributions} */ answer) => compared && showDistributions(answer, compared, current),
  );
  follow(
    "spread",
    row &&
      siteAddress(
        `/api/v1/experiments/${row.id}/image-scores/?count=${IMAGES}&computed=${encodeURIComponent(row.computed_at)}`,
      ),
    (/** @type {ScoredImages} */ answer) => row && showSpread(answer, row, current),
  );
}

/** @param {Experiment | null} row */
function showMeans(row) {
  const means = byId("means");
  means.hidden = !row || row.weighted_precision === null || page?.state.image !== null;
  if (means.hidden || !row) return;
  const scores = SCORE_NAMES.map((name) =>
    make(
      "span",
      { class: "mean" },
      make("strong", { class: "number" }, `${percent(row[name])} %`),
      ` ${SCORES[name].toLowerCase()}${name === "map" ? "" : `@${row.k}`}`,
    ),
  );
  means.replaceChildren(make("span", {}, `Mean of ${plural(row.images, "query", "queries")}: `), ...scores);
}

/**
 * Ask for what an open disclosure shows, once it rests, and show it; answers are kept.
 * @template Answer
 * @param {Followed} id
 * @param {string | null} address
 * @param {(answer: Answer) => void} show
 */
function follow(id, address, show) {
  const part = byId(id);
  const disclosure = part.closest("details");
  if (!disclosure?.open || disclosure.hidden || !address || shown[id] === address) return;
  clearTimeout(timers[id]);
  shown[id] = address;
  /** @param {Answer} answer */
  const finish = (answer) => {
    if (shown[id] !== address) return;
    part.removeAttribute("aria-busy");
    hideFailure(byId(`${id}-failure`));
    show(answer);
  };
  if (answers.has(address)) {
    finish(answers.get(address));
    return;
  }
  part.setAttribute("aria-busy", "true");
  timers[id] = setTimeout(async () => {
    try {
      /** @type {Answer} */
      const answer = await call(address);
      answers.set(address, answer);
      for (const old of [...answers.keys()].slice(0, -KEPT)) answers.delete(old);
      finish(answer);
    } catch (error) {
      if (shown[id] !== address) return;
      shown[id] = "";
      part.removeAttribute("aria-busy");
      fail(error, byId(`${id}-failure`));
    }
  }, REST_MS);
}

// --- feature maps -----------------------------------------------------------------------------

/** @param {FeatureMaps} answer */
function showMaps({ maps, shape }) {
  byId("map-list").replaceChildren(
    ...maps.map((map) =>
      make(
        "li",
        {},
        make("img", {
          src: map.picture,
          alt: `Channel ${map.channel}`,
          width: 112,
          height: 112,
          decoding: "async",
        }),
        make(
          "span",
          { class: "small number" },
          `#${map.channel} `,
          make("span", { class: "muted", title: "Mean activation" }, map.mean.toPrecision(3)),
        ),
      ),
    ),
  );
  byId("maps-of").textContent +=
    `: ${maps.length} of ${plural(shape[2], "channel")}, ${shape[0]} × ${shape[1]} each`;
}
