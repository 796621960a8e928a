// The strip of pictures to search with: fetched in windows as one scrolls or walks on, none left out.
/** @import { GridWindow, ImageSummary } from "../shared/types.js" */
import { call } from "../shared/api.js";
import { elementsIn, make } from "../shared/elements.js";
import { siteAddress } from "../shared/site.js";

const WINDOW = 60;
const SEED = 1; // the same random order as on the Explore page
const AHEAD_PX = 800;

export class Strip {
  #root;
  #link;
  /** @type {ImageSummary[]} */
  #images = [];
  /** @type {number | null} */
  #total = null;
  /** @type {Promise<GridWindow> | null} */
  #fetching = null;
  #asked = "";
  #window = new URLSearchParams();

  /**
   * `link(id)` is the address that searches with a picture.
   * @param {HTMLElement} root
   * @param {(id: number) => string} link
   */
  constructor(root, link) {
    this.#root = root;
    this.#link = link;
    root.addEventListener("scroll", () => this.#more(), { passive: true });
  }

  /**
   * Show the pictures of a dataset, in an order; resolves with the first one or null.
   * @param {string} dataset
   * @param {string} order
   */
  async open(dataset, order) {
    const asked = `${dataset} ${order}`;
    if (asked !== this.#asked) {
      this.#asked = asked;
      this.#images = [];
      this.#total = null;
      this.#fetching = null;
      this.#root.replaceChildren();
      this.#root.scrollLeft = 0;
      this.#window = new URLSearchParams({ dataset, order, seed: String(SEED), limit: String(WINDOW) });
    }
    if (!this.#images.length) await this.#fetch();
    return this.#images[0] ?? null;
  }

  async #fetch() {
    if (this.#fetching) {
      await this.#fetching;
      return;
    }
    if (this.#total !== null && this.#images.length >= this.#total) return;
    const asked = this.#asked;
    this.#window.set("offset", String(this.#images.length));
    this.#fetching = call(siteAddress(`/api/v1/images/grid/?${this.#window}`));
    try {
      const page = await this.#fetching;
      if (asked !== this.#asked) return;
      this.#total = page.total;
      this.#images.push(...page.pictures);
      this.#root.append(...page.pictures.map((image) => this.#item(image)));
    } finally {
      if (asked === this.#asked) this.#fetching = null;
    }
  }

  #more() {
    const left = this.#root.scrollWidth - this.#root.scrollLeft - this.#root.clientWidth;
    if (left < AHEAD_PX && this.#total !== null) this.#fetch().catch(() => {}); // the next scroll asks again
  }

  /** @param {ImageSummary} image */
  #item(image) {
    const name = image.label ? `${image.label}, ${image.filename}` : image.filename;
    // one stop for Tab: the arrow keys walk the pictures
    return make(
      "li",
      {},
      make(
        "a",
        { href: this.#link(image.id), "data-image": image.id, title: name, tabindex: -1 },
        make("img", {
          src: image.thumbnail,
          alt: name,
          width: image.width,
          height: image.height,
          loading: "lazy",
          decoding: "async",
        }),
      ),
    );
  }

  /**
   * Mark the query and bring it into view.
   * @param {number | null} id
   */
  choose(id) {
    let chosen = null;
    for (const link of this.#root.querySelectorAll("a")) {
      const found = link.dataset.image === String(id);
      if (found) chosen = link;
      link.toggleAttribute("aria-current", found);
      if (found) link.setAttribute("aria-current", "true");
      link.tabIndex = found ? 0 : -1;
      link.href = this.#link(Number(link.dataset.image));
    }
    if (!chosen) {
      const first = this.#root.querySelector("a");
      if (first) first.tabIndex = 0;
      return;
    }
    const item = chosen.parentElement ?? chosen;
    const left = item.offsetLeft - this.#root.clientWidth / 2 + item.offsetWidth / 2;
    this.#root.scrollTo({ left, behavior: "instant" });
  }

  /**
   * Return the id of the picture so many steps on from one, or null at the ends.
   * @param {number | null} id
   * @param {number} by
   */
  async step(id, by) {
    const index = this.#images.findIndex((image) => image.id === id);
    if (index + by >= this.#images.length) await this.#fetch();
    return this.#images[index + by]?.id ?? null;
  }

  /** Focus the chosen picture, when the focus is in the strip. */
  keepFocus() {
    if (this.#root.contains(document.activeElement))
      elementsIn(this.#root, "[aria-current]").at(0)?.focus({ preventScroll: true });
  }
}
