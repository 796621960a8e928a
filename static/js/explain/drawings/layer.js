// What an early, a middle and the chosen layer find in the image on the screen.
/** @import { FeatureMaps, Layer } from "../../shared/types.js" */
/** @import { DrawLater } from "../types.js" */
import { make } from "../../shared/elements.js";
import { number } from "../../shared/format.js";
import { kindInWords } from "../../shared/experiments/terms.js";
import { strongestMaps } from "./maps.js";

const CHANNELS = 3;

/** @type {DrawLater} */
export async function draw(figure, { image, network, layer }) {
  if (!image || !network?.available || network.layers.length < 3)
    throw new Error("Choose a network that is available here, and its layers are drawn from an image.");
  const { layers } = network;
  const middle = layers[Math.floor(layers.length / 2) - 1];
  const stops = [...new Set([layers[0], middle, layer ?? layers[layers.length - 1]])];
  if (stops.length < 3) stops.push(layers[layers.length - 1]);
  figure.setAttribute("aria-busy", "true");
  /** @type {FeatureMaps[]} */
  const found = [];
  try {
    // one after the other: the first loads the network for the others
    for (const stop of stops) found.push(await strongestMaps(image.id, network.name, stop.name, CHANNELS));
  } finally {
    figure.removeAttribute("aria-busy");
  }
  figure.replaceChildren(
    make(
      "div",
      { class: "stops" },
      make("img", { class: "stop-image", src: image.thumbnail, alt: image.name, width: 84, height: 84 }),
      ...stops.map((stop, at) => column(stop, found[at])),
    ),
    make(
      "figcaption",
      { class: "small muted" },
      `${network.title}. Bright: the pattern of the channel is there.`,
    ),
  );
}

/**
 * @param {Layer} layer
 * @param {FeatureMaps} found
 */
function column(layer, { maps, shape }) {
  return make(
    "div",
    { class: "stop", title: kindInWords(layer.type) },
    make(
      "div",
      { class: "stop-maps" },
      ...maps.map((map) =>
        make("img", {
          src: map.picture,
          alt: `${layer.name}, channel ${map.channel}`,
          width: 64,
          height: 64,
        }),
      ),
    ),
    make("strong", {}, layer.name),
    make("span", { class: "muted number" }, `${shape[0]} × ${shape[1]}, ${number(shape[2])} maps`),
  );
}
