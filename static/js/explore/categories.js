// The scores of each category of an experiment, and which categories are confused with which.
/** @import { CategoryScores, Confusion, ExperimentDetail } from "../shared/types.js" */
import { byId, make } from "../shared/elements.js";
import { decimal, number, percent, plural } from "../shared/format.js";

const MOST_IN_MATRIX = 40;
const MOST_CONFUSIONS = 30;
/** The category of the query, whose row is marked; undefined while there is none. */
let current = /** @type {string | undefined} */ (undefined);

/**
 * Show the scores of the categories.
 * @param {ExperimentDetail} answer
 * @param {string | undefined} ofQuery
 */
export function showCategories({ categories, confusion, k }, ofQuery) {
  current = ofQuery;
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
  const head = ["Category", "Images", `Weighted precision@${k}`, `Precision@${k}`, "Mean average precision"];
  const rows = categories.map((category) => {
    const bar = make("span", { class: "share", "aria-hidden": "true" });
    bar.style.setProperty("--share", String((category.weighted_precision ?? 0) / 100));
    return make(
      "tr",
      { "data-current": category.name === current || null },
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
      { "data-current": name === current || null },
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
