// Which point is meant: the one under the pointer, or the one in keyboard focus.
import { toData, toScreen } from "./view.js";

const RING_GAP = 4;
const LEAST_REACH = 7; // CSS pixels around a small point that still count as the point

export class MapPointing {
  #box;
  #renderer;
  #overlay;
  #on;
  #hovered = -1;
  #focused = -1;
  #pointer = null;
  #asked = false;

  /** `on` is {hover(index or -1, left, top), focus(index or -1)}. */
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

  /** Return the point at a place of the box, or -1. */
  pick(left, top) {
    const { grid, view, size, reach } = this.#renderer;
    if (!grid) return -1;
    const [x, y] = toData(view, size, left, top);
    return grid.nearest(x, y, Math.max(LEAST_REACH, reach) / view.scale, (index) =>
      this.#renderer.isShown(index),
    );
  }

  /** Hover over a place, once a frame at most. */
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

  hover(index) {
    if (index === this.#hovered) return;
    this.#hovered = index;
    this.#box.toggleAttribute("data-over", index >= 0);
    this.#tell();
  }

  /** Give a point the keyboard focus, or with -1 take it away. */
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

  /** Go to the next point in a direction, if there is one. */
  walk(right, up) {
    const next = this.#renderer.grid.next(this.#focused, right, up, (index) => this.#renderer.isShown(index));
    if (next >= 0) this.focus(next);
  }

  /** Return [left, top] of a point. */
  placeOf(index) {
    const { grid, view, size } = this.#renderer;
    return toScreen(view, size, grid.xy[2 * index], grid.xy[2 * index + 1]);
  }

  /** The view or the layout changed: the ring goes with its point. */
  follow() {
    if (this.#pointer) this.over(...this.#pointer);
    this.#tell();
  }

  #tell() {
    const index = this.#hovered >= 0 ? this.#hovered : this.#focused;
    const place = index >= 0 && index < this.#renderer.count ? this.placeOf(index) : null;
    this.#overlay.ring(place, this.#renderer.reach + RING_GAP, { focused: index === this.#focused });
    if (place) this.#on.hover(index, ...place);
    else this.#on.hover(-1, 0, 0);
  }
}
