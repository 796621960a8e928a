// A network as a chain of slabs, drawn from the shapes of its layers: as high as their maps, as thick as they
// are many.
/** @import { Layer, Network } from "../../shared/types.js" */
import { makeSvg } from "../../shared/elements.js";
import { millions, number } from "../../shared/format.js";
import { kindInWords } from "../../shared/experiments/terms.js";

const WIDTH = 640;
const MARGIN = 24; // room for a name below the first and the last slab
const HEIGHT = 190;
const MIDDLE = 84;
const GAP = 16;
const SIDE_PX = { least: 14, most: 130 };
const THICK_PX = { least: 5, most: 44 };

/**
 * @param {number} value
 * @param {number[]} all
 * @param {{ least: number, most: number }} range
 */
function scaled(value, all, { least, most }) {
  const [low, high] = [Math.log2(Math.min(...all)), Math.log2(Math.max(...all))];
  return least + (high > low ? (Math.log2(value) - low) / (high - low) : 1) * (most - least);
}

/**
 * Return the drawing of a network, `chosen` among its layers.
 * @param {Network} network
 * @param {string} chosen
 */
export function chainOf(network, chosen = "") {
  const { layers } = network;
  const svg = makeSvg("svg", {
    class: "chain",
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    role: "img",
    "aria-label": inWords(network),
  });
  const sides = [network.input_size, ...layers.map((layer) => layer.shape[0])];
  const channels = [3, ...layers.map((layer) => layer.shape[2])];
  const thick = channels.map((count) => scaled(count, channels, THICK_PX));
  const spare = WIDTH - 2 * MARGIN - thick.reduce((sum, width) => sum + width, 0);
  const gap = layers.length ? Math.min(64, spare / layers.length) : GAP;
  let x = (WIDTH - thick.reduce((sum, width) => sum + width, 0) - gap * layers.length) / 2;
  sides.forEach((side, at) => {
    const layer = at ? layers[at - 1] : null;
    const height = scaled(side, sides, SIDE_PX);
    if (at) svg.append(makeSvg("path", { class: "chain-way", d: `M${x - gap + 3} ${MIDDLE}H${x - 3}` }));
    svg.append(
      slab({ layer, x, height, width: thick[at], chosen: layer?.name === chosen, at, size: side, gap }),
    );
    x += thick[at] + gap;
  });
  return svg;
}

/**
 * @typedef {object} Slab
 * @property {Layer | null} layer null is the image itself
 * @property {number} x
 * @property {number} height
 * @property {number} width
 * @property {boolean} chosen
 * @property {number} at
 * @property {number} size
 * @property {number} gap
 */

/** @param {Slab} slab */
function slab({ layer, x, height, width, chosen, at, size, gap }) {
  const group = makeSvg("g", { class: "slab", "data-chosen": chosen, "data-layer": layer?.name });
  group.style.setProperty("--at", String(at));
  const words = layer
    ? `${layer.name}: ${kindInWords(layer.type)}. ${layer.shape[2]} maps of ${layer.shape[0]} × ${layer.shape[1]}, ${millions(layer.parameters)} weights up to it`
    : `The image, ${size} × ${size} pixels of three colours`;
  const centre = x + width / 2;
  const low = at % 2 && gap + width < 62 ? 12 : 0;
  group.append(
    makeSvg("title", {}, words),
    makeSvg("rect", { x, y: MIDDLE - height / 2, width, height, rx: 2 }),
    makeSvg("text", { x: centre, y: HEIGHT - 30 + low }, layer ? layer.name : "image"),
    makeSvg(
      "text",
      { x: centre, y: MIDDLE - height / 2 - 5, class: "slab-shape" },
      layer ? `${layer.shape[0]}² × ${number(layer.shape[2])}` : `${size}² × 3`,
    ),
  );
  return group;
}

/** @param {Network} network */
function inWords({ title, input_size: size, layers }) {
  const last = layers.at(-1);
  return last
    ? `${title}: an image of ${size} pixels a side becomes ${last.shape[2]} maps of ${last.shape[0]} by ${last.shape[1]} over ${layers.length} stops`
    : title;
}
