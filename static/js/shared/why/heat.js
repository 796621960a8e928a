// Draws what each cell of a feature map has in a score over the image that the map is of.
/** @import { Square } from "../types.js" */
import { make } from "../elements.js";

/** @typedef {{ cells: number[][], square: Square }} Shares */
/** @typedef {{ row: number, column: number, share: number }} Cell */

// adds and takes away: told apart by everybody, on light and dark images
const ADDS = [240, 110, 20];
const TAKES = [40, 110, 235];
const STRONGEST = 205; // of 255: the image stays to be seen
const FLAT = 1e-9;

/**
 * Return the largest share of some maps, by its size.
 * @param {(number[][] | null)[]} maps
 */
export const largest = (...maps) =>
  Math.max(FLAT, ...maps.flatMap((map) => (map ?? []).flat().map(Math.abs)));

/**
 * Return the shares without a part of the score that is spread over them evenly.
 * @param {number[][]} cells
 * @param {number} part
 */
export function without(cells, part) {
  const each = part / (cells.length * cells[0].length);
  return cells.map((row) => row.map((share) => share - each));
}

/**
 * Return the colours of cells, four bytes each: the hue says the sign, the opacity the size of a share.
 * @param {number[][]} cells
 * @param {number} most the share that has the full colour
 */
export function coloursOf(cells, most) {
  const bytes = cells.flat().flatMap((share) => {
    const opacity = Math.min(1, Math.abs(share) / most) * STRONGEST;
    return [...(share < 0 ? TAKES : ADDS), Math.round(opacity)];
  });
  return new Uint8ClampedArray(bytes);
}

/**
 * Return in words what a cell has in a score; shares of next to nothing are told as they are.
 * @param {number} share
 * @param {number} score
 * @param {string} [of] what the score is called
 */
export function wordsOf(share, score, of = "score") {
  if (Math.abs(score) < 0.05) return `This cell: ${signed(share, 3)} of a ${of} of ${signed(score, 3)}`;
  return `This cell: ${signed((100 * share) / score, 1)} % of the ${of}`;
}

/**
 * @param {number} value
 * @param {number} digits
 */
function signed(value, digits) {
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/**
 * Return where an image that is fitted into its element is seen, in pixels of its container.
 * @param {{ left: number, top: number, width: number, height: number }} element
 * @param {{ width: number, height: number }} image
 */
export function fitted(element, image) {
  const scale = Math.min(element.width / image.width, element.height / image.height);
  const [width, height] = [image.width * scale, image.height * scale];
  return {
    left: element.left + (element.width - width) / 2,
    top: element.top + (element.height - height) / 2,
    width,
    height,
  };
}

/** What lies over an image element, whose parent is its container. */
export class Heat {
  #image;
  #shares;
  #element;
  #mark = make("span", { class: "heat-mark", hidden: true });
  #pointed;
  #resized = new ResizeObserver(() => this.#lay());
  #ends = new AbortController();
  /** @type {Cell | null} */
  #cell = null;

  /**
   * @param {HTMLImageElement} image
   * @param {Shares} shares
   * @param {{ most: number, pointed?: (cell: Cell | null) => void, keys?: string }} options
   *   `keys` names it for those who walk through the cells by the arrow keys
   */
  constructor(image, shares, { most, pointed = () => {}, keys }) {
    this.#image = image;
    this.#shares = shares;
    this.#pointed = pointed;
    const canvas = make("canvas", { width: shares.cells[0].length, height: shares.cells.length });
    const [rows, columns] = [canvas.height, canvas.width];
    const pixels = new ImageData(coloursOf(shares.cells, most), columns, rows);
    canvas.getContext("2d")?.putImageData(pixels, 0, 0);
    const held = make("span", { class: "heat-square" }, canvas, this.#mark);
    const named = keys ? { tabindex: 0, role: "group", "aria-label": keys } : { "aria-hidden": "true" };
    this.#element = make("span", { class: "heat", ...named }, held);
    const [x0, y0, x1, y1] = shares.square;
    held.style.left = `${100 * x0}%`;
    held.style.top = `${100 * y0}%`;
    held.style.width = `${100 * (x1 - x0)}%`;
    held.style.height = `${100 * (y1 - y0)}%`;
    image.after(this.#element);
    this.#lay();
    this.#resized.observe(image);
    const { signal } = this.#ends;
    const area = image.parentElement;
    image.addEventListener("load", () => this.#lay(), { signal });
    for (const kind of /** @type {const} */ (["pointermove", "pointerdown"]))
      area?.addEventListener(kind, (event) => this.#pointAt(event), { signal });
    area?.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.#point(null), {
      signal,
    });
    if (keys) this.#element.addEventListener("keydown", (event) => this.#walk(event), { signal });
  }

  /** Take it off the image. */
  remove() {
    this.#resized.disconnect();
    this.#ends.abort();
    this.#element.remove();
  }

  #lay() {
    const { offsetLeft, offsetTop, offsetWidth, offsetHeight, naturalWidth, naturalHeight } = this.#image;
    const size = {
      width: naturalWidth || this.#image.width || 1,
      height: naturalHeight || this.#image.height || 1,
    };
    const box = { left: offsetLeft, top: offsetTop, width: offsetWidth, height: offsetHeight };
    for (const [name, value] of Object.entries(fitted(box, size)))
      this.#element.style.setProperty(name, `${value}px`);
  }

  /** @param {PointerEvent} event */
  #pointAt(event) {
    const { left, top, right, bottom } = this.#element.getBoundingClientRect();
    const outside =
      event.clientX < left || event.clientX > right || event.clientY < top || event.clientY > bottom;
    if (outside) {
      this.#point(null);
      return;
    }
    const [x0, y0, x1, y1] = this.#shares.square;
    const x = (event.clientX - left) / (right - left);
    const y = (event.clientY - top) / (bottom - top);
    this.#point(this.#at((y - y0) / (y1 - y0), (x - x0) / (x1 - x0)));
  }

  /**
   * @param {number} down
   * @param {number} across
   */
  #at(down, across) {
    const { cells } = this.#shares;
    const [row, column] = [Math.floor(down * cells.length), Math.floor(across * cells[0].length)];
    const share = cells[row]?.[column];
    return share === undefined ? null : { row, column, share };
  }

  /** @param {KeyboardEvent} event */
  #walk(event) {
    /** @type {Record<string, [number, number]>} */
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = steps[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const { cells } = this.#shares;
    const from = this.#cell ?? { row: Math.floor(cells.length / 2), column: Math.floor(cells[0].length / 2) };
    const row = Math.min(cells.length - 1, Math.max(0, from.row + step[0]));
    const column = Math.min(cells[0].length - 1, Math.max(0, from.column + step[1]));
    this.#point({ row, column, share: cells[row][column] });
  }

  /** @param {Cell | null} cell */
  #point(cell) {
    if (cell?.row === this.#cell?.row && cell?.column === this.#cell?.column) return;
    this.#cell = cell;
    this.#mark.hidden = !cell;
    if (cell) {
      const { cells } = this.#shares;
      const [height, width] = [100 / cells.length, 100 / cells[0].length];
      this.#mark.style.left = `${cell.column * width}%`;
      this.#mark.style.top = `${cell.row * height}%`;
      this.#mark.style.width = `${width}%`;
      this.#mark.style.height = `${height}%`;
    }
    this.#pointed(cell);
  }
}
