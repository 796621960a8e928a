// What the map knows of its points: where they are and go, their categories, which are shown, which stand
// out.
/** @import { Categories, Rgb, Way } from "../types.js" */
import { NO_CATEGORY } from "../data.js";
import { PointGrid } from "../grid.js";

const ALPHA = 230;
const DIMMED_ALPHA = 36;
/** @type {Rgb} */
const GREY = [128, 128, 128];

export class PointSet {
  #categories;
  #colours;
  /** @type {Rgb} */
  #none = GREY;
  /** @type {Uint8Array | null} */
  #mask = null;
  #noneShown = true;
  #chosen = new Uint8Array(0);
  /** @type {Uint32Array | null} */
  #positions = null; // where each point is in drawing order; made when first needed

  /**
   * `xy` Float32Array (2 n), `categories` Uint8Array or Uint16Array (n), `colours` Uint8Array (3 a category).
   * @param {Float32Array} xy
   * @param {Categories} categories
   * @param {Uint8Array} colours
   */
  constructor(xy, categories, colours) {
    if (categories.length * 2 !== xy.length) {
      throw new Error(`A map of ${xy.length / 2} points needs as many categories, not ${categories.length}.`);
    }
    this.#categories = categories;
    this.#colours = colours;
    this.from = xy;
    this.to = xy;
    this.grid = new PointGrid(xy);
    this.spacing = this.grid.typicalSpacing();
    this.chosen = new Uint32Array(0);
  }

  get count() {
    return this.#categories.length;
  }

  /**
   * Let every point set out for `xy` from where it is, a `part` of its last way.
   * @param {Float32Array} xy
   * @param {number} part
   */
  goTo(xy, part) {
    if (xy.length !== this.to.length) {
      throw new Error(`A layout of ${xy.length / 2} points cannot follow one of ${this.count}.`);
    }
    const { from, to } = this;
    this.from = part >= 1 ? to : from.map((value, at) => value + (to[at] - value) * part);
    this.to = xy;
    // picking and culling go by where the points arrive
    this.grid = new PointGrid(xy);
    this.spacing = this.grid.typicalSpacing();
    this.#positions = null;
  }

  /** @param {Uint8Array} colours */
  setColours(colours, none = GREY) {
    this.#colours = colours;
    this.#none = none;
  }

  /**
   * @param {Categories} categories
   * @param {Uint8Array} colours
   */
  setCategories(categories, colours) {
    if (categories.length !== this.count) {
      throw new Error(`A map of ${this.count} points needs as many categories, not ${categories.length}.`);
    }
    this.#categories = categories;
    this.#colours = colours;
    this.#mask = null;
  }

  /**
   * Show the categories whose entry in `mask` is not 0; null shows all.
   * @param {Uint8Array | null} mask
   */
  setFilter(mask, noneShown = true) {
    this.#mask = mask;
    this.#noneShown = noneShown;
  }

  /** @param {Iterable<number>} indices */
  choose(indices) {
    this.chosen = Uint32Array.from(indices);
    this.#chosen = new Uint8Array(this.chosen.length ? this.count : 0);
    for (const index of this.chosen) this.#chosen[index] = 1;
  }

  /** @param {number} index */
  isShown(index) {
    const category = this.#categories[index];
    return category === NO_CATEGORY ? this.#noneShown : !this.#mask || this.#mask[category] !== 0;
  }

  /**
   * Return [red, green, blue, alpha], 0 to 255; alpha 0 where the point is filtered away.
   * @param {number} index
   * @returns {[red: number, green: number, blue: number, alpha: number]}
   */
  colourOf(index) {
    const category = this.#categories[index];
    const alpha = !this.isShown(index)
      ? 0
      : this.#chosen.length && !this.#chosen[index]
        ? DIMMED_ALPHA
        : ALPHA;
    if (category === NO_CATEGORY) return [...this.#none, alpha];
    return [
      this.#colours[3 * category],
      this.#colours[3 * category + 1],
      this.#colours[3 * category + 2],
      alpha,
    ];
  }

  /** Return the colours of all points, Uint8Array (4 n), in drawing order. */
  paint() {
    const rgba = new Uint8Array(4 * this.count);
    const { order } = this.grid;
    for (let position = 0; position < order.length; position += 1) {
      const index = order[position];
      const category = this.#categories[index];
      const at = 4 * position;
      if (category === NO_CATEGORY) {
        [rgba[at], rgba[at + 1], rgba[at + 2]] = this.#none;
      } else {
        rgba[at] = this.#colours[3 * category];
        rgba[at + 1] = this.#colours[3 * category + 1];
        rgba[at + 2] = this.#colours[3 * category + 2];
      }
      if (this.isShown(index))
        rgba[at + 3] = this.#chosen.length && !this.#chosen[index] ? DIMMED_ALPHA : ALPHA;
    }
    return rgba;
  }

  /**
   * Return both ends of every point's way, Float32Array (2 n) each, in drawing order.
   * @returns {[from: Float32Array, to: Float32Array]}
   */
  ways() {
    const from = this.#ordered(this.from);
    return [from, this.from === this.to ? from : this.#ordered(this.to)];
  }

  /** @param {Float32Array} xy */
  #ordered(xy) {
    const sorted = new Float32Array(xy.length);
    const { order } = this.grid;
    for (let position = 0; position < order.length; position += 1) {
      sorted[2 * position] = xy[2 * order[position]];
      sorted[2 * position + 1] = xy[2 * order[position] + 1];
    }
    return sorted;
  }

  /** Return the places in drawing order of the chosen points. */
  chosenPositions() {
    if (!this.chosen.length) return this.chosen;
    const positions = this.#positions ?? new Uint32Array(this.count);
    if (!this.#positions) this.grid.order.forEach((index, position) => (positions[index] = position));
    this.#positions = positions;
    return this.chosen.map((index) => positions[index]);
  }

  /**
   * Return what the drawing of a picture needs of a point.
   * @param {number} index
   * @returns {Way}
   */
  wayOf(index) {
    const at = 2 * index;
    return {
      from: [this.from[at], this.from[at + 1]],
      to: [this.to[at], this.to[at + 1]],
      colour: this.colourOf(index),
    };
  }
}
