// The chosen configuration: its figures, its score in each category, and the ways on from it.
/** @import { CategoryScores, ExperimentDetail, ScoreName } from "../shared/types.js" */
/** @import { BoardRow, BoardState, DetailOptions } from "./types.js" */
import { call } from "../shared/api.js";
import { byId, elementsIn, make } from "../shared/elements.js";
import { METRICS, POOLINGS, SCORE_NAMES, SCORES } from "../shared/experiments/experiments.js";
import { fail } from "../shared/failure.js";
import { number, percent, plural } from "../shared/format.js";
import { once } from "../shared/once.js";
import { addressOf, configurationOf } from "../shared/experiments/url-state.js";
import { bytes, ms, named, SHORT_SCORES } from "./figures.js";
import { showPromotion } from "./promote.js";
import { siteAddress } from "../shared/site.js";

/** @type {Map<string, Promise<any>>} */
const details = new Map();
/** @type {number | null} */
let shown = null;

/** Let the next showing ask again. */
export function forgetDetails() {
  details.clear();
}

/**
 * @param {number} id
 * @returns {Promise<ExperimentDetail>}
 */
function detailOf(id) {
  return once(details, String(id), () => call(siteAddress(`/api/v1/experiments/${id}/`)));
}

/**
 * @param {string} name
 * @param {string} value
 * @param {string | null} full
 */
function figure(name, value, full = null) {
  return make("div", {}, make("dt", { title: full }, name), make("dd", {}, value));
}

/** @param {BoardRow} row */
function figuresOf(row) {
  const scores = SCORE_NAMES.filter((score) => row[score] !== null);
  return make(
    "dl",
    { class: "chosen-figures number" },
    ...scores.map((score) => figure(SHORT_SCORES[score], percent(row[score]), SCORES[score])),
    figure("Dimensions", number(row.dims)),
    figure("A vector", bytes(row.bytes_per_vector)),
    figure("An image", ms(row.extract_ms)),
  );
}

/**
 * @param {BoardRow} row
 * @param {BoardRow | null} best
 * @param {BoardState} state
 */
function waysOn(row, best, state) {
  const { explore, compare } = byId("board").dataset;
  const configuration = configurationOf(row);
  const links = [
    make(
      "a",
      { class: "button", href: addressOf({ ...state, ...configuration }, { path: explore }) },
      "Explore it",
    ),
  ];
  if (best && best !== row) {
    links.push(
      make(
        "a",
        {
          class: "button",
          href: addressOf({ ...state, ...configuration }, { other: best, path: compare }),
        },
        "Compare with the best",
      ),
    );
  }
  return links;
}

/**
 * @param {CategoryScores} category
 * @param {ScoreName} score
 */
function categoryLine(category, score) {
  const bar = make("span", { class: "category-bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", String((category[score] ?? 0) / 100));
  return make(
    "li",
    {},
    make(
      "span",
      { class: "category-name", title: plural(category.images, "image") },
      category.name || "no category",
    ),
    bar,
    make("span", { class: "number category-score" }, percent(category[score])),
  );
}

/**
 * @param {HTMLElement} root
 * @param {CategoryScores[]} categories
 * @param {ScoreName} score
 */
function showCategories(root, categories, score) {
  const scored = categories.filter((category) => category[score] !== null);
  if (!scored.length) return;
  const lines = scored.toSorted(
    (one, other) => Number(other[score]) - Number(one[score]) || one.name.localeCompare(other.name),
  );
  root.replaceChildren(
    make("h3", {}, `${SHORT_SCORES[score]} by category`),
    make("ol", { class: "categories" }, ...lines.map((line) => categoryLine(line, score))),
  );
}

/**
 * Show a row; `options` are those of the promotion, with `state`, `score` and `best`.
 * @param {HTMLElement} root
 * @param {BoardRow} row
 * @param {DetailOptions} options
 */
export async function showChosen(root, row, options) {
  const { state, score, best, count } = options;
  const anew = shown !== row.experiment;
  shown = row.experiment;
  /** @param {string} name */
  const kept = (name) =>
    (anew ? undefined : elementsIn(root, `.${name}`).at(0)) ?? make("div", { class: name });
  const [promotion, categories] = [kept("chosen-live"), kept("chosen-categories")];
  const ranked =
    row.rank && row[score] !== null ? `Rank ${row.rank} of ${number(count)}` : "Chosen configuration";
  const marks = [
    row.live ? make("span", { class: "flag live" }, "live now") : null,
    row.front ? make("span", { class: "flag front" }, "Pareto") : null,
    row.baseline ? make("span", { class: "flag" }, "baseline") : null,
  ];
  root.replaceChildren(
    make(
      "header",
      { class: "chosen-head" },
      make(
        "div",
        {},
        make("p", { class: "small muted number" }, ranked),
        make(
          "h2",
          { id: "chosen-title" },
          row.title,
          " ",
          make("span", { class: "muted" }, row.layer),
          ...marks.flatMap((one) => (one ? [" ", one] : [])),
        ),
        make(
          "p",
          { class: "small muted" },
          row.layer_position ? `Layer ${row.layer_position}, ` : "",
          `${named(POOLINGS, row.pooling)} pooling, ${named(METRICS, row.metric)}`.toLowerCase(),
        ),
      ),
      make("div", { class: "actions" }, ...waysOn(row, best, state)),
    ),
    figuresOf(row),
    promotion,
    categories,
  );
  showPromotion(promotion, row, options);
  try {
    const detail = await detailOf(row.experiment);
    if (shown === row.experiment) showCategories(categories, detail.categories, score);
  } catch (error) {
    if (shown !== row.experiment) return;
    const failure = make("p", { class: "notice plain" });
    fail(error, failure);
    categories.replaceChildren(failure);
  }
}
