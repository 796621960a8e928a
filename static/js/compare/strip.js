// The strip of pictures to search with: fetched in windows as one scrolls or walks on, none left out.
import { call } from "../shared/api.js";
import { make } from "../shared/elements.js";

const WINDOW = 60;
const SEED = 1; // the same random order as on the Explore page
const AHEAD_PX = 800;

export class Strip {
  #root;
  #link;
  #pictures = [];
  #total = null;
  #fetching = null;
  #asked = "";
  #window = null;

  /** `link(id)` is the address that searches with a picture. */
  constructor(root, link) {
    this.#root = root;
    this.#link = link;
    root.addEventListener("scroll", () => this.#more(), { passive: true });
  }

  /** Show the pictures of a dataset, in an order; resolves with the first one or null. */
  async open(dataset, order) {
    const asked = `${dataset} ${order}`;
    if (asked !== this.#asked) {
      this.#asked = asked;
      this.#pictures = [];
      this.#total = null;
      this.#fetching = null;
      this.#root.replaceChildren();
      this.#root.scrollLeft = 0;
      this.#window = new URLSearchParams({ dataset, order, seed: SEED, limit: WINDOW });
    }
    if (!this.#pictures.length) await this.#fetch();
    return this.#pictures[0] ?? null;
  }

  async #fetch() {
    if (this.#fetching) return this.#fetching;
    if (this.#total !== null && this.#pictures.length >= this.#total) return null;
    const asked = this.#asked;
    this.#window.set("offset", this.#pictures.length);
    this.#fetching = call(`/api/v1/images/grid/?${this.#window}`);
    try {
      const page = await this.#fetching;
      if (asked !== this.#asked) return null;
      this.#total = page.total;
      this.#pictures.push(...page.pictures);
      this.#root.append(...page.pictures.map((picture) => this.#item(picture)));
    } finally {
      if (asked === this.#asked) this.#fetching = null;
    }
    return null;
  }

  #more() {
    const left = this.#root.scrollWidth - this.#root.scrollLeft - this.#root.clientWidth;
    if (left < AHEAD_PX && this.#total !== null) this.#fetch().catch(() => {}); // the next scroll asks again
  }

  #item(picture) {
    const name = picture.label ? `${picture.label}, ${picture.filename}` : picture.filename;
    // one stop for Tab: the arrow keys walk the pictures
    return make(
      "li",
      {},
      make(
        "a",
        { href: this.#link(picture.id), "data-image": picture.id, title: name, tabindex: -1 },
        make("img", {
          src: picture.thumbnail,
          alt: name,
          width: picture.width,
          height: picture.height,
          loading: "lazy",
          decoding: "async",
        }),
      ),
    );
  }

  /** Mark the query and bring it into view; `glide` moves there smoothly. */
  choose(id, { glide = false } = {}) {
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
    const place = chosen.parentElement;
    const left = place.offsetLeft - this.#root.clientWidth / 2 + place.offsetWidth / 2;
    this.#root.scrollTo({ left, behavior: glide ? "smooth" : "instant" });
  }

  /** Return the id of the picture so many steps on from one, or null at the ends. */
  async step(id, by) {
    const index = this.#pictures.findIndex((picture) => picture.id === id);
    if (index + by >= this.#pictures.length) await this.#fetch();
    return this.#pictures[index + by]?.id ?? null;
  }

  /** Focus the chosen picture, when the focus is in the strip. */
  keepFocus() {
    if (this.#root.contains(document.activeElement))
      this.#root.querySelector("[aria-current]")?.focus({ preventScroll: true });
  }
}
