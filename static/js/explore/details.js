// What is looked at on demand: the strongest feature maps of the query, the scores of each category, who is
// confused with whom.
/** @import { CategoryScores, Confusion, Experiment } from "../shared/types.js" */
/** @import { ExperimentDetail, FeatureMaps } from "../shared/types.js" */
/** @import { ExplorePage } from "./types.js" */
import { call } from "../shared/api.js";
import { byId, make } from "../shared/elements.js";
import { METRICS, SCORE_NAMES, SCORES } from "../shared/experiments.js";
import { fail, hideFailure } from "../shared/failure.js";
import { decimal, number, percent, plural } from "../shared/format.js";
import { nameOf } from "./notices.js";
import { siteAddress } from "../shared/site.js";

const MAPS = 12;
const MOST_IN_MATRIX = 40;
const MOST_CONFUSIONS = 30;
/** @typedef {"maps" | "categories"} Disclosure */

// somebody who walks through the layers wants those of the last one only
const REST_MS = 180;
const KEPT = 60;
/** @type {Map<string, any>} */
const answers = new Map();
/** @type {Record<Disclosure, string>} */
const shown = { maps: "", categories: "" };
/** @type {Partial<Record<Disclosure, ReturnType<typeof setTimeout>>>} */
const timers = {};
/** @type {ExplorePage | null} */
let page = null;

/**
 * Bring the open disclosures in step with the state.
 * @param {ExplorePage} current
 */
