// Three real vectors, seen along two of their numbers: the angle is what cosine sees, the straight line what
// the Euclidean distance does. The table says the same of all their numbers.
/** @import { DrawLater, ShownImage } from "../types.js" */
import { make, makeSvg } from "../../shared/elements.js";
import { decimal, number } from "../../shared/format.js";
import { meansOf } from "./maps.js";

const CHANNELS = 64; // of which two are chosen
const BOX = 260;
const PAD = 26;

/**
 * @typedef {object} Arrow
 * @property {ShownImage} image
 * @property {number[]} vector
 * @property {number} x
 * @property {number} y
 */

/** @type {DrawLater} */
export async function draw(figure, { image, images: shown, network, layer, found }) {
  if (!image || !layer || !network?.available)
    throw new Error("Choose a network that is available here, and two images are compared.");
  const near = found[0] ?? shown.find((other) => other.id !== image.id);
  const far =
    (found.length > 1 ? found[found.length - 1] : null) ?? shown.findLast((one) => one.id !== image.id);
  const images = [image, near, far].filter((one) => one !== undefined);
  if (images.length < 3) throw new Error("There are too few images to compare.");
  /** @type {number[][]} */
  const vectors = [];
  // one after the other, as the server makes few at once
  for (const one of images) vectors.push(await meansOf(one.id, network.name, layer.name));
  const channels = apart(vectors);
  if (!channels) throw new Error("No two numbers of these vectors can be drawn: choose another layer.");
  const arrows = images.map((one, n) => ({
    image: one,
    vector: vectors[n],
    x: vectors[n][channels[0]],
    y: vectors[n][channels[1]],
  }));
  figure.replaceChildren(
    plane(arrows, channels),
    table(arrows),
    make(
      "figcaption",
      { class: "small muted" },
      `Averages of two channels of ${layer.name}: two of the ${number(layer.shape[2])} numbers of each vector in which these images differ much. A search compares all numbers.`,
    ),
  );
}

/**
 * Return the two numbers in which vectors point apart most, none of them negative; null if there are none.
 * If possible they put the vectors in the same order as all numbers do.
 * @param {number[][]} vectors of one length
 * @returns {[number, number] | null}
 */
export function apart(vectors) {
  /** @param {number} channel */
  const spread = (channel) => {
    const values = vectors.map((vector) => vector[channel]);
    return Math.max(...values) - Math.min(...values);
  };
  const drawable = [...vectors[0].keys()].filter((channel) =>
    vectors.every((vector) => vector[channel] >= 0),
  );
  const candidates = drawable.sort((one, other) => spread(other) - spread(one)).slice(0, CHANNELS);
  /** @type {[number, number] | null} */
  let best = null;
  let widest = -1;
  let bestFits = false;
  const whole = orderOf(vectors);
  for (const one of candidates)
    for (const other of candidates) {
      if (other <= one) continue;
      const angles = vectors.map((vector) => Math.atan2(vector[other], vector[one]));
      const width = Math.max(...angles) - Math.min(...angles);
      const fits = orderOf(vectors.map((vector) => [vector[one], vector[other]])) === whole;
      if (fits === bestFits ? width > widest : fits) [widest, best, bestFits] = [width, [one, other], fits];
    }
  return best;
}

/**
 * Say which of two vectors is nearer to the first, by angle and by line; the same of fewer.
 * @param {number[][]} vectors
 */
function orderOf([query, ...others]) {
  if (others.length < 2) return "";
  const [one, other] = others.map((vector) => between(query, vector));
  return `${one.cosine > other.cosine} ${one.euclidean < other.euclidean}`;
}

/**
 * Return cosine and straight line between two vectors.
 * @param {number[]} one
 * @param {number[]} other
 */
export function between(one, other) {
  const lengths = Math.hypot(...one) * Math.hypot(...other);
  return {
    cosine: lengths ? one.reduce((sum, value, n) => sum + value * other[n], 0) / lengths : 0,
    euclidean: Math.hypot(...one.map((value, n) => value - other[n])),
  };
}

/**
 * @param {Arrow[]} arrows
 * @param {[number, number]} channels
 */
function plane(arrows, channels) {
  const most = Math.max(...arrows.flatMap(({ x, y }) => [x, y])) || 1;
  /** @param {number} value */
  const across = (value) => PAD + (value / most) * (BOX - 2 * PAD);
  /** @param {number} value */
  const up = (value) => BOX - across(value);
  const svg = makeSvg("svg", {
    class: "plane",
    viewBox: `0 0 ${BOX} ${BOX}`,
    role: "img",
    "aria-label": "Three vectors as arrows along two of their numbers",
  });
  svg.append(
    makeSvg("path", { class: "axes", d: `M${PAD} ${PAD / 2}V${BOX - PAD}H${BOX - PAD / 2}` }),
    makeSvg("text", { x: BOX - PAD / 2, y: BOX - 8, class: "axis-end" }, `channel ${channels[0]} →`),
    makeSvg("text", { x: PAD, y: 10 }, `↑ channel ${channels[1]}`),
  );
  const [query, ...others] = arrows;
  others.forEach((arrow, n) =>
    svg.append(
      makeSvg("path", {
        class: "straight",
        "data-of": n,
        d: `M${across(query.x)} ${up(query.y)}L${across(arrow.x)} ${up(arrow.y)}`,
      }),
    ),
  );
  arrows.forEach((arrow, n) => {
    const [x, y] = [across(arrow.x), up(arrow.y)];
    svg.append(
      makeSvg("path", { class: "arrow-line", "data-of": n, d: `M${PAD} ${BOX - PAD}L${x} ${y}` }),
      makeSvg("image", { href: arrow.image.thumbnail, x: x - 14, y: y - 14, width: 28, height: 28 }),
      makeSvg("rect", {
        class: "arrow-end",
        "data-of": n,
        x: x - 15,
        y: y - 15,
        width: 30,
        height: 30,
        rx: 4,
      }),
    );
  });
  return svg;
}

/** @param {Arrow[]} arrows */
function table([query, ...others]) {
  /** @param {{ cosine: number, euclidean: number }} found */
  const cells = ({ cosine, euclidean }) => [
    make("td", { class: "end" }, decimal(cosine, 2)),
    make("td", { class: "end" }, decimal(euclidean, 2)),
  ];
  const rows = others.map((arrow) =>
    make(
      "tr",
      {},
      make(
        "th",
        { scope: "row" },
        make("img", { src: arrow.image.thumbnail, alt: arrow.image.name, width: 32, height: 32 }),
      ),
      ...cells(between([query.x, query.y], [arrow.x, arrow.y])),
      ...cells(between(query.vector, arrow.vector)),
    ),
  );
  const measures = ["Cosine (angle)", "Euclidean (line)"];
  return make(
    "table",
    { class: "compared number small" },
    make(
      "thead",
      {},
      make(
        "tr",
        {},
        make("th", { scope: "col", rowspan: 2 }, make("span", { class: "visually-hidden" }, "Image")),
        make("th", { scope: "colgroup", colspan: 2 }, "These two numbers"),
        make("th", { scope: "colgroup", colspan: 2 }, `All ${number(query.vector.length)}`),
      ),
      make(
        "tr",
        {},
        ...[...measures, ...measures].map((name) => make("th", { scope: "col", class: "end" }, name)),
      ),
    ),
    make("tbody", {}, ...rows),
  );
}
