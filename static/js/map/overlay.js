// What lies over the map: a ring around the point in question, and the outline of a selection in the making.
/** @import { Pair } from "./types.js" */
import { makeSvg } from "../shared/elements.js";

const LEAST_STEP = 3; // CSS pixels between two corners of a lasso

/**
 * @param {number[]} corners
 * @param {number} left
 * @param {number} top
 */
function isFar(corners, left, top) {
  const [x, y] = corners.slice(-2);
  return Math.hypot(left - x, top - y) >= LEAST_STEP;
}

export class MapOverlay {
  #ring = makeSvg("circle", { class: "map-ring", visibility: "hidden" });
  #outline = makeSvg("path", { class: "map-selection" });
  /** @type {number[]} */
  #corners = [];
  #isBox = false;

  /** @param {HTMLElement} box */
  constructor(box) {
    box.append(makeSvg("svg", { class: "map-overlay", "aria-hidden": "true" }, this.#outline, this.#ring));
  }

  /**
   * Put the ring around a place of the box, or take it away where `place` is null.
   * @param {Pair | null} position
   */
  ring(position, radius = 0, { focused = false } = {}) {
    this.#ring.setAttribute("visibility", position ? "visible" : "hidden");
    if (!position) return;
    this.#ring.setAttribute("class", focused ? "map-ring focused" : "map-ring");
    this.#ring.setAttribute("cx", String(position[0]));
    this.#ring.setAttribute("cy", String(position[1]));
    this.#ring.setAttribute("r", String(radius));
  }

  /**
   * @param {number} left
   * @param {number} top
   * @param {{ isBox: boolean }} options
   */
  begin(left, top, { isBox }) {
    this.#isBox = isBox;
    this.#corners = [left, top];
  }

  /**
   * @param {number} left
   * @param {number} top
   */
  extend(left, top) {
    const corners = this.#corners;
    if (this.#isBox) {
      const [x, y] = corners;
      this.#corners = [x, y, left, y, left, top, x, top];
    } else if (isFar(corners, left, top)) {
      corners.push(left, top);
    }
    this.#outline.setAttribute("d", `M${this.#corners.join(" ")}Z`);
  }

  /** Take the outline away and return its corners [left, top…], or null where it encloses nothing. */
  end() {
    const corners = this.#corners;
    this.#corners = [];
    this.#outline.setAttribute("d", "");
    return corners.length >= 6 ? corners : null;
  }
}
