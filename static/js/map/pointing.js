// Which point is meant: the one under the pointer, or the one in keyboard focus.
/** @import { Pair } from "./types.js" */
/** @import { MapRenderer } from "./drawing/renderer.js" */
/** @import { MapOverlay } from "./overlay.js" */
import { toData, toScreen } from "./view.js";

const RING_GAP = 4;
const LEAST_REACH = 7; // CSS pixels around a small point that still count as the point

/**
 * Who hears of the point in question, -1 for none.
 * @typedef {object} Pointed
 * @property {(index: number, left: number, top: number) => void} hover
 * @property {(index: number) => void} focus
 */

export class MapPointing {
  #box;
  #renderer;
  #overlay;
  #on;
  #hovered = -1;
  #focused = -1;
  /** @type {Pair | null} */
  #pointer = null;
  #asked = false;

  /**
   * @param {HTMLElement} box
   * @param {MapRenderer} renderer
   * @param {MapOverlay} overlay
   * @param {Pointed} on
   */
  constructor(box, renderer, overlay, on) {
    this.#box = box;
    this.#renderer = renderer;
    this.#overlay = overlay;
    this.#on = on;
  }

  get hovered() {
    return this.#hovered;
  }

  get focused() {
    return this.#focused;
  }

  /**
   * Return the point at a place of the box, or -1; `least` is how many CSS pixels it may be away.
   * @param {number} left
   * @param {number} top
   * @param {number} least
   */
  pick(left, top, least = 0) {
    const { grid, view, size, reach } = this.#renderer;
    if (!grid) return -1;
    const [x, y] = toData(view, size, left, top);
    return grid.nearest(x, y, Math.max(LEAST_REACH, reach, least) / view.scale, (index) =>
      this.#renderer.isShown(index),
    );
  }

  /**
   * Hover over a place, once a frame at most.
   * @param {number} left
   * @param {number} top
   */
  over(left, top) {
    this.#pointer = [left, top];
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      if (this.#pointer) this.hover(this.pick(...this.#pointer));
    });
  }

  /** The pointer is over nothing any more. */
  leave() {
    this.#pointer = null;
    this.hover(-1);
  }

  /** @param {number} index */
  hover(index) {
    if (index === this.#hovered) return;
    this.#hovered = index;
    this.#box.toggleAttribute("data-over", index >= 0);
    this.#tell();
  }

  /**
   * Give a point the keyboard focus, or with -1 take it away.
   * @param {number} index
   */
  focus(index) {
    if (index === this.#focused) return;
    this.#focused = index;
    this.#tell();
    this.#on.focus(index);
  }

  /** Focus the shown point nearest to the middle of the box. */
  enter() {
    const { grid, view } = this.#renderer;
    if (grid) this.focus(grid.nearestAnywhere(view.x, view.y, (index) => this.#renderer.isShown(index)));
  }

  /**
   * Go to the next point in a direction, if there is one.
   * @param {number} right
   * @param {number} up
   */
  walk(right, up) {
    const next = this.#renderer.grid?.next(this.#focused, right, up, (index) =>
      this.#renderer.isShown(index),
    );
    if (next !== undefined && next >= 0) this.focus(next);
  }

  /**
   * Return [left, top] of a point.
   * @param {number} index
   */
  positionOf(index) {
    const { view, size } = this.#renderer;
    return toScreen(view, size, ...this.#renderer.pointAt(index));
  }

  /** The view or the layout changed: the ring goes with its point. */
  follow() {
    if (this.#pointer) this.over(...this.#pointer);
    this.#tell();
  }

  #tell() {
    const index = this.#hovered >= 0 ? this.#hovered : this.#focused;
    const position = index >= 0 && index < this.#renderer.count ? this.positionOf(index) : null;
    this.#overlay.ring(position, this.#renderer.reach + RING_GAP, { focused: index === this.#focused });
    if (position) this.#on.hover(index, ...position);
    else this.#on.hover(-1, 0, 0);
  }
}
