// A frame over an image says which part of it is searched with: drawn, moved and resized by mouse, keys and
// touch.
/** @import { Box } from "../types.js" */
import { closest, make } from "../../shared/elements.js";
import { fitted } from "../../shared/why/heat.js";
import { drawn, isWhole, moved, resized, WHOLE, wordsOf } from "./box.js";

const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
const LEAST_PX = 8; // of the image itself; the server takes no less
const LEAST = 0.04;
const STEP = 0.02;
const REST_MS = 400; // keys are pressed again and again: what they come to is asked
const KEYS = "Arrow keys move it, with Shift they resize it, Escape takes the whole image.";

/** @type {Record<string, [across: number, along: number]>} */
const STEPS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

/**
 * What a pointer does: from which box it began, where, and what it makes of the place where it is.
 * @typedef {{ id: number, before: Box, make: (at: [number, number]) => Box }} Drag
 */

/** A frame over an image element, whose parent is positioned. */
export class Frame {
  #image;
  #changed;
  #area;
  #held;
  /** @type {Box} */
  #box = WHOLE;
  /** @type {Box} */
  #told = WHOLE; // what was shown or told last, wherever it is being moved to
  /** @type {[number, number]} */
  #least = [LEAST, LEAST];
  /** @type {Drag | null} */
  #drag = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #resting;

  /**
   * @param {HTMLImageElement} image
   * @param {(box: Box) => void} changed told when somebody lets go of it
   */
  constructor(image, changed) {
    this.#image = image;
    this.#changed = changed;
    this.#held = make(
      "div",
      { class: "frame-held", tabindex: 0, role: "group", "aria-roledescription": "frame" },
      ...HANDLES.map((handle) => make("span", { class: "frame-handle", "data-handle": handle })),
    );
    this.#area = make("div", { class: "frame", hidden: true }, this.#held);
    image.after(this.#area);
    new ResizeObserver(() => this.#lay()).observe(image);
    image.addEventListener("load", () => this.#lay());
    this.#area.addEventListener("pointerdown", (event) => this.#begin(event));
    this.#area.addEventListener("pointermove", (event) => this.#follow(event));
    this.#area.addEventListener("pointerup", (event) => this.#end(event));
    this.#area.addEventListener("pointercancel", (event) => this.#giveUp(event));
    // what lies below takes clicks for something else
    this.#area.addEventListener("click", (event) => event.stopPropagation());
    this.#held.addEventListener("keydown", (event) => this.#takeKey(event));
    this.#held.addEventListener("blur", () => this.#settle());
  }

  get box() {
    return this.#box;
  }

  /**
   * Show a box over an image of this size, which is not told to anybody; without one there is no frame.
   * @param {Box | null} box
   * @param {{ width: number, height: number }} [size] in pixels
   */
  show(box, size) {
    if (this.#isBusy(box)) return;
    clearTimeout(this.#resting);
    this.#resting = undefined;
    this.#drag = null;
    if (size?.width && size.height)
      this.#least = [Math.max(LEAST, LEAST_PX / size.width), Math.max(LEAST, LEAST_PX / size.height)];
    this.#area.hidden = !box;
    this.#told = box ?? WHOLE;
    this.#set(this.#told);
    this.#lay();
  }

  /**
   * Whether somebody is moving it, and this is only the answer to what it said before.
   * @param {Box | null} box
   */
  #isBusy(box) {
    const isMoving = this.#drag !== null || this.#resting !== undefined;
    return isMoving && box?.join() === this.#told.join();
  }

  #tell() {
    this.#told = this.#box;
    this.#changed(this.#box);
  }

  focus() {
    this.#held.focus({ preventScroll: true });
  }

  /** @param {Box} box */
  #set(box) {
    this.#box = box;
    const [x0, y0, x1, y1] = box;
    const lies = { left: x0, top: y0, width: x1 - x0, height: y1 - y0 };
    for (const [name, part] of Object.entries(lies)) this.#held.style.setProperty(name, `${100 * part}%`);
    this.#area.toggleAttribute("data-whole", isWhole(box));
    this.#held.setAttribute("aria-label", `Search with ${wordsOf(box)}. ${KEYS}`);
  }

  #lay() {
    const { offsetLeft, offsetTop, offsetWidth, offsetHeight, naturalWidth, naturalHeight } = this.#image;
    const there = { left: offsetLeft, top: offsetTop, width: offsetWidth, height: offsetHeight };
    const size = { width: naturalWidth || 1, height: naturalHeight || 1 };
    // an image that is not shown has no size, and nothing to be framed
    this.#area.classList.toggle("unseen", !offsetWidth || !naturalWidth);
    for (const [name, value] of Object.entries(fitted(there, size)))
      this.#area.style.setProperty(name, `${value}px`);
  }