export function showDetails(current) {
  if (!page)
    for (const id of ["maps", "categories"])
      byId(id).addEventListener("toggle", () => page && showDetails(page));
  page = current;
  const { row, state } = page;
  showMeans(row);
  const network = page.networks.find((candidate) => candidate.name === state.model);
  byId("maps").hidden = state.image === null || !network?.available || !state.layer;
  byId("maps-of").textContent = `${nameOf(page, state.model)}, ${state.layer}`;
  byId("categories").hidden = !row || row.weighted_precision === null;
  byId("categories-of").textContent = row
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
    showCategories,
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
 * @param {Disclosure} id
 * @param {string | null} address
 * @param {(answer: Answer) => void} show
 */
function follow(id, address, show) {
  const disclosure = byId(id, HTMLDetailsElement);
  if (!disclosure.open || disclosure.hidden || !address || shown[id] === address) return;
  clearTimeout(timers[id]);
  shown[id] = address;
  /** @param {Answer} answer */
  const finish = (answer) => {
    if (shown[id] !== address) return;
    disclosure.removeAttribute("aria-busy");
    hideFailure(byId(`${id}-failure`));
    show(answer);
  };
  if (answers.has(address)) {
    finish(answers.get(address));
    return;
  }
  disclosure.setAttribute("aria-busy", "true");
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
      disclosure.removeAttribute("aria-busy");
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

// --- categories -------------------------------------------------------------------------------

/** @param {ExperimentDetail} answer */
function showCategories({ categories, confusion, k }) {
  const order = [...categories].sort(
    (one, other) => Number(other.weighted_precision) - Number(one.weighted_precision),
  );
  /** @type {HTMLElement[]} */
  const parts = [scoresTable(order, k)];
  if (categories.length <= MOST_IN_MATRIX)
    parts.push(
      matrix(
        categories.map((category) => category.name),
        confusion,
        k,
      ),
    );
  else parts.push(largest(confusion, k));
  byId("categories-body").replaceChildren(...parts);
}

/**
 * @param {CategoryScores[]} categories
 * @param {number} k
 */
function scoresTable(categories, k) {
  const head = [
    "Category",
    "Pictures",
    `Weighted precision@${k}`,
    `Precision@${k}`,
    "Mean average precision",
  ];
  const rows = categories.map((category) => {
    const bar = make("span", { class: "share", "aria-hidden": "true" });
    bar.style.setProperty("--share", String((category.weighted_precision ?? 0) / 100));
    return make(
      "tr",
      { "data-current": category.name === page?.answer?.image.label || null },
      make("th", { scope: "row" }, category.name || "no category"),
      make("td", { class: "end" }, number(category.images)),
      make(
        "td",
        { class: "end" },
        make("span", { class: "share-row" }, bar, percent(category.weighted_precision)),
      ),
      make("td", { class: "end" }, percent(category.precision)),
      make("td", { class: "end" }, percent(category.map)),
    );
  });
  return make(
    "div",
    {
      class: "table-wrap category-scores",
      tabindex: 0,
      role: "region",
      "aria-label": "Scores of each category",
    },
    make(
      "table",
      {},
      make(
        "thead",
        {},
        make(
          "tr",
          {},
          ...head.map((title, index) => make("th", { scope: "col", class: index ? "end" : null }, title)),
        ),
      ),
      make("tbody", {}, ...rows),
    ),
  );
}

/** @param {Confusion[]} confusion */
const countsOf = (confusion) =>
  new Map(
    confusion.map(({ category, neighbours }) => [
      category,
      new Map(neighbours.map((neighbour) => [neighbour.category, neighbour.count])),
    ]),
  );

/**
 * @param {string[]} names
 * @param {Confusion[]} confusion
 * @param {number} k
 */
function matrix(names, confusion, k) {
  const counts = countsOf(confusion);
  const title = `Which categories the first ${k} neighbours come from`;
  const heads = names.map((name) => make("th", { scope: "col", class: "tilted" }, make("span", {}, name)));
  const rows = names.map((name) => {
    const row = counts.get(name) ?? new Map();
    const total = [...row.values()].reduce((sum, count) => sum + count, 0);
    return make(
      "tr",
      { "data-current": name === page?.answer?.image.label || null },
      make("th", { scope: "row" }, name),
      ...names.map((other) => heatCell(name, other, row.get(other) ?? 0, total)),
    );
  });
  return make(
    "figure",
    { class: "confusion" },
    make(
      "figcaption",
      { class: "small muted" },
      `${title}, in percent: one row for the category of the query, one column for that of the neighbour.`,
    ),
    make(
      "div",
      { class: "matrix-wrap", tabindex: 0, role: "region", "aria-label": title },
      make(
        "table",
        { class: "matrix" },
        make("thead", {}, make("tr", {}, make("td", {}), ...heads)),
        make("tbody", {}, ...rows),
      ),
    ),
  );
}

/**
 * @param {string} name
 * @param {string} other
 * @param {number} count
 * @param {number} total
 */
function heatCell(name, other, count, total) {
  const share = total ? count / total : 0;
  const words = `${name} found ${other}: ${number(count)} of ${number(total)}`;
  const cell = make(
    "td",
    { title: words, "data-right": name === other, "data-dark": share > 0.5 || null },
    count ? String(Math.round(100 * share) || "<1") : make("span", { class: "visually-hidden" }, "0"),
  );
  cell.style.setProperty("--share", String(share ? 0.12 + 0.88 * share : 0));
  return cell;
}

/**
 * @param {Confusion[]} confusion
 * @param {number} k
 */
function largest(confusion, k) {
  const pairs = confusion.flatMap(({ category, neighbours }) => {
    const total = neighbours.reduce((sum, neighbour) => sum + neighbour.count, 0);
    return neighbours
      .filter((neighbour) => neighbour.category !== category)
      .map((neighbour) => ({
        from: category,
        to: neighbour.category,
        count: neighbour.count,
        share: neighbour.count / total,
      }));
  });
  pairs.sort((one, other) => other.share - one.share);
  const rows = pairs
    .slice(0, MOST_CONFUSIONS)
    .map((pair) =>
      make(
        "li",
        {},
        make("strong", {}, pair.from),
        " found ",
        make("strong", {}, pair.to),
        make(
          "span",
          { class: "muted number" },
          ` ${decimal(100 * pair.share, 1)} % of the first ${k}, ${plural(pair.count, "time")}`,
        ),
      ),
    );
  return make(
    "figure",
    { class: "confusion" },
    make(
      "figcaption",
      { class: "small muted" },
      `The largest ${rows.length} of ${plural(pairs.length, "confusion")}: `,
      "the share of its neighbours that a category finds in another one.",
    ),
    make("ol", { class: "confusions" }, ...rows),
  );
}
