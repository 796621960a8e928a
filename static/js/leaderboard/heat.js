// The heat map of networks by layers: a grid that the arrow keys walk, a colour scale, the best cell marked.
/** @import { ScoreName } from "../shared/types.js" */
/** @import { BoardRow } from "./types.js" */
import { closest, elementsIn, focusedIn, make } from "../shared/elements.js";
import { SCORES } from "../shared/experiments/experiments.js";
import { percent } from "../shared/format.js";

/**
 * The rows of a network by their position.
 * @typedef {{ title: string, cells: Map<number, BoardRow> }} HeatLine
 */
/**
 * The colours go from the lowest to the highest score.
 * @typedef {object} Scale
 * @property {ScoreName} score
 * @property {BoardRow} best
 * @property {number} low
 * @property {number} high
 */

/** @type {Record<string, [down: number, right: number]>} */
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/**
 * Return networks, the best first, each with its rows by position.
 * @param {BoardRow[]} rows
 */
function byNetwork(rows) {
  /** @type {Map<string, HeatLine>} */
  const networks = new Map();
  for (const row of rows) {
    if (!row.layer_position) continue; // of a network that is no longer configured: the table has it
    const line = networks.get(row.model) ?? { title: row.title, cells: new Map() };
    line.cells.set(row.layer_position, row);
    networks.set(row.model, line);
  }
  return [...networks.values()];
}

/**
 * @param {HTMLElement} cell
 * @param {number} share
 */
function paint(cell, share) {
  cell.style.setProperty("--v", share.toFixed(4));
}

/**
 * @param {BoardRow} row
 * @param {Scale} scale
 */
function cellOf(row, { score, low, high, best }) {
  const words = [`${row.title}, layer ${row.layer_position} ${row.layer}`, percent(row[score])];
  if (row === best) words.push("the best");
  if (row.live) words.push("live now");
  const cell = make(
    "td",
    {
      role: "gridcell",
      tabindex: -1,
      class: "heat-cell",
      "data-experiment": row.experiment,
      "data-best": row === best,
      "data-live": row.live,
      "aria-label": words.join(", "),
    },
    make("span", {}, percent(row[score])),
  );
  paint(cell, high > low ? (Number(row[score]) - low) / (high - low) : 1);
  return cell;
}

/**
 * Show the rows; `chosen` is the id of an experiment. Rows come best first.
 * @param {HTMLElement} root
 * @param {BoardRow[]} rows
 * @param {{ score: ScoreName, chosen: number }} shown
 */
export function showHeat(root, rows, { score, chosen }) {
  const networks = byNetwork(rows);
  const columns = Math.max(8, ...rows.map((row) => row.layer_position ?? 0));
  const scored = rows.filter((row) => row[score] !== null);
  const [best, worst] = [scored[0], scored[scored.length - 1]];
  const scale = { score, best, high: Number(best[score]), low: Number(worst[score]) };
  const positions = Array.from({ length: columns }, (_, index) => index + 1);
  const head = make(
    "tr",
    { role: "row" },
    make("th", { role: "columnheader", scope: "col" }, "Network"),
    ...positions.map((position) =>
      make(
        "th",
        { role: "columnheader", scope: "col" },
        make("span", { class: "visually-hidden" }, "Layer "),
        String(position),
      ),
    ),
  );
  const body = networks.map((network) =>
    make(
      "tr",
      { role: "row" },
      make("th", { role: "rowheader", scope: "row" }, network.title),
      ...positions.map((position) => {
        const row = network.cells.get(position);
        return row && row[score] !== null
          ? cellOf(row, scale)
          : make("td", { role: "gridcell", class: "heat-none", "aria-label": "not computed" });
      }),
    ),
  );
  const focused = focusedIn(root)?.dataset.experiment;
  root.replaceChildren(
    make(
      "table",
      { role: "grid", class: "heat-grid", "aria-labelledby": "heat-title", "aria-describedby": "heat-scale" },
      make("thead", { role: "rowgroup" }, head),
      make("tbody", { role: "rowgroup" }, ...body),
    ),
  );
  chooseCell(root, chosen);
  if (focused) elementsIn(root, `[data-experiment="${focused}"]`).at(0)?.focus();
  return scale;
}

/**
 * Show the colour scale with its two ends.
 * @param {HTMLElement} root
 * @param {Scale} scale
 */
export function showScale(root, { score, low, high }) {
  const swatches = Array.from({ length: 9 }, (_, index) => {
    const swatch = make("i", {});
    paint(swatch, index / 8);
    return swatch;
  });
  root.replaceChildren(
    `${SCORES[score]} `,
    make("span", { class: "number" }, percent(low)),
    make("span", { class: "swatches", "aria-hidden": "true" }, ...swatches),
    make("span", { class: "number" }, percent(high)),
  );
}

/**
 * Mark the chosen cell; it is the one that Tab reaches.
 * @param {HTMLElement} root
 * @param {number} chosen
 */
export function chooseCell(root, chosen) {
  const cells = elementsIn(root, ".heat-cell");
  const found = cells.find((cell) => cell.dataset.experiment === String(chosen)) ?? null;
  for (const cell of cells) {
    cell.setAttribute("aria-selected", String(cell === found));
    cell.tabIndex = -1;
  }
  const reached = found ?? cells[0];
  if (reached) reached.tabIndex = 0;
}

/**
 * Let the arrow keys, Home and End walk the cells, and Enter and Space choose one.
 * @param {HTMLElement} root
 * @param {(id: number) => void} choose
 */
export function walkHeat(root, choose) {
  root.addEventListener("keydown", (event) => {
    const cell = closest(event, ".heat-cell");
    if (!(cell instanceof HTMLElement) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      choose(Number(cell.dataset.experiment));
      return;
    }
    const next = nextCell(root, cell, event.key);
    if (!next) return;
    event.preventDefault();
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}

/**
 * @param {HTMLElement} root
 * @param {HTMLElement} cell
 * @param {string} key
 */
function nextCell(root, cell, key) {
  const lines = elementsIn(root, "tbody tr").map((line) => elementsIn(line, "td"));
  const line = lines.findIndex((cells) => cells.some((one) => one === cell));
  const column = lines[line].findIndex((one) => one === cell);
  const filled = lines[line].filter((one) => one.classList.contains("heat-cell"));
  if (key === "Home") return filled[0];
  if (key === "End") return filled.at(-1);
  const step = STEPS[key];
  if (!step) return null;
  // passes over what was not computed
  for (let y = line + step[0], x = column + step[1]; lines[y]?.[x]; y += step[0], x += step[1]) {
    if (lines[y][x].classList.contains("heat-cell")) return lines[y][x];
  }
  return cell;
}
