// The buttons that show why something is similar: while the mouse is over one; a click, a tap or the key w
// keep it until the next, Escape or the same again.
/** @import { Explained } from "./why.js" */
import { closest, elementIn, hasModifier, make, makeSvg } from "../elements.js";
import { Why } from "./why.js";

const REST_MS = 120; // who crosses a button on the way elsewhere asks for nothing
const CELLS = [4, 14].flatMap((y) => [4, 14].map((x) => ({ x, y })));

/**
 * Return the button of a result.
 * @param {number} image the id of its image
 * @param {string} name
 */
export function whyButton(image, name) {
  const cells = CELLS.map(({ x, y }, index) =>
    makeSvg("rect", { x, y, width: 6, height: 6, rx: 1, "data-cell": index }),
  );
  return make(
    "button",
    {
      class: "why-button",
      type: "button",
      "data-why": image,
      "aria-pressed": "false",
      "aria-label": `Why similar: ${name}`,
      title: "Why similar (W)",
    },
    makeSvg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, ...cells),
  );
}

/** The buttons of a list. */
export class WhyButtons {
  #why = new Why();
  #words;
  #explained;
  /** @type {HTMLElement | null} */
  #kept = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} words the element with the words of all of them
   * @param {(button: HTMLElement) => Omit<Explained, "words"> | null} explained what a button explains
   */
  constructor(list, words, explained) {
    this.#words = words;
    this.#explained = explained;
    elementIn(words, ".why-close").addEventListener("click", () => {
      const button = this.#kept;
      this.forget();
      button?.focus({ preventScroll: true });
    });
    list.addEventListener("pointerover", (event) => this.#enter(event));
    list.addEventListener("pointerout", (event) => this.#leave(event));
    list.addEventListener("keydown", (event) => this.#takeKey(event));
    list.addEventListener("click", (event) => {
      const button = closest(event, "[data-why]");
      if (button instanceof HTMLElement) this.#keepOrNot(button);
    });
  }

  /** Explain nothing any more. */
  forget() {
    clearTimeout(this.#timer);
    this.#kept?.setAttribute("aria-pressed", "false");
    this.#kept = null;
    this.#words.removeAttribute("data-kept");
    this.#why.hide();
  }

  /** @param {HTMLElement} button */
  #show(button) {
    const explained = this.#explained(button);
    if (!explained || this.#why.asked === explained.address) return;
    this.#why.show({ ...explained, words: this.#words }).then(() => {
      if (button === this.#kept) this.#uncover(button);
    });
  }

  /**
   * Bring what is kept out from behind its words, where they lie over the page.
   * @param {HTMLElement} button
   */
  #uncover(button) {
    const item = button.closest("li");
    if (!item || getComputedStyle(this.#words).position !== "fixed") return;
    const hidden = item.getBoundingClientRect().bottom - this.#words.getBoundingClientRect().top;
    if (hidden > 0) scrollBy({ top: hidden });
  }

  /** @param {HTMLElement} button */
  #keepOrNot(button) {
    const again = this.#kept === button;
    this.forget();
    if (again) return;
    this.#kept = button;
    this.#words.setAttribute("data-kept", "");
    button.setAttribute("aria-pressed", "true");
    this.#show(button);
  }

  /** @param {PointerEvent} event */
  #enter(event) {
    const button = closest(event, "[data-why]");
    if (event.pointerType !== "mouse" || !(button instanceof HTMLElement)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#show(button), REST_MS);
  }

  /** @param {PointerEvent} event */
  #leave(event) {
    if (event.pointerType !== "mouse" || !closest(event, "[data-why]")) return;
    clearTimeout(this.#timer);
    if (this.#kept) this.#show(this.#kept);
    else this.#why.hide();
  }

  /** @param {KeyboardEvent} event */
  #takeKey(event) {
    if (hasModifier(event)) return;
    if (event.key === "Escape" && this.#kept) {
      event.stopPropagation();
      this.forget();
    }
    const button = event.key === "w" && closest(event, "li")?.querySelector("[data-why]");
    if (!(button instanceof HTMLElement)) return;
    event.preventDefault();
    this.#keepOrNot(button);
  }
}
