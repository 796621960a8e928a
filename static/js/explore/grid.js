// All pictures of a dataset as one long grid: the page scrolls, only the rows near the window exist, their
// pictures come in windows.
/** @import { GridWindow, ImageSummary } from "../shared/types.js" */
/** @import { ExplorePage, LaidSection, Section } from "./types.js" */
import { ApiError, call } from "../shared/api.js";
import { byId, closest, elementsIn, make } from "../shared/elements.js";
import { fail } from "../shared/failure.js";
import { number } from "../shared/format.js";
import { addressOf } from "../shared/experiments/url-state.js";
import { GridLayout } from "./grid-layout.js";
import { siteAddress } from "../shared/site.js";

const WINDOW = 100;
const SEED = 1;
// how far beyond the window rows are kept, and how long a fast scroll must rest before pictures are asked for
const BEYOND_PX = 600;
const AT_FIRST_PX = 0; // before anybody has scrolled: the first view is there the sooner
const REST_MS = 80;
// what stays free above and below the picture that has the focus
const ABOVE_PX = 120;
const BELOW_PX = 24;

/** @param {number} position */
const windowOf = (position) => Math.floor(position / WINDOW);

/**
 * A window of the grid: what was asked for, and the images that came.
 * @typedef {{ answer: Promise<void>, images: ImageSummary[] | null }} GridPart
 */

/** Return how many images the chosen dataset has, as the page was told. */
export const imagesOfDataset = () =>
  Number(elementsIn(document, "#datasets a[aria-current]").at(0)?.dataset.images ?? 0);

