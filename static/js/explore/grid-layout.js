// Where each picture of a grid of squares lies: sections one below the other, each with a heading if it is
// named.
/** @import { LaidSection, Section } from "./types.js" */
const GAP = 6;
const HEAD = 44;
const SIDE = 112;
const FEWEST_COLUMNS = 3;

export class GridLayout {
  side = 0;
  height = 0;
  #columns = 0;
  /** @type {LaidSection[]} */
  #sections = [];

  /**
   * `sections` are {name, start, images, named}, in order of `start`; returns whether the squares have
   * changed.
   * @param {number} width
   * @param {Section[]} sections
   */
  lay(width, sections) {
    const columns = Math.max(FEWEST_COLUMNS, Math.floor((width + GAP) / (SIDE + GAP)));
    const side = (width - (columns - 1) * GAP) / columns;
    const changed = columns !== this.#columns || Math.abs(side - this.side) > 0.01;
    [this.#columns, this.side] = [columns, side];
    let top = 0;
    this.#sections = sections.map((section) => {
      const body = top + (section.named ? HEAD : 0);
      const laid = { ...section, top, body };
      top = body + Math.ceil(section.images / columns) * (side + GAP);
      return laid;
    });
    this.height = Math.max(0, top - GAP);
    return changed;
  }

  /**
   * Return the left upper corner of the picture at a position.
   * @param {number} position
   */
  of(position) {
    const section = this.#sections[this.#last("start", position)];
    const inside = position - section.start;
    const pitch = this.side + GAP;
    return {
      x: (inside % this.#columns) * pitch,
      y: section.body + Math.floor(inside / this.#columns) * pitch,
    };
  }

  /**
   * Return the positions and the named sections that lie between two heights.
   * @param {number} from
   * @param {number} to
   */
  between(from, to) {
    /** @type {number[]} */
    const positions = [];
    /** @type {LaidSection[]} */
    const heads = [];
    const pitch = this.side + GAP;
    for (
      let index = this.#last("top", from);
      index < this.#sections.length && this.#sections[index].top <= to;
      index += 1
    ) {
      const section = this.#sections[index];
      if (section.named) heads.push(section);
      const first = Math.max(0, Math.floor((from - section.body) / pitch));
      const last = Math.floor((to - section.body) / pitch);
      const end = Math.min(section.images, (last + 1) * this.#columns);
      for (let inside = first * this.#columns; inside < end; inside += 1)
        positions.push(section.start + inside);
    }
    return { positions, heads };
  }

  /**
   * Return the last section whose value is not beyond the given one, the first where all are.
   * @param {"start" | "top"} name
   * @param {number} value
   */
  #last(name, value) {
    let [low, high] = [0, this.#sections.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#sections[middle][name] <= value) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
