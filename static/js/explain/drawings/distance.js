// Two real vectors, and a third, seen along two of their numbers: the angle is what cosine sees, the straight
// line what the Euclidean distance does.
/** @import { DrawLater, ShownImage } from "../types.js" */
/** @import { FeatureMaps } from "../../shared/types.js" */
import { make, makeSvg } from "../../shared/elements.js";
import { imagesShown } from "../screen.js";
import { strongestMaps } from "./maps.js";

const CHANNELS = 64;
const BOX = 260;
const PAD = 26;

/**
 * @typedef {object} Arrow
 * @property {ShownImage} image
 * @property {number} x
 * @property {number} y
 */

/** @type {DrawLater} */
export async function draw(figure, { image, network, layer, found }) {
  if (!image || !layer || !network?.available)
    throw new Error("Choose a network that is available here, and two images are compared.");
  const near = found[0] ?? imagesShown().find((other) => other.id !== image.id);
  const far =
    (found.length > 1 ? found[found.length - 1] : null) ??
    imagesShown().findLast((one) => one.id !== image.id);
  const images = [image, near, far].filter((one) => one !== undefined);
  if (images.length < 3) throw new Error("There are too few images to compare.");
  /** @type {Map<number, number>[]} */
  const vectors = [];
  for (const one of images)
    vectors.push(meansOf(await strongestMaps(one.id, network.name, layer.name, CHANNELS)));
  const channels = apart(vectors);
  if (!channels) throw new Error("These images have no two strong channels in common: choose another one.");
  const arrows = images.map((one, n) => ({
    image: one,
    x: vectors[n].get(channels[0]) ?? 0,
    y: vectors[n].get(channels[1]) ?? 0,
  }));
  figure.replaceChildren(
    plane(arrows, channels),
    table(arrows),
    make(
      "figcaption",
      { class: "small muted" },
      `Averages of two channels of ${layer.name}, two of the ${layer.shape[2]} numbers of each vector. Over all of them it goes the same way.`,
    ),
  );
}

/** @param {FeatureMaps} found */
const meansOf = ({ maps }) => new Map(maps.map(({ channel, mean }) => [channel, mean]));

/**
 * Return the two channels that all vectors have and in which they point apart most, or null.
 * @param {Map<number, number>[]} vectors
 * @returns {[number, number] | null}
 */
export function apart(vectors) {
  const shared = [...vectors[0].keys()].filter((channel) => vectors.every((vector) => vector.has(channel)));
  /** @type {[number, number] | null} */
  let best = null;
  let widest = -1;
  for (const one of shared)
    for (const other of shared) {
      if (other <= one) continue;
      const angles = vectors.map((vector) => Math.atan2(Number(vector.get(other)), Number(vector.get(one))));
      const width = Math.max(...angles) - Math.min(...angles);
      if (width > widest) [widest, best] = [width, [one, other]];
    }
  return best;
}

/**
 * Return cosine and straight line between two arrows.
 * @param {{ x: number, y: number }} one
 * @param {{ x: number, y: number }} other
 */
export function between(one, other) {
  const lengths = Math.hypot(one.x, one.y) * Math.hypot(other.x, other.y);
  return {
    cosine: lengths ? (one.x * other.x + one.y * other.y) / lengths : 0,
    euclidean: Math.hypot(one.x - other.x, one.y - other.y),
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
  const rows = others.map((arrow) => {
    const { cosine, euclidean } = between(query, arrow);
    return make(
      "tr",
      {},
      make(
        "th",
        { scope: "row" },
        make("img", { src: arrow.image.thumbnail, alt: arrow.image.name, width: 32, height: 32 }),
      ),
      make("td", { class: "end" }, cosine.toFixed(3)),
      make("td", { class: "end" }, euclidean.toFixed(2)),
    );
  });
  return make(
    "table",
    { class: "compared number small" },
    make(
      "thead",
      {},
      make(
        "tr",
        {},
        make("th", { scope: "col" }, make("span", { class: "visually-hidden" }, "Image")),
        make("th", { scope: "col", class: "end" }, "Cosine (angle)"),
        make("th", { scope: "col", class: "end" }, "Euclidean (line)"),
      ),
    ),
    make("tbody", {}, ...rows),
  );
}
