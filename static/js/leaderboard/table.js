// The table of all configurations: sortable by its headings, each row a link that chooses it.
/** @import { BoardRow, Sort, SortKey } from "./types.js" */
import { elementIn, elementsIn, focusedIn, make } from "../shared/elements.js";
import { POOLINGS, SCORES } from "../shared/experiments/experiments.js";
import { number, percent } from "../shared/format.js";
import { bytes, ms, named } from "./figures.js";

/**
 * A column; `first` is the direction that a first click sorts in, the better end on top.
 * @typedef {object} Column
 * @property {SortKey} key
 * @property {string} name
 * @property {string} [full]
 * @property {number} first
 * @property {boolean} [end]
 * @property {boolean} [score]
 * @property {(row: BoardRow) => string} [text]
 */
/**
 * How the table is shown; without `scores` the columns of scores are left out, `link` is the address that
 * chooses a row.
 * @typedef {object} ShownTable
 * @property {Sort} sort
 * @property {number} chosen
 * @property {(row: BoardRow) => string} link
 * @property {boolean} scores
 * @property {BoardRow | null} best
 */

// `first`: the direction that a first click sorts in, the better end on top
/** @type {Column[]} */
const COLUMNS = [
  { key: "title", name: "Network", first: 1 },
  { key: "layer_position", name: "Layer", first: 1 },
  {
    key: "weighted_precision",
    name: "Weighted precision",
    first: -1,
    end: true,
    score: true,
    text: (row) => percent(row.weighted_precision),
  },
  {
    key: "precision",
    name: "Precision",
    first: -1,
    end: true,
    score: true,
    text: (row) => percent(row.precision),
  },
  {
    key: "map",
    name: "mAP",
    full: SCORES.map,
    first: -1,
    end: true,
    score: true,
    text: (row) => percent(row.map),
  },
  { key: "dims", name: "Dimensions", first: 1, end: true, text: (row) => number(row.dims) },
  {
    key: "bytes_per_vector",
    name: "A vector",
    full: "Bytes a vector",
    first: 1,
    end: true,
    text: (row) => bytes(row.bytes_per_vector),
  },
  {
    key: "extract_ms",
    name: "An image",
    full: "Milliseconds of one processor core an image",
    first: 1,
    end: true,
    text: (row) => ms(row.extract_ms),
  },
];

/**
 * Return {key, direction} of "-precision" or "dims", or null where it is no sorting.
 * @param {string | null} text
 * @returns {Sort | null}
 */
export function readSort(text) {
  const asked = text ?? "";
  const column = COLUMNS.find(({ key }) => key === asked.replace(/^-/, ""));
  return column ? { key: column.key, direction: asked.startsWith("-") ? -1 : 1 } : null;
}

/** @param {Sort} sort */
export const sortText = ({ key, direction }) => (direction < 0 ? `-${key}` : key);

/**
 * Return the rows in that order; equal ones keep the order of the leaderboard, unknown values come last.
 * @param {BoardRow[]} rows
 * @param {Sort} sort
 */
export function sorted(rows, { key, direction }) {
  return [...rows].sort((one, other) => {
    const [a, b] = [one[key], other[key]];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    if (typeof a === "number" && typeof b === "number") return direction * (a - b);
    return direction * String(a).localeCompare(String(b), "en", { numeric: true });
  });
}

/**
 * @param {Column} column
 * @param {Sort} sort
 */
function heading(column, sort) {
  const active = sort.key === column.key;
  const direction = active ? (sort.direction > 0 ? "ascending" : "descending") : null;
  return make(
    "th",
    { scope: "col", class: column.end ? "end" : null, "aria-sort": direction },
    make(
      "button",
      {
        type: "button",
        class: "sorter",
        "data-sort": column.key,
        title: column.full ? `${column.full}; click to sort` : "Click to sort",
      },
      column.name,
    ),
  );
}

/**
 * @param {Column} column
 * @param {BoardRow} row
 * @param {(row: BoardRow) => string} link
 */
function cell(column, row, link) {
  if (column.key === "title") {
    const marks = [
      row.live ? make("span", { class: "flag live" }, "live now") : null,
      row.front
        ? make(
            "span",
            { class: "flag front", title: "On the Pareto front: nothing is both better and cheaper" },
            "Pareto",
          )
        : null,
      row.apart
        ? make(
            "span",
            { class: "flag", title: "With another pooling than the others here: not ranked" },
            `${named(POOLINGS, row.pooling)} pooling`,
          )
        : null,
      row.baseline ? make("span", { class: "flag" }, "baseline") : null,
    ];
    return make("th", { scope: "row" }, make("a", { href: link(row) }, row.title), ...marks);
  }
  if (column.key === "layer_position")
    return make(
      "td",
      {},
      row.layer_position ? make("span", { class: "position" }, String(row.layer_position)) : null,
      ` ${row.layer}`,
    );
  return make("td", { class: "end" }, column.text?.(row));
}

/**
 * Show the rows; without `scores` the columns of scores are left out. `link(row)` is the address that chooses
 * a row.
 * @param {HTMLElement} root
 * @param {BoardRow[]} rows
 * @param {ShownTable} shown
 */
export function showTable(root, rows, { sort, chosen, link, scores, best }) {
  const columns = COLUMNS.filter((column) => scores || !column.score);
  const focused = focusedIn(root)?.dataset.sort;
  root.replaceChildren(
    make(
      "table",
      { class: "board-table" },
      make("thead", {}, make("tr", {}, ...columns.map((column) => heading(column, sort)))),
      make(
        "tbody",
        {},
        ...sorted(rows, sort).map((row) =>
          make(
            "tr",
            { "data-experiment": row.experiment, "data-best": row === best },
            ...columns.map((column) => cell(column, row, link)),
          ),
        ),
      ),
    ),
  );
  chooseRow(root, chosen);
  if (focused) elementsIn(root, `[data-sort="${focused}"]`).at(0)?.focus();
}

/**
 * Mark the chosen row.
 * @param {HTMLElement} root
 * @param {number} chosen
 */
export function chooseRow(root, chosen) {
  for (const line of elementsIn(root, "tbody tr")) {
    const found = line.dataset.experiment === String(chosen);
    line.toggleAttribute("data-chosen", found);
    const link = elementIn(line, "a");
    if (found) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

/**
 * Return the sorting after a click on a heading: its better end first, the other way the second time.
 * @param {Sort} sort
 * @param {string} key
 * @returns {Sort}
 */
export function turned(sort, key) {
  const column = COLUMNS.find((one) => one.key === key);
  if (!column) return sort;
  return { key: column.key, direction: sort.key === key ? -sort.direction : column.first };
}
