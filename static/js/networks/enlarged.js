// The tiles of a layer, large, with what is known of them.
/** @import { Layer, Network } from "../shared/types.js" */
import { byId, elementIn } from "../shared/elements.js";
import { number } from "../shared/format.js";

/**
 * Show the tiles of a layer in the dialog of the page.
 * @param {Network} network
 * @param {Layer} layer
 */
export function enlarge({ title, layers }, layer) {
  const dialog = byId("enlarged", HTMLDialogElement);
  byId("enlarged-title").textContent = `${layer.name} of ${title}`;
  byId("enlarged-place").textContent =
    `Layer ${number(layers.indexOf(layer) + 1)} of ${number(layers.length)} shown here, step ${number(layer.index)} of ${number(layer.total_layers)}.`;
  byId("enlarged-channels").textContent = channelsOf(layer);
  const image = elementIn(dialog, "img", HTMLImageElement);
  image.src = layer.picture ?? "";
  image.alt = `What channels of ${layer.name} answer to most`;
  dialog.showModal();
}

/** @param {Layer} layer */
function channelsOf({ painted_channels: channels, shape }) {
  const all = number(shape[2]);
  return channels
    ? `Channels ${channels.map(number).join(", ")} of ${all}, row by row, counted from 0.`
    : `Some of its ${all} channels.`;
}
