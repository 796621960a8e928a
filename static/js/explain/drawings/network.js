// The chosen network as a chain, an image going through it.
/** @import { Draw } from "../types.js" */
import { make } from "../../shared/elements.js";
import { millions } from "../../shared/format.js";
import { chainOf } from "./chain.js";

/** @type {Draw} */
export function draw(figure, { network, layer }) {
  if (!network?.layers.length) throw new Error("Choose a network, and it is drawn here.");
  const weights = network.parameters ? `${millions(network.parameters)} weights` : "no weights";
  figure.replaceChildren(
    chainOf(network, layer?.name),
    make(
      "figcaption",
      { class: "small muted" },
      `${network.title}, ${weights}: each slab is a layer, as high as its maps are fine and as thick as they are many.`,
    ),
  );
}
