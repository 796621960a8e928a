// The scatter of score against cost: one point a configuration, the Pareto front as a line, the layers of a
// network joined.
/** @import { ScoreName } from "../shared/types.js" */
/** @import { Axis, BoardRow, CostName, ScatterPoint } from "./types.js" */
import { closest, elementsIn, focusedIn, make, makeSvg } from "../shared/elements.js";
import { percent } from "../shared/format.js";
import { axis } from "./axes.js";
import { cost, COSTS, front, layerOf, SHORT_SCORES } from "./figures.js";

/** @typedef {{ width: number, height: number }} Size */
/** @typedef {{ left: number, right: number, top: number, bottom: number }} Box */

const EDGE = { top: 14, right: 16, bottom: 44, left: 46 };
const LABEL_PX = { letter: 6.1, height: 14 };

/**
 * @param {Axis} x
 * @param {Axis} y
 * @param {Size} size
 * @param {{ costName: CostName, score: ScoreName }} shown
 */
function gridOf(x, y, size, { costName, score }) {
  /** @type {SVGElement[]} */
  const parts = [];
  const bottom = size.height - EDGE.bottom;
  for (const tick of x.ticks) {
    parts.push(makeSvg("line", { x1: x.at(tick), x2: x.at(tick), y1: EDGE.top, y2: bottom }));
    parts.push(
      makeSvg(
        "text",
        { x: x.at(tick), y: bottom + 16, "text-anchor": "middle" },
        costName === "extract_ms" ? String(tick) : cost(costName, tick),
      ),
    );
  }
  for (const tick of y.ticks) {
    parts.push(
      makeSvg("line", { x1: EDGE.left, x2: size.width - EDGE.right, y1: y.at(tick), y2: y.at(tick) }),
    );
    parts.push(makeSvg("text", { x: EDGE.left - 8, y: y.at(tick) + 4, "text-anchor": "end" }, String(tick)));
  }
  const across = (EDGE.left + size.width - EDGE.right) / 2;
  const unit = [costName === "extract_ms" ? "ms" : "", x.log ? "log scale" : ""].filter(Boolean).join(", ");
  parts.push(
    makeSvg(
      "text",
      { class: "axis-name", x: across, y: size.height - 6, "text-anchor": "middle" },
      COSTS[costName].axis + (unit && ` (${unit})`),
    ),
  );
  parts.push(
    makeSvg(
      "text",
      {
        class: "axis-name",
        x: 12,
        y: (EDGE.top + bottom) / 2,
        "text-anchor": "middle",
        transform: `rotate(-90 12 ${(EDGE.top + bottom) / 2})`,
      },
      SHORT_SCORES[score],
    ),
  );
  return makeSvg("g", { class: "scatter-grid", "aria-hidden": "true" }, ...parts);
}

/**
 * Return the stairs of the front: the best score that a cost buys.
 * @param {ScatterPoint[]} points
 * @param {Size} size
 */
function stairs(points, size) {
  const sorted = points.toSorted((one, other) => one.x - other.x || other.y - one.y);
  const [first] = sorted;
  let path = `M${first.x} ${size.height - EDGE.bottom}V${first.y}`;
  for (const point of sorted.slice(1)) path += `H${point.x}V${point.y}`;
  return makeSvg("path", { class: "scatter-front", d: `${path}H${size.width - EDGE.right}` });
}

/**
 * @param {Box} one
 * @param {Box} other
 */
const overlap = (one, other) =>
  one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;

/**
 * Return what is live, the front from the best down, and the best of each baseline: the first gets the room.
 * @param {ScatterPoint[]} points
 */
function worthALabel(points) {
  /** @type {Map<string, ScatterPoint>} */
  const baselines = new Map();
  for (const point of points.filter(({ row }) => row.baseline)) {
    const known = baselines.get(point.row.model);
    if (!known || point.y < known.y) baselines.set(point.row.model, point);
  }
  /**
   * @param {ScatterPoint} one
   * @param {ScatterPoint} other
   */
  const down = (one, other) => one.y - other.y;
  return [
    ...new Set([
      ...points.filter(({ row }) => row.live),
      ...points.filter((point) => point.front).sort(down),
      ...baselines.values(),
    ]),
  ];
}

/**
 * Put a label beside each point of the front where there is room for it.
 * @param {ScatterPoint[]} points
 * @param {Size} size
 */
function labels(points, size) {
  const taken = points.map(({ x, y }) => ({ left: x - 5, right: x + 5, top: y - 5, bottom: y + 5 }));
  const found = [];
  for (const { x, y, row } of worthALabel(points)) {
    const text = `${row.live ? "live: " : ""}${row.title} · ${row.layer_position ?? row.layer}`;
    const width = text.length * LABEL_PX.letter;
    const positions = [
      [x + 9, y + 14],
      [x + 9, y - 7],
      [x - 9 - width, y - 7],
      [x - 9 - width, y + 14],
      [x - width / 2, y + 22],
      [x - width / 2, y - 11],
      [size.width - width - 2, y + 22],
      [size.width - width - 2, y - 11],
    ];
    for (const [left, baseline] of positions) {
      const box = { left, right: left + width, top: baseline - LABEL_PX.height + 3, bottom: baseline + 3 };
      if (
        box.left > x + 12 ||
        box.left < EDGE.left ||
        box.right > size.width ||
        box.top < 0 ||
        box.bottom > size.height - EDGE.bottom
      )
        continue;
      if (taken.some((other) => overlap(box, other))) continue;
      taken.push(box);
      found.push(makeSvg("text", { x: left, y: baseline }, text));
      break;
    }
  }
  return makeSvg("g", { class: "scatter-labels", "aria-hidden": "true" }, ...found);
}