export class ImageGrid {
  #element;
  #page;
  #beyond = AT_FIRST_PX;
  #layout = new GridLayout();
  // what is shown, and a number that grows with it, so that late answers are known as such
  #shown = { dataset: "", order: "" };
  #generation = 0;
  #total = 0;
  /** @type {Section[]} */
  #sections = [];
  // number of a window -> what is known of it; id of an image -> its position
  /** @type {Map<number, GridPart>} */
  #windows = new Map();
  /** @type {Map<number, number>} */
  #positions = new Map();
  // position -> element; start of a section -> its heading
  /** @type {Map<number, HTMLElement>} */
  #cells = new Map();
  /** @type {Map<number, HTMLElement>} */
  #heads = new Map();
  #focus = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {HTMLElement} element
   * @param {ExplorePage} page
   */
  constructor(element, page) {
    this.#element = element;
    this.#page = page;
    const scrolled = () => {
      this.#beyond = BEYOND_PX;
      this.#render();
    };
    addEventListener("scroll", scrolled, { passive: true });
    new ResizeObserver(() => this.#lay()).observe(element);
    element.addEventListener("focusin", (event) => {
      const position = closest(event, "[data-position]")?.dataset.position;
      if (position !== undefined) this.#moveFocus(Number(position));
    });
    element.addEventListener("keydown", (event) => this.#jump(event));
    const jump = byId("jump", HTMLSelectElement);
    jump.addEventListener("change", () => this.#goTo(Number(jump.value), { focus: false }));
  }

  /**
   * Show a dataset in an order; one that is shown already is only drawn again.
   * @param {string} dataset
   * @param {string} order
   */
  show(dataset, order) {
    if (dataset === this.#shown.dataset && order === this.#shown.order) {
      this.#render();
      return;
    }
    this.#shown = { dataset, order };
    this.#generation += 1;
    this.#windows = new Map();
    this.#positions = new Map();
    this.#focus = 0;
    this.#count(imagesOfDataset(), []);
    this.#fetch(0);
  }

  /**
   * Return what is known of a picture, or undefined.
   * @param {number} id
   */
  image(id) {
    const position = this.#positions.get(id);
    return position === undefined ? undefined : this.#imageAt(position);
  }

  /**
   * Return the id of the picture before or after another in the order of the grid, null at an end.
   * @param {number} id
   * @param {number} step
   */
  async beside(id, step) {
    const next = (await this.#locate(id)) + step;
    if (!(next >= 0 && next < this.#total)) return null;
    await this.#fetch(windowOf(next));
    return this.#imageAt(next)?.id ?? null;
  }

  /**
   * Move the focus by some pictures; the first move only enters the grid.
   * @param {number} step
   */
  walk(step) {
    const inside = this.#element.contains(document.activeElement);
    this.#goTo(inside ? this.#focus + step : this.#focus);
  }

  /**
   * Come back from a query: its picture is in view and has the focus.
   * @param {number} id
   */
  async returnTo(id) {
    const position = await this.#locate(id);
    if (!this.#element.closest("[hidden]")) this.#goTo(position);
  }

  /** @param {number} position */
  #imageAt(position) {
    return this.#windows.get(windowOf(position))?.images?.[position % WINDOW];
  }

  // --- windows of pictures --------------------------------------------------------------------

  /**
   * Return the position of a picture, NaN when it is not in the dataset.
   * @param {number} id
   */
  async #locate(id) {
    if (!this.#positions.has(id)) {
      const found = await this.#ask({ around: id });
      if (found) this.#take(windowOf(found.offset), found);
    }
    return this.#positions.get(id) ?? NaN;
  }

  /**
   * Ask for a window once; a failure is tried again when it is wanted again.
   * @param {number} index
   */
  #fetch(index) {
    const known = this.#windows.get(index);
    if (known) return known.answer;
    const answer = this.#ask({ offset: index * WINDOW }).then((found) => {
      if (found) this.#take(index, found);
      else if (this.#windows.get(index)?.answer === answer) this.#windows.delete(index);
    });
    this.#windows.set(index, { answer, images: null });
    return answer;
  }

  /**
   * Return what the server says, null when that failed or is wanted no more.
   * @param {Record<string, number>} which
   */
  async #ask(which) {
    const generation = this.#generation;
    const asked = new URLSearchParams(this.#shown);
    for (const [name, value] of Object.entries({ seed: SEED, limit: WINDOW, ...which }))
      asked.set(name, String(value));
    try {
      /** @type {GridWindow} */
      const found = await call(siteAddress(`/api/v1/images/grid/?${asked}`));
      return generation === this.#generation ? found : null;
    } catch (error) {
      if (generation === this.#generation || !(error instanceof ApiError)) fail(error);
      return null;
    }
  }

  /**
   * @param {number} index
   * @param {GridWindow} found
   */
  #take(index, found) {
    this.#windows.set(index, { answer: Promise.resolve(), images: found.pictures });
    found.pictures.forEach((image, at) => this.#positions.set(image.id, index * WINDOW + at));
    if (
      found.total !== this.#total ||
      found.categories.length !== this.#sections.filter((section) => section.named).length
    ) {
      this.#count(found.total, found.categories);
    }
    byId("pictures-count").textContent = number(this.#total);
    this.#render();
  }

  /**
   * So many pictures there are, and so many of each category, where they are sorted by it.
   * @param {number} total
   * @param {GridWindow["categories"]} categories
   */
  #count(total, categories) {
    this.#total = total;
    this.#sections = categories.length
      ? categories.map((category) => ({ ...category, name: category.name || "no category", named: true }))
      : [{ name: "", start: 0, images: total }];
    byId("jump-field").hidden = categories.length < 2;
    byId("jump").replaceChildren(
      ...categories.map(
        (category, index) =>
          new Option(`${this.#sections[index].name} (${number(category.images)})`, String(category.start)),
      ),
    );
    this.#clear();
    this.#lay();
  }

  // --- cells ----------------------------------------------------------------------------------

  #lay() {
    if (!this.#element.clientWidth) return;
    if (this.#layout.lay(this.#element.clientWidth, this.#sections)) this.#clear();
    this.#element.style.height = `${this.#layout.height}px`;
    this.#render();
  }

  #clear() {
    this.#cells.clear();
    this.#heads.clear();
    this.#element.replaceChildren();
  }

  #render() {
    if (!this.#layout.side || !this.#total || !this.#element.clientWidth) return;
    const top = this.#element.getBoundingClientRect().top;
    const { positions, heads } = this.#layout.between(-top - this.#beyond, innerHeight - top + this.#beyond);
    // the one with the focus is kept, however far the page was scrolled
    const wanted = [...new Set([...positions, Math.min(this.#focus, this.#total - 1)])];
    const sections = new Map(heads.map((section) => [section.start, section]));
    const freshHeads = keep(this.#heads, sections, (_, section) => this.#head(section));
    const cells = new Map(wanted.map((position) => [position, position]));
    const fresh = keep(this.#cells, cells, (position) => this.#cell(position));
    for (const [position, cell] of this.#cells) this.#fill(cell, position);
    this.#element.append(...freshHeads, ...fresh);
    clearTimeout(this.#timer);
    const [first, last] = [positions.at(0), positions.at(-1)];
    if (first !== undefined && last !== undefined)
      this.#timer = setTimeout(() => this.#fetchBetween(first, last), REST_MS);
  }

  /** @param {LaidSection} section */
  #head(section) {
    const head = make(
      "div",
      { class: "grid-head", role: "presentation" },
      make("strong", {}, section.name),
      make("span", { class: "muted number small" }, number(section.images)),
    );
    head.style.transform = `translateY(${section.top}px)`;
    return head;
  }

  /** @param {number} position */
  #cell(position) {
    const cell = make("div", {
      class: "grid-cell",
      role: "listitem",
      "aria-setsize": this.#total,
      "aria-posinset": position + 1,
      "data-position": position,
    });
    const { x, y } = this.#layout.of(position);
    cell.style.transform = `translate(${x}px, ${y}px)`;
    cell.style.width = cell.style.height = `${this.#layout.side}px`;
    return cell;
  }

  /**
   * @param {HTMLElement} cell
   * @param {number} position
   */
  #fill(cell, position) {
    const image = this.#imageAt(position);
    if (!image || cell.firstElementChild) return;
    const name = image.label ? `${image.label}, ${image.filename}` : image.filename;
    cell.append(
      make(
        "a",
        {
          class: "grid-picture",
          href: addressOf({ ...this.#page.state, image: image.id }),
          "data-image": image.id,
          tabindex: position === this.#focus ? 0 : -1,
          title: name,
        },
        make("img", { src: image.thumbnail, alt: name, decoding: "async", draggable: "false" }),
      ),
    );
  }

  /**
   * @param {number} first
   * @param {number} last
   */
  #fetchBetween(first, last) {
    if (!this.#element.clientWidth) return;
    for (let index = windowOf(first); index <= windowOf(last); index += 1) this.#fetch(index);
  }

  // --- the keyboard ---------------------------------------------------------------------------

  /** @param {number} position */
  #moveFocus(position) {
    if (position === this.#focus) return;
    const links = [this.#focus, position].map((at) => this.#cells.get(at)?.firstElementChild);
    this.#focus = position;
    links.forEach((link, index) => link?.setAttribute("tabindex", index ? "0" : "-1"));
  }

  /** @param {KeyboardEvent} event */
  #jump(event) {
    /** @type {Record<string, number>} */
    const goals = { Home: 0, End: this.#total - 1 };
    const goal = goals[event.key];
    if (goal === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#goTo(goal);
  }

  /**
   * Bring a picture into view; whoever chooses in a field keeps the focus there.
   * @param {number} wanted
   */
  async #goTo(wanted, { focus = true } = {}) {
    const position = Math.min(this.#total - 1, Math.max(0, wanted));
    if (!(position >= 0) || !this.#layout.side) return;
    const generation = this.#generation;
    this.#moveFocus(position);
    const top = this.#element.getBoundingClientRect().top + this.#layout.of(position).y;
    const bottom = top + this.#layout.side;
    if (top < ABOVE_PX) scrollBy({ top: top - ABOVE_PX, behavior: "instant" });
    else if (bottom > innerHeight - BELOW_PX)
      scrollBy({ top: bottom - innerHeight + BELOW_PX, behavior: "instant" });
    this.#render();
    await this.#fetch(windowOf(position));
    if (focus && generation === this.#generation && position === this.#focus)
      this.#cells.get(position)?.querySelector("a")?.focus({ preventScroll: true });
  }
}

/**
 * Make a map of elements hold exactly the wanted keys: the others are removed, the missing made and returned.
 * @template Wanted
 * @param {Map<number, HTMLElement>} elements
 * @param {Map<number, Wanted>} wanted
 * @param {(key: number, value: Wanted) => HTMLElement} build
 */
function keep(elements, wanted, build) {
  for (const [key, element] of elements) {
    if (wanted.has(key)) continue;
    element.remove();
    elements.delete(key);
  }
  const fresh = [];
  for (const [key, value] of wanted) {
    if (elements.has(key)) continue;
    const element = build(key, value);
    elements.set(key, element);
    fresh.push(element);
  }
  return fresh;
}
