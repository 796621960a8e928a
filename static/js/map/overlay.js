// What lies over the map: a ring around the point in question, and the outline of a selection in the making.
import { makeSvg } from "../shared/elements.js";

const LEAST_STEP = 3; // CSS pixels between two corners of a lasso

export class MapOverlay {
  #ring = makeSvg("circle", { class: "map-ring", visibility: "hidden" });
  #outline = makeSvg("path", { class: "map-selection" });
  #corners = [];
  #isBox = false;

  constructor(box) {
    box.append(makeSvg("svg", { class: "map-overlay", "aria-hidden": "true" }, this.#outline, this.#ring));
  }

  /** Put the ring around a place of the box, or take it away where `place` is null. */
  ring(place, radius = 0, { focused = false } = {}) {
    this.#ring.setAttribute("visibility", place ? "visible" : "hidden");
    if (!place) return;
    this.#ring.setAttribute("class", focused ? "map-ring focused" : "map-ring");
    this.#ring.setAttribute("cx", place[0]);
    this.#ring.setAttribute("cy", place[1]);
    this.#ring.setAttribute("r", radius);
  }

  begin(left, top, { isBox }) {
    this.#isBox = isBox;
    this.#corners = [left, top];
  }

  extend(left, top) {
    const corners = this.#corners;
    if (this.#isBox) {
      const [x, y] = corners;
      this.#corners = [x, y, left, y, left, top, x, top];
    } else if (Math.hypot(left - corners.at(-2), top - corners.at(-1)) >= LEAST_STEP) {
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
