// Draws over a hit where in it the query was found.
/** @import { FoundHit } from "../../shared/types.js" */
/** @import { Box } from "../types.js" */
import { make } from "../../shared/elements.js";
import { fitted } from "../../shared/why/heat.js";
import { wordsOf } from "../examples/box.js";

/**
 * Put a mark where a box lies in an image that is seen in a part of its element, in shares of the element.
 * @param {HTMLElement} mark
 * @param {Box} box
 * @param {{ left: number, top: number, width: number, height: number }} seen
 */
function lay(mark, [x0, y0, x1, y1], seen) {
  const lies = {
    left: seen.left + x0 * seen.width,
    top: seen.top + y0 * seen.height,
    width: (x1 - x0) * seen.width,
    height: (y1 - y0) * seen.height,
  };
  for (const [name, share] of Object.entries(lies)) mark.style.setProperty(name, `${100 * share}%`);
}

/**
 * Return what shows on a square card where a hit matches, null where that is all of it.
 * @param {FoundHit} hit
 */
export function matchOf({ box, width, height }) {
  if (!box) return null;
  const mark = make("span", { class: "match" });
  lay(mark, box, fitted({ left: 0, top: 0, width: 1, height: 1 }, { width, height }));
  const words = make("span", { class: "visually-hidden" }, ` Matches in a part: ${wordsOf(box)}.`);
  return make("span", {}, mark, words);
}

/** Shows it over an image element of any shape, whose parent is positioned. */
export class Match {
  #image;
  #mark = make("span", { class: "match", hidden: true });
  /** @type {Pick<FoundHit, "box" | "width" | "height"> | null} */
  #hit = null;

  /** @param {HTMLImageElement} image */
  constructor(image) {
    this.#image = image;
    image.after(this.#mark);
    new ResizeObserver(() => this.#lay()).observe(image);
  }

  /** @param {Pick<FoundHit, "box" | "width" | "height"> | null} hit */
  show(hit) {
    this.#hit = hit;
    this.#mark.hidden = !hit?.box;
    this.#lay();
  }

  #lay() {
    const { clientWidth, clientHeight } = this.#image.parentElement ?? this.#image;
    if (!this.#hit?.box || !clientWidth) return;
    const { offsetLeft, offsetTop, offsetWidth, offsetHeight } = this.#image;
    const there = { left: offsetLeft, top: offsetTop, width: offsetWidth, height: offsetHeight };
    const { left, top, width, height } = fitted(there, this.#hit);
    lay(this.#mark, this.#hit.box, {
      left: left / clientWidth,
      top: top / clientHeight,
      width: width / clientWidth,
      height: height / clientHeight,
    });
  }
}
