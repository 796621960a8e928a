// Where the map is looked at from: moves and zooms within limits, at once or in a short flight.
/** @import { View } from "./types.js" */
/** @import { MapRenderer } from "./drawing/renderer.js" */
import { prefersStillness } from "../shared/motion.js";
import { between, eased, pan, sameView, zoomAround } from "./view.js";

const FLIGHT_MS = 220;
const FARTHEST_OUT = 0.5; // of the scale that shows everything
const CLOSEST_SPACING = 400; // CSS pixels between neighbours
const LEAST_ZOOM = 8; // what one can at least zoom in, however sparse the map

export class MapCamera {
  #renderer;
  #onView;
  /** @type {{ to: View, startedAt: number } | null} */
  #flight = null;

  /**
   * `onView(view)` hears of every change.
   * @param {MapRenderer} renderer
   * @param {(view: View) => void} onView
   */
  constructor(renderer, onView) {
    this.#renderer = renderer;
    this.#onView = onView;
  }

  /** Where the flight under way ends, or the present view. */
  get goal() {
    return this.#flight?.to ?? this.#renderer.view;
  }

  /**
   * Show a view; `glide` takes the way there.
   * @param {View} view
   */
  show(view, { glide = false } = {}) {
    this.stop();
    if (!glide || prefersStillness()) {
      this.#set(view);
      return;
    }
    const from = this.#renderer.view;
    const flight = { to: this.#within(view), startedAt: performance.now() };
    const step = () => {
      if (this.#flight !== flight) return;
      const part = Math.min(1, (performance.now() - flight.startedAt) / FLIGHT_MS);
      if (part < 1) requestAnimationFrame(step);
      else this.#flight = null;
      this.#set(part < 1 ? between(from, flight.to, eased(part)) : flight.to);
    };
    this.#flight = flight;
    requestAnimationFrame(step);
  }

  /** End a flight where it is. */
  stop() {
    this.#flight = null;
  }

  /**
   * Move by CSS pixels, as a hand moves a sheet.
   * @param {number} right
   * @param {number} down
   */
  pan(right, down, { glide = false } = {}) {
    this.show(pan(glide ? this.goal : this.#renderer.view, right, down), { glide });
  }

  /**
   * Zoom by `factor` around a place of the box.
   * @param {number} factor
   * @param {number} left
   * @param {number} top
   */
  zoom(factor, left, top, { glide = false } = {}) {
    const from = glide ? this.goal : this.#renderer.view;
    const home = this.#renderer.home().scale;
    const most = Math.max(home * LEAST_ZOOM, CLOSEST_SPACING / this.#renderer.spacing);
    const scale = Math.min(most, Math.max(home * FARTHEST_OUT, from.scale * factor));
    this.show(zoomAround(from, this.#renderer.size, scale / from.scale, left, top), { glide });
  }

  /** Show everything. */
  reset() {
    this.show(this.#renderer.home(), { glide: true });
  }

  // the middle of the box stays over the map, so that nobody gets lost
  /** @param {View} view */
  #within(view) {
    const { minX, minY, maxX, maxY } = this.#renderer.bounds;
    return {
      x: Math.min(maxX, Math.max(minX, view.x)),
      y: Math.min(maxY, Math.max(minY, view.y)),
      scale: view.scale,
    };
  }

  /** @param {View} view */
  #set(view) {
    const kept = this.#within(view);
    if (sameView(kept, this.#renderer.view)) return;
    this.#renderer.setView(kept);
    this.#onView(kept);
  }
}