  // --- pointers ---------------------------------------------------------------------------------

  /**
   * Return where an event is, as shares of the image's sides, inside of it.
   * @param {PointerEvent} event
   * @returns {[number, number]}
   */
  #shareAt(event) {
    const { left, top, width, height } = this.#area.getBoundingClientRect();
    const inside = (/** @type {number} */ value) => Math.min(1, Math.max(0, value));
    return [inside((event.clientX - left) / width), inside((event.clientY - top) / height)];
  }

  /** @param {PointerEvent} event */
  #begin(event) {
    if (!event.isPrimary || event.button !== 0) return;
    const handle = closest(event, "[data-handle]")?.dataset.handle;
    const inside = Boolean(closest(event, ".frame-held")) && !isWhole(this.#box);
    // fingers scroll where there is nothing to take hold of
    if (event.pointerType === "touch" && !handle && !inside) return;
    event.preventDefault();
    event.stopPropagation();
    const [before, from] = [this.#box, this.#shareAt(event)];
    this.#drag = { id: event.pointerId, before, make: this.#work(handle, inside, before, from) };
    this.#area.setPointerCapture(event.pointerId);
    this.focus();
  }

  /**
   * Return what the pointer makes of the places where it comes.
   * @param {string | undefined} handle
   * @param {boolean} inside
   * @param {Box} before
   * @param {[number, number]} from
   * @returns {(at: [number, number]) => Box}
   */
  #work(handle, inside, before, from) {
    if (handle) return (at) => resized(before, handle, at, this.#least);
    if (inside) return (at) => moved(before, at[0] - from[0], at[1] - from[1]);
    const far = (/** @type {[number, number]} */ at) =>
      Math.max(Math.abs(at[0] - from[0]), Math.abs(at[1] - from[1])) > LEAST / 2;
    return (at) => (far(at) ? drawn(from, at, this.#least) : before);
  }

  /** @param {PointerEvent} event */
  #follow(event) {
    if (this.#drag?.id === event.pointerId) this.#set(this.#drag.make(this.#shareAt(event)));
  }

  /** @param {PointerEvent} event */
  #end(event) {
    if (this.#drag?.id !== event.pointerId) return;
    this.#follow(event);
    const { before } = this.#drag;
    this.#drag = null;
    event.stopPropagation();
    if (before.some((value, n) => value !== this.#box[n])) this.#tell();
  }

  /** @param {PointerEvent} event */
  #giveUp(event) {
    if (this.#drag?.id !== event.pointerId) return;
    this.#set(this.#drag.before);
    this.#drag = null;
  }

  // --- keys -------------------------------------------------------------------------------------

  /** @param {KeyboardEvent} event */
  #takeKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = STEPS[event.key];
    const resets = event.key === "Escape" && (!isWhole(this.#box) || this.#drag);
    if (!step && !resets) return;
    event.preventDefault();
    event.stopPropagation();
    if (!step) {
      this.#drag = null;
      this.#set(WHOLE);
      clearTimeout(this.#resting);
      this.#resting = undefined;
      this.#tell();
      return;
    }
    const [x0, y0, x1, y1] = this.#box;
    const [across, along] = step;
    const handle = `${along ? "s" : ""}${across ? "e" : ""}`;
    this.#set(
      event.shiftKey
        ? resized([x0, y0, x1, y1], handle, [x1 + across, y1 + along], this.#least)
        : moved(this.#box, across, along),
    );
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => this.#settle(), REST_MS);
  }

  /** Say what keys have come to. */
  #settle() {
    if (this.#resting === undefined) return;
    clearTimeout(this.#resting);
    this.#resting = undefined;
    this.#tell();
  }
}
