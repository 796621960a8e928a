// All pictures of a dataset as one long grid: the page scrolls, only the rows near the window exist, their pictures come in windows.
import { call } from "../shared/api.js";
import { addressOf } from "../shared/url-state.js";
import { make, number } from "../shared/elements.js";
import { Places } from "./places.js";

const at = (id) => document.getElementById(id);
const WINDOW = 100;
const SEED = 1;
// how far beyond the window rows are kept, and how long a fast scroll must rest before pictures are asked for
const BEYOND_PX = 600;
const REST_MS = 80;
// what stays free above and below the picture that has the focus
const ABOVE_PX = 120;
const BELOW_PX = 24;

const windowOf = (position) => Math.floor(position / WINDOW);

export class PictureGrid {
  #element;
  #page;
  #places = new Places();
  // what is shown, and a number that grows with it, so that late answers are known as such
  #shown = { dataset: "", order: "" };
  #generation = 0;
  #total = 0;
  #sections = [];
  // number of a window -> {answer, pictures}; id of a picture -> its position
  #windows = new Map();
  #positions = new Map();
  // position -> element; start of a section -> its heading
  #cells = new Map();
  #heads = new Map();
  #focus = 0;
  #timer = null;

  constructor(element, page) {
    this.#element = element;
    this.#page = page;
    addEventListener("scroll", () => this.#render(), { passive: true });
    new ResizeObserver(() => this.#lay()).observe(element);
    element.addEventListener("focusin", (event) => {
      const position = event.target.closest("[data-position]")?.dataset.position;
      if (position !== undefined) this.#moveFocus(Number(position));
    });
    element.addEventListener("keydown", (event) => this.#jump(event));
    at("jump").addEventListener("change", () => this.#goTo(Number(at("jump").value), { focus: false }));
  }

  /** Show a dataset in an order; one that is shown already is only drawn again. */
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
    this.#count(Number(document.querySelector("#datasets a[aria-current]")?.dataset.images ?? 0), []);
    this.#fetch(0);
  }

  /** Return what is known of a picture, or undefined. */
  picture(id) {
    const position = this.#positions.get(id);
    return position === undefined ? undefined : this.#at(position);
  }

  /** Return the id of the picture before or after another in the order of the grid, null at an end. */
  async beside(id, step) {
    const next = (await this.#locate(id)) + step;
    if (!(next >= 0 && next < this.#total)) return null;
    await this.#fetch(windowOf(next));
    return this.#at(next)?.id ?? null;
  }

  /** Move the focus by some pictures; the first move only enters the grid. */
  walk(step) {
    const inside = this.#element.contains(document.activeElement);
    this.#goTo(inside ? this.#focus + step : this.#focus);
  }

  /** Come back from a query: its picture is in view and has the focus. */
  async returnTo(id) {
    const position = await this.#locate(id);
    if (!this.#element.closest("[hidden]")) this.#goTo(position);
  }

  #at(position) {
    return this.#windows.get(windowOf(position))?.pictures?.[position % WINDOW];
  }

  // --- windows of pictures --------------------------------------------------------------------

  /** Return the position of a picture, NaN when it is not in the dataset. */
  async #locate(id) {
    if (!this.#positions.has(id)) {
      const found = await this.#ask({ around: id });
      if (found) this.#take(windowOf(found.offset), found);
    }
    return this.#positions.get(id) ?? NaN;
  }

  /** Ask for a window once; a failure is tried again when it is wanted again. */
  #fetch(index) {
    if (!this.#windows.has(index)) {
      const answer = this.#ask({ offset: index * WINDOW }).then((found) => {
        if (found) this.#take(index, found);
        else if (this.#windows.get(index)?.answer === answer) this.#windows.delete(index);
      });
      this.#windows.set(index, { answer, pictures: null });
    }
    return this.#windows.get(index).answer;
  }

  /** Return what the server says, null when that failed or is wanted no more. */
  async #ask(which) {
    const generation = this.#generation;
    try {
      const found = await call(
        `/api/v1/images/grid/?${new URLSearchParams({ ...this.#shown, seed: SEED, limit: WINDOW, ...which })}`,
      );
      return generation === this.#generation ? found : null;
    } catch (error) {
      if (error.name !== "ApiError") throw error;
      if (generation === this.#generation) {
        at("failure").textContent = error.message;
        at("failure").hidden = false;
      }
      return null;
    }
  }

  #take(index, found) {
    this.#windows.set(index, { answer: Promise.resolve(), pictures: found.pictures });
    found.pictures.forEach((picture, place) => this.#positions.set(picture.id, index * WINDOW + place));
    if (
      found.total !== this.#total ||
      found.categories.length !== this.#sections.filter((section) => section.named).length
    ) {
      this.#count(found.total, found.categories);
    }
    at("pictures-count").textContent = number(this.#total);
    this.#render();
  }

  /** So many pictures there are, and so many of each category, where they are sorted by it. */
  #count(total, categories) {
    this.#total = total;
    this.#sections = categories.length
      ? categories.map((category) => ({ ...category, name: category.name || "no category", named: true }))
      : [{ name: "", start: 0, images: total }];
    at("jump-field").hidden = categories.length < 2;
    at("jump").replaceChildren(
      ...categories.map(
        (category, index) =>
          new Option(`${this.#sections[index].name} (${number(category.images)})`, category.start),
      ),
    );
    this.#clear();
    this.#lay();
  }

  // --- cells ----------------------------------------------------------------------------------

  #lay() {
    if (!this.#element.clientWidth) return;
    if (this.#places.lay(this.#element.clientWidth, this.#sections)) this.#clear();
    this.#element.style.height = `${this.#places.height}px`;
    this.#render();
  }

  #clear() {
    this.#cells.clear();
    this.#heads.clear();
    this.#element.replaceChildren();
  }

  #render() {
    if (!this.#places.side || !this.#total || !this.#element.clientWidth) return;
    const top = this.#element.getBoundingClientRect().top;
    const { positions, heads } = this.#places.between(-top - BEYOND_PX, innerHeight - top + BEYOND_PX);
    // the one with the focus is kept, however far the page was scrolled
    const wanted = [...new Set([...positions, Math.min(this.#focus, this.#total - 1)])];
    const freshHeads = keep(
      this.#heads,
      heads.map((section) => section.start),
      (start) => this.#head(heads.find((section) => section.start === start)),
    );
    const fresh = keep(this.#cells, wanted, (position) => this.#cell(position));
    for (const position of wanted) this.#fill(this.#cells.get(position), position);
    this.#element.append(...freshHeads, ...fresh);
    clearTimeout(this.#timer);
    if (positions.length)
      this.#timer = setTimeout(() => this.#fetchBetween(positions[0], positions.at(-1)), REST_MS);
  }

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

  #cell(position) {
    const cell = make("div", {
      class: "grid-cell",
      role: "listitem",
      "aria-setsize": this.#total,
      "aria-posinset": position + 1,
      "data-position": position,
    });
    const { x, y } = this.#places.of(position);
    cell.style.transform = `translate(${x}px, ${y}px)`;
    cell.style.width = cell.style.height = `${this.#places.side}px`;
    return cell;
  }

  #fill(cell, position) {
    const picture = this.#at(position);
    if (!picture || cell.firstElementChild) return;
    const name = picture.label ? `${picture.label}, ${picture.filename}` : picture.filename;
    cell.append(
      make(
        "a",
        {
          class: "grid-picture",
          href: addressOf({ ...this.#page.state, image: picture.id }),
          "data-image": picture.id,
          tabindex: position === this.#focus ? 0 : -1,
          title: name,
        },
        make("img", { src: picture.thumbnail, alt: name, decoding: "async", draggable: "false" }),
      ),
    );
  }

  #fetchBetween(first, last) {
    if (!this.#element.clientWidth) return;
    for (let index = windowOf(first); index <= windowOf(last); index += 1) this.#fetch(index);
  }

  // --- the keyboard ---------------------------------------------------------------------------

  #moveFocus(position) {
    if (position === this.#focus) return;
    const links = [this.#focus, position].map((place) => this.#cells.get(place)?.firstElementChild);
    this.#focus = position;
    links.forEach((link, index) => link?.setAttribute("tabindex", index ? 0 : -1));
  }

  #jump(event) {
    const goal = { Home: 0, End: this.#total - 1 }[event.key];
    if (goal === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#goTo(goal);
  }

  /** Bring a picture into view; whoever chooses in a field keeps the focus there. */
  async #goTo(wanted, { focus = true } = {}) {
    const position = Math.min(this.#total - 1, Math.max(0, wanted));
    if (!(position >= 0) || !this.#places.side) return;
    const generation = this.#generation;
    this.#moveFocus(position);
    const top = this.#element.getBoundingClientRect().top + this.#places.of(position).y;
    const bottom = top + this.#places.side;
    if (top < ABOVE_PX) scrollBy({ top: top - ABOVE_PX, behavior: "instant" });
    else if (bottom > innerHeight - BELOW_PX)
      scrollBy({ top: bottom - innerHeight + BELOW_PX, behavior: "instant" });
    this.#render();
    await this.#fetch(windowOf(position));
    if (focus && generation === this.#generation && position === this.#focus)
      this.#cells.get(position)?.firstElementChild?.focus({ preventScroll: true });
  }
}

/** Make a map of elements hold exactly the wanted keys: the others are removed, the missing made and returned. */
function keep(elements, wanted, build) {
  const keys = new Set(wanted);
  for (const [key, element] of elements) {
    if (keys.has(key)) continue;
    element.remove();
    elements.delete(key);
  }
  return wanted
    .filter((key) => !elements.has(key))
    .map((key) => {
      elements.set(key, build(key));
      return elements.get(key);
    });
}