/**
 * @param {ScatterPoint} point
 * @param {ScoreName} score
 * @param {CostName} costName
 */
function mark({ x, y, row, front: onFront }, score, costName) {
  const words = [
    `${row.title}, ${layerOf(row).toLowerCase()}: ${percent(row[score])} at ${cost(costName, row[costName])}`,
  ];
  if (onFront) words.push("on the Pareto front");
  if (row.baseline) words.push("a baseline");
  if (row.live) words.push("live now");
  const shape = row.baseline
    ? makeSvg("path", { d: "M0-6.5 6.5 0 0 6.5-6.5 0Z" })
    : makeSvg("circle", { r: onFront ? 5.5 : 4.5 });
  return makeSvg(
    "g",
    {
      class: "point",
      role: "button",
      tabindex: -1,
      transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`,
      "data-experiment": row.experiment,
      "data-model": row.model,
      "data-position": row.layer_position,
      "data-front": onFront,
      "data-baseline": row.baseline,
      "data-live": row.live,
      "aria-label": words.join(", "),
    },
    makeSvg("circle", { class: "reach", r: 11 }),
    row.live ? makeSvg("circle", { class: "ring", r: 9.5 }) : null,
    shape,
  );
}

/**
 * Draw the rows; returns how many have no cost and are left out.
 * @param {HTMLElement} root
 * @param {BoardRow[]} rows
 * @param {{ score: ScoreName, cost: CostName, chosen: number }} shown
 */
export function showScatter(root, rows, { score, cost: costName, chosen }) {
  const known = rows.filter((row) => row[score] !== null && row[costName] !== null);
  if (!known.length) {
    root.replaceChildren(make("p", { class: "muted small" }, "No time was measured for these."));
    return rows.length;
  }
  const size = { width: Math.max(280, root.clientWidth), height: root.clientWidth < 480 ? 320 : 400 };
  const x = axis(
    known.map((row) => Number(row[costName])),
    { from: EDGE.left, to: size.width - EDGE.right, logged: true, binary: costName === "bytes_per_vector" },
  );
  const y = axis(
    known.map((row) => Number(row[score])),
    { from: size.height - EDGE.bottom, to: EDGE.top, most: 100 },
  );
  const onFront = front(known, score, costName);
  const points = known.map((row) => ({
    row,
    x: x.at(Number(row[costName])),
    y: y.at(Number(row[score])),
    front: onFront.has(row),
  }));
  // the front is drawn last, on top of the rest
  const ordered = points.toSorted((one, other) => Number(one.front) - Number(other.front) || one.x - other.x);
  const focused = focusedIn(root)?.dataset.experiment;
  root.replaceChildren(
    makeSvg(
      "svg",
      {
        viewBox: `0 0 ${size.width} ${size.height}`,
        width: size.width,
        height: size.height,
        role: "group",
        "aria-labelledby": "scatter-title",
        "aria-describedby": "scatter-words",
      },
      gridOf(x, y, size, { costName, score }),
      stairs(
        points.filter((point) => point.front),
        size,
      ),
      makeSvg("path", { class: "scatter-path" }),
      makeSvg("g", { class: "scatter-points" }, ...ordered.map((point) => mark(point, score, costName))),
      labels(points, size),
    ),
  );
  choosePoint(root, chosen);
  if (focused) elementsIn(root, `[data-experiment="${focused}"]`, SVGElement).at(0)?.focus();
  return rows.length - known.length;
}

/** @type {Record<string, number>} */
const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };

/** @param {HTMLElement} root */
const pointsIn = (root) => elementsIn(root, ".point", SVGGElement);

/** @param {SVGGElement} point */
const positionOf = (point) => point.transform.baseVal[0].matrix;

/**
 * Mark the chosen point; it is the one that Tab reaches.
 * @param {HTMLElement} root
 * @param {number} chosen
 */
export function choosePoint(root, chosen) {
  const points = pointsIn(root);
  const found = points.find((point) => point.dataset.experiment === String(chosen));
  for (const point of points) {
    point.setAttribute("aria-pressed", String(point === found));
    point.setAttribute("tabindex", point === (found ?? points[0]) ? "0" : "-1");
  }
}

/**
 * Join the layers of a network from the first to the last; null takes the line away.
 * @param {HTMLElement} root
 * @param {string | null} model
 */
export function joinNetwork(root, model) {
  const path = root.querySelector(".scatter-path");
  if (!path) return;
  const points = pointsIn(root).filter((point) => point.dataset.model === model);
  points.sort((one, other) => Number(one.dataset.position) - Number(other.dataset.position));
  const positions = points.map(positionOf);
  path.setAttribute("d", positions.map(({ e, f }, index) => `${index ? "L" : "M"}${e} ${f}`).join(""));
}

/**
 * Let the arrow keys walk the points from cheap to dear, and Enter and Space choose one.
 * @param {HTMLElement} root
 * @param {(id: number) => void} choose
 */
export function walkScatter(root, choose) {
  root.addEventListener("keydown", (event) => {
    const point = closest(event, ".point");
    if (!(point instanceof SVGGElement) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      choose(Number(point.dataset.experiment));
      return;
    }
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const along = pointsIn(root).sort((one, other) => positionOf(one).e - positionOf(other).e);
    const next = along[along.indexOf(point) + step] ?? point;
    point.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
}
