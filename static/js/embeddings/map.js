// The map on the page: points, colours, filter and what is lit, drawn by the renderer, with the view kept in
// words that hold for a window of any size.
/** @import { MapPoints } from "../map/types.js" */
/** @import { MapListener } from "../map/interaction.js" */
/** @import { MapView } from "./types.js" */
import { MapRenderer } from "../map/drawing/renderer.js";
import { tokenColour } from "../map/drawing/screen.js";
import { MapInteraction } from "../map/interaction.js";
import { elementIn } from "../shared/elements.js";

const SAME = 0.001;

export class PageMap {
  #box;
  #atHome = true;
  #inMotion = false;
  #told;

  /**
   * `on` is what MapInteraction takes; throws MapUnavailableError.
   * @param {HTMLElement} box
   * @param {MapListener} on
   */
  constructor(box, on) {
    this.#box = box;
    this.#told = on.onView;
    this.renderer = new MapRenderer(elementIn(box, "canvas", HTMLCanvasElement));
    this.interaction = new MapInteraction(box, this.renderer, { ...on, onView: () => this.#viewed() });
    this.theme();
    // everything stays in view when the window changes
    new ResizeObserver(() => {
      this.renderer.resize();
      if (this.renderer.grid && this.#atHome) this.interaction.camera.show(this.renderer.home());
      else this.interaction.refresh();
    }).observe(box);
  }

  #viewed() {
    if (this.#inMotion) return;
    this.#atHome = this.isHome();
    this.#told?.(this.renderer.view);
  }

  isHome() {
    const [home, view] = [this.renderer.home(), this.renderer.view];
    /**
     * @param {number} a
     * @param {number} b
     */
    const near = (a, b) => Math.abs(a - b) * home.scale < 1;
    return near(home.x, view.x) && near(home.y, view.y) && Math.abs(view.scale / home.scale - 1) < SAME;
  }

  /**
   * [x, y, zoom], zoom 1 showing everything; null where everything is shown.
   * @returns {MapView | null}
   */
  get view() {
    const { x, y, scale } = this.renderer.view;
    return this.isHome() ? null : [x, y, scale / this.renderer.home().scale];
  }

  /**
   * Show a view as `view` tells it.
   * @param {MapView | null} view
   */
  lookAt(view, { glide = false } = {}) {
    const home = this.renderer.home();
    const to = view ? { x: view[0], y: view[1], scale: view[2] * home.scale } : home;
    this.#atHome = !view;
    this.interaction.camera.show(to, { glide });
  }

  /**
   * Look at these points, as near as their extent allows.
   * @param {Iterable<number>} indices
   */
  lookAtPoints(indices) {
    const { size, spacing } = this.renderer;
    let [minX, minY, maxX, maxY] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const index of indices) {
      const [x, y] = this.renderer.pointAt(index);
      [minX, maxX] = [Math.min(minX, x), Math.max(maxX, x)];
      [minY, maxY] = [Math.min(minY, y), Math.max(maxY, y)];
    }
    const least = 8 * spacing;
    const scale =
      0.8 * Math.min(size.width / Math.max(maxX - minX, least), size.height / Math.max(maxY - minY, least));
    const home = this.renderer.home();
    this.lookAt([(minX + maxX) / 2, (minY + maxY) / 2, Math.max(1, scale / home.scale)], { glide: true });
  }

  /**
   * Show points that were not here before.
   * @param {MapPoints} points
   * @param {Uint16Array} numbers
   * @param {Uint8Array} colours
   */
  setPoints(points, numbers, colours) {
    this.renderer.setPoints(points.xy, numbers, colours);
    this.lookAt(null);
    this.interaction.refresh();
  }

  /**
   * Let the points that are here glide to another layer; the view goes along where it shows everything.
   * @param {MapPoints} points
   * @param {number} duration
   */
  async glide(points, duration) {
    const atHome = this.#atHome;
    this.#inMotion = true;
    const arrived = this.renderer.setTargets(points.xy, { duration });
    if (atHome) this.interaction.camera.show(this.renderer.home(), { glide: duration > 0 });
    await arrived;
    this.#inMotion = false;
    this.#atHome = atHome;
    this.interaction.refresh();
  }

  /**
   * Colour the points: a number for each, [red, green, blue] for each number.
   * @param {Uint16Array} numbers
   * @param {Uint8Array} colours
   */
  colour(numbers, colours) {
    this.renderer.setCategories(numbers, colours);
  }

  theme() {
    this.renderer.setTheme({
      background: tokenColour("--surface", this.#box),
      ink: tokenColour("--ink", this.#box),
    });
  }

  /**
   * @param {Uint8Array | null} mask
   * @param {boolean} noneShown
   */
  filter(mask, noneShown) {
    this.renderer.setFilter(mask, noneShown);
    this.interaction.refresh();
  }

  /** Return the shown points in view, ascending. */
  inView() {
    const { view, size, grid } = this.renderer;
    const [across, down] = [size.width / 2 / view.scale, size.height / 2 / view.scale];
    /** @type {number[]} */
    const found = [];
    const seen = { minX: view.x - across, minY: view.y - down, maxX: view.x + across, maxY: view.y + down };
    grid?.each(seen, (index) => this.renderer.isShown(index) && found.push(index));
    return Uint32Array.from(found).sort();
  }
}
