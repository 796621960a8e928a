// What was painted of a layer, large, with what is known of it.
/** @import { Layer, Network } from "../shared/types.js" */
import { byId, make } from "../shared/elements.js";
import { number } from "../shared/format.js";

/**
 * Show what was painted of a layer in the dialog of the page.
 * @param {Network} network
 * @param {Layer} layer
 */
export function enlarge({ title, layers }, layer) {
  byId("enlarged-title").textContent = `${layer.name} of ${title}`;
  byId("enlarged-place").textContent =
    `Layer ${number(layers.indexOf(layer) + 1)} of ${number(layers.length)} shown here, step ${number(layer.index)} of ${number(layer.total_layers)}.`;
  byId("enlarged-channels").textContent =
    `${number(layer.painted_channels?.length ?? 4)} of its ${number(layer.shape[2])} channels${layer.painted_channels ? ", counted from 0" : ""}: what each answers to most.`;
  byId("enlarged-images").replaceChildren(
    layer.painted_channels ? cellsOf(layer, layer.painted_channels) : wholeOf(layer),
  );
  byId("enlarged", HTMLDialogElement).showModal();
}

/**
 * Return the image cut into its cells, each with the number of its channel.
 * @param {Layer} layer
 * @param {number[]} channels
 */
function cellsOf({ name, sheet, picture }, channels) {
  const across = Math.ceil(Math.sqrt(channels.length));
  const list = make(
    "ul",
    { class: "painted" },
    ...channels.map((channel, at) => {
      const alt = `What channel ${number(channel)} of ${name} answers to most`;
      const image = make("img", { src: sheet ?? picture, alt });
      image.style.setProperty("--column", String(at % across));
      image.style.setProperty("--row", String(Math.floor(at / across)));
      return make(
        "li",
        {},
        make("div", { class: "painted-cell" }, image),
        make("span", { class: "small number" }, number(channel)),
      );
    }),
  );
  list.style.setProperty("--across", String(across));
  return list;
}

/** @param {Layer} layer */
const wholeOf = ({ name, picture }) =>
  make("img", { src: picture, alt: `What channels of ${name} answer to most`, width: 480, height: 480 });
