// How far a map may be believed, in numbers with plain words, and how they move over the layers.
/** @import { MapRow } from "../../shared/types.js" */
import { byId, make, makeSvg } from "../../shared/elements.js";
import { decimal, number } from "../../shared/format.js";

/** @typedef {"trustworthiness" | "neighbour_agreement" | "separation" | "weighted_separation"} FigureName */
/**
 * A map, those of the other layers of its network, and how many layers that has.
 * @typedef {object} ShownFigures
 * @property {MapRow[]} family
 * @property {MapRow} row
 * @property {number} total
 * @property {(row: MapRow) => string} address
 * @property {(row: MapRow) => void} choose
 */

/** @type {[name: FigureName, title: string, words: string][]} */
const FIGURES = [
  [
    "trustworthiness",
    "Trustworthiness",
    "Whether what is near on the map is near in truth: 1 means that no image has a stranger for a neighbour.",
  ],
  [
    "neighbour_agreement",
    "Neighbour agreement",
    "How many of an image's ten nearest in the full space are its nearest on the map as well.",
  ],
  [
    "separation",
    "Separation",
    "How far the categories lie apart on the map: 1 where they do not touch, 0 as in a map drawn at random.",
  ],
  [
    "weighted_separation",
    "Trusted separation",
    "Separation times trustworthiness: a map that separates without cause gains nothing. " +
      "The one number to compare layers and methods by.",
  ],
];
const BOX = { width: 240, height: 76, left: 8, right: 8, top: 8, bottom: 16 };
/** @param {number | null | undefined} value */
const two = (value) => (value === null || value === undefined ? "–" : decimal(value, 2));
/** @param {number | null | undefined} value */
const percent = (value) => (value === null || value === undefined ? "–" : `${decimal(100 * value, 0)} %`);
/**
 * @param {FigureName} name
 * @param {number | null | undefined} value
 */
const shown = (name, value) => (name === "neighbour_agreement" ? percent(value) : two(value));

/**
 * Show the numbers of the map `row` and of the other layers of its network.
 * @param {ShownFigures} shown
 */
export function showFigures({ family, row, total, address, choose }) {
  byId("figures-words").textContent = wordsFor(family);
  byId("figures").replaceChildren(
    ...FIGURES.map(([name, title, words]) =>
      make(
        "article",
        { class: "figure", "data-figure": name },
        make("h3", {}, title),
        make("strong", { class: "figure-value number" }, shown(name, row[name])),
        row[name] === null ? null : chart(name, { family, row, total, address, choose }),
        make(
          "p",
          { class: "small muted" },
          row[name] === null ? "These images have no labels, so nothing says what belongs together." : words,
        ),
      ),
    ),
  );
}

/** @param {MapRow} row */
const valueOf = (row) => row.weighted_separation ?? -Infinity;

/** @param {MapRow[]} family */
function wordsFor(family) {
  const scored = family.filter((row) => row.weighted_separation !== null);
  if (scored.length < 2) return "";
  const [first, last] = [scored[0], scored[scored.length - 1]];
  const most = scored.reduce((top, row) => (valueOf(row) > valueOf(top) ? row : top));
  const best =
    most === last
      ? "the highest of all layers"
      : `the highest is ${two(most.weighted_separation)} in layer ${most.layer_position}`;
  const layers = `From layer ${first.layer_position} to layer ${last.layer_position}`;
  const values = `from ${two(first.weighted_separation)} to ${two(last.weighted_separation)}`;
  return `${layers} the trusted separation goes ${values}; ${best}.`;
}

/**
 * @param {FigureName} name
 * @param {ShownFigures} shown
 */
function chart(name, { family, row, total, address, choose }) {
  const { width, height, left, right, top, bottom } = BOX;
  /** @param {number} position */
  const across = (position) => left + ((width - left - right) * (position - 1)) / Math.max(1, total - 1);
  const values = family.map((one) => Number(one[name]));
  // separation may fall below 0; the scale always holds 0 to 1
  const [low, high] = [Math.min(0, ...values), Math.max(1, ...values)];
  /** @param {number} value */
  const up = (value) => top + ((height - top - bottom) * (high - value)) / (high - low);
  const positions = family.map((one, at) => [across(one.layer_position ?? at + 1), up(Number(one[name]))]);
  const summary = family.map((one) => `layer ${one.layer_position}: ${shown(name, one[name])}`).join(", ");
  const svg = makeSvg(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      class: "figure-chart",
      role: "group", // an image would hide its links
      "aria-label": `By layer: ${summary}`,
    },
    ...[0, 1].map((value) =>
      makeSvg("line", { class: "figure-grid", x1: 0, x2: width, y1: up(value), y2: up(value) }),
    ),
    makeSvg("polyline", { points: positions.map((position) => position.join(",")).join(" ") }),
  );
  family.forEach((one, at) => {
    const [x, y] = positions[at];
    const link = makeSvg(
      "a",
      { href: address(one), tabindex: "-1", "data-current": one.id === row.id || null },
      makeSvg("title", {}, `Layer ${one.layer_position}, ${one.layer}: ${shown(name, one[name])}`),
      makeSvg("rect", {
        class: "figure-reach",
        x: x - width / total / 2,
        y: 0,
        width: width / total,
        height,
      }),
      makeSvg("circle", { cx: x, cy: y, r: one.id === row.id ? 4.5 : 2.5 }),
      makeSvg("text", { x, y: height - 2 }, number(one.layer_position ?? at + 1)),
    );
    link.addEventListener("click", (event) => {
      event.preventDefault();
      choose(one);
    });
    svg.append(link);
  });
  return svg;
}
