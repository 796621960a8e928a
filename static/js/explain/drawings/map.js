// An image of the map: who is beside it on the map, and who by all numbers of its vector.
/** @import { Draw, ShownImage } from "../types.js" */
import { make } from "../../shared/elements.js";

const SHOWN = 6;

/** @type {Draw} */
export function draw(figure, { image, found, beside }) {
  if (!image || !beside.length || !found.length)
    throw new Error(
      "Choose an image on the map: those beside it are then compared with those that are truly nearest.",
    );
  const [onMap, truly] = [beside.slice(0, SHOWN), found.slice(0, SHOWN)];
  const both = new Set(onMap.map(({ id }) => id).filter((id) => truly.some((one) => one.id === id)));
  figure.replaceChildren(
    line("Nearest on the map", onMap, both),
    line("Nearest by the whole vector", truly, both),
    make(
      "figcaption",
      { class: "small muted" },
      `${both.size} of ${onMap.length} are the same. The others are the price of having only two dimensions.`,
    ),
  );
}

/**
 * @param {string} title
 * @param {ShownImage[]} images
 * @param {Set<number>} both
 */
const line = (title, images, both) =>
  make(
    "div",
    { class: "beside" },
    make("p", { class: "small" }, title),
    make(
      "ul",
      {},
      ...images.map(({ id, thumbnail, name }) =>
        make(
          "li",
          { "data-kept": both.has(id) },
          make("img", {
            src: thumbnail,
            alt: both.has(id) ? `${name}, in both` : name,
            width: 52,
            height: 52,
          }),
        ),
      ),
    ),
  );
