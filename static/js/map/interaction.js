// Moves over the map and points at it, with mouse, fingers and keyboard.
//
// Drag, arrows: move. Wheel, pinch, double click, + and -: zoom. 0: everything. Shift and drag: select a box.
// Alt and drag: select with a lasso. Enter: go to the point nearest to the middle; then the arrows go from
// point to point (with Shift they move the map), Space selects it or not, Enter opens it, Escape leaves it.
/** @import { Pair, View } from "./types.js" */
/** @import { MapRenderer } from "./drawing/renderer.js" */
import { closest } from "../shared/elements.js";
import { MapCamera } from "./camera.js";
import { withinPolygon } from "./grid.js";
import { MapOverlay } from "./overlay.js";
import { MapPointing } from "./pointing.js";
import { toData } from "./view.js";

// right and up
/** @type {Record<string, Pair>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const KEY_PAN = 80;
const KEY_ZOOM = 1.5;
const EDGE = 48; // a focused point nearer to the edge than this moves the map
const DRAG_FROM = 4; // pixels; less is a click
const LINE_PIXELS = 16;
const FINGER_REACH = 20; // CSS pixels: half of what a finger covers
const CONTROLS = "a, button, input, select, textarea";
const nothing = () => {};

/** @typedef {"pan" | "box" | "lasso"} Mode what dragging does */
/** @typedef {{ kind: Mode, left: number, top: number, dragged: boolean }} Drag */
/** @typedef {{ kind: "pinch", left: number, top: number, distance: number }} Pinch */
/**
 * Who hears of what happens: `onHover` of the point under the pointer, else in keyboard focus, -1 for none,
 * `onFocus` of the latter; `onSelect` with the corners of the outline in data units, where there was one.
 * @typedef {object} MapListener
 * @property {(index: number, left: number, top: number) => void} [onHover]
 * @property {(index: number) => void} [onFocus]
 * @property {(index: number) => void} [onOpen]
 * @property {(indices: Uint32Array, corners: number[] | null) => void} [onSelect]
 * @property {(view: View) => void} [onView]
 */

export class MapInteraction {
  #box;
  #renderer;
  #on;
  #overlay;
  #pointing;
  /** @type {Mode} */
  #mode = "pan";
  /** @type {Map<number, Pair>} */
  #pointers = new Map();
  /** @type {Drag | Pinch | null} */
  #gesture = null;
  /** @type {Set<number>} */
  #selected = new Set();
  #stop = new AbortController();

  /**
   * `box` holds the renderer's canvas.
   * @param {HTMLElement} box
   * @param {MapRenderer} renderer
   * @param {MapListener} listener
   */
  constructor(
    box,
    renderer,
    { onHover = nothing, onFocus = nothing, onOpen = nothing, onSelect = nothing, onView = nothing } = {},
  ) {
    this.#box = box;
    this.#renderer = renderer;
    this.#on = { open: onOpen, select: onSelect };
    this.#overlay = new MapOverlay(box);
    this.#pointing = new MapPointing(box, renderer, this.#overlay, { hover: onHover, focus: onFocus });
    this.camera = new MapCamera(renderer, (view) => {
      this.#pointing.follow();
      onView(view);
    });
    this.#listen();
  }

  #listen() {
    const { signal } = this.#stop;
    /**
     * @template {keyof HTMLElementEventMap} Name
     * @param {Name} name
     * @param {(event: HTMLElementEventMap[Name]) => void} work
     */
    const listen = (name, work) => this.#box.addEventListener(name, work, { signal, passive: false });
    listen("pointerdown", (event) => this.#down(event));
    listen("pointermove", (event) => this.#move(event));
    listen("pointerup", (event) => this.#up(event));
    listen("pointercancel", (event) => this.#cancel(event));
    // a finger leaves with the end of its tap: what it has pointed at stays shown
    listen("pointerleave", (event) => {
      if (event.pointerType !== "touch") this.#pointing.leave();
    });
    listen("wheel", (event) => this.#wheel(event));
    listen("dblclick", (event) => this.#doubleClick(event));
    listen("keydown", (event) => this.#key(event));
    listen("blur", () => this.#pointing.focus(-1));
  }

  /** Stop listening. */
  close() {
    this.#stop.abort();
  }

  /** What dragging does. */
  get mode() {
    return this.#mode;
  }

  /** @param {Mode} mode */
  set mode(mode) {
    this.#mode = mode;
    this.#box.dataset.mode = mode;
  }

  /**
   * Zoom around the middle of the box, as the keys + and - do.
   * @param {number} factor
   */
  zoom(factor) {
    const { width, height } = this.#renderer.size;
    this.camera.zoom(factor, width / 2, height / 2, { glide: true });
  }

  /** Tell that points are elsewhere now, or others are shown. */
  refresh() {
    this.#pointing.focus(-1);
    this.#pointing.follow();
  }

  /**
   * Take over a selection that the page made or cleared; says nothing.
   * @param {Iterable<number>} indices
   */
  setSelection(indices) {
    this.#selected = new Set(indices);
  }

  /**
   * @param {MouseEvent} event
   * @returns {Pair}
   */
  #positionOf(event) {
    const bounds = this.#box.getBoundingClientRect();
    return [
      event.clientX - bounds.left - this.#box.clientLeft,
      event.clientY - bounds.top - this.#box.clientTop,
    ];
  }

  /** @param {PointerEvent} event */
  #down(event) {
    // buttons and cards that lie over the map are not the map
    if (!this.#renderer.grid || event.button !== 0 || closest(event, CONTROLS)) return;
    const [left, top] = this.#positionOf(event);
    this.#pointers.set(event.pointerId, [left, top]);
    this.#box.setPointerCapture(event.pointerId);
    this.camera.stop();
    if (this.#pointers.size === 2) {
      this.#overlay.end();
      this.#gesture = { kind: "pinch", ...this.#spread() };
    } else if (this.#pointers.size === 1) {
      const kind = event.altKey ? "lasso" : event.shiftKey ? "box" : this.#mode;
      this.#gesture = { kind, left, top, dragged: false };
      if (kind !== "pan") this.#overlay.begin(left, top, { isBox: kind === "box" });
    }
  }

  /** Middle and distance of two fingers. */
  #spread() {
    const [[ax, ay], [bx, by]] = [...this.#pointers.values()];
    return { left: (ax + bx) / 2, top: (ay + by) / 2, distance: Math.max(1, Math.hypot(ax - bx, ay - by)) };
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const [left, top] = this.#positionOf(event);
    if (!this.#pointers.has(event.pointerId)) {
      if (event.pointerType !== "touch") this.#pointing.over(left, top);
      return;
    }
    this.#pointers.set(event.pointerId, [left, top]);
    const gesture = this.#gesture;
    if (gesture?.kind === "pinch") this.#pinch(gesture);
    else if (gesture) this.#drag(gesture, left, top);
  }

  /** @param {Pinch} gesture */
  #pinch(gesture) {
    if (this.#pointers.size < 2) return;
    const now = this.#spread();
    this.camera.pan(now.left - gesture.left, now.top - gesture.top);
    this.camera.zoom(now.distance / gesture.distance, now.left, now.top);
    Object.assign(gesture, now);
  }

  /**
   * @param {Drag} gesture
   * @param {number} left
   * @param {number} top
   */
  #drag(gesture, left, top) {
    if (!gesture.dragged && Math.hypot(left - gesture.left, top - gesture.top) < DRAG_FROM) return;
    gesture.dragged = true;
    this.#pointing.leave();
    if (gesture.kind !== "pan") {
      this.#overlay.extend(left, top);
      return;
    }
    this.#box.dataset.dragging = "";
    this.camera.pan(left - gesture.left, top - gesture.top);
    Object.assign(gesture, { left, top });
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (!this.#pointers.delete(event.pointerId)) return;
    const gesture = this.#gesture;
    this.#gesture = null;
    delete this.#box.dataset.dragging;
    const outline = this.#overlay.end();
    if (!gesture || gesture.kind === "pinch") return;
    if (!gesture.dragged) this.#click(gesture, event.pointerType);
    else if (outline) this.#selectInside(outline);
  }

  /** @param {PointerEvent} event */
  #cancel(event) {
    this.#pointers.delete(event.pointerId);
    this.#abandon();
  }

  #abandon() {
    this.#gesture = null;
    delete this.#box.dataset.dragging;
    this.#overlay.end();
  }

  /**
   * @param {Drag} gesture
   * @param {string} pointerType
   */
  #click({ left, top }, pointerType) {
    const index = this.#pointing.pick(left, top, pointerType === "touch" ? FINGER_REACH : 0);
    // a finger cannot hover: its first tap shows the point, the next opens it
    if (pointerType === "touch" && index !== this.#pointing.hovered) this.#pointing.hover(index);
    else if (index >= 0) this.#on.open(index);
  }

  /** @param {number[]} outline */
  #selectInside(outline) {
    const { view, size, grid } = this.#renderer;
    if (!grid) return;
    /** @type {number[]} */
    const corners = [];
    for (let i = 0; i < outline.length; i += 2)
      corners.push(...toData(view, size, outline[i], outline[i + 1]));
    const found = withinPolygon(grid, corners, (index) => this.#renderer.isShown(index));
    this.#selected = new Set(found);
    this.#on.select(found, corners);
  }

  /** @param {number} index */
  #toggle(index) {
    if (!this.#selected.delete(index)) this.#selected.add(index);
    this.#on.select(Uint32Array.from(this.#selected).sort(), null);
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    if (!this.#renderer.grid) return;
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PIXELS : 1);
    // a pinch on a touchpad comes as a wheel with the control key, in small steps
    const factor = Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.0015));
    this.camera.zoom(Math.min(2, Math.max(0.5, factor)), ...this.#positionOf(event));
  }

  /** @param {MouseEvent} event */
  #doubleClick(event) {
    const [left, top] = this.#positionOf(event);
    const onMap = this.#renderer.grid && !closest(event, CONTROLS);
    if (onMap && this.#pointing.pick(left, top) < 0) this.camera.zoom(2, left, top, { glide: true });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.#renderer.grid || event.target !== this.#box || event.ctrlKey || event.metaKey || event.altKey)
      return;
    const focused = this.#pointing.focused;
    const arrow = ARROWS[event.key];
    if (arrow && focused >= 0 && !event.shiftKey) this.#walk(arrow);
    else if (arrow) this.camera.pan(-arrow[0] * KEY_PAN, arrow[1] * KEY_PAN, { glide: true });
    else if (event.key === "+" || event.key === "=") this.zoom(KEY_ZOOM);
    else if (event.key === "-") this.zoom(1 / KEY_ZOOM);
    else if (event.key === "0") this.camera.reset();
    else if (event.key === "Enter" && focused >= 0) this.#on.open(focused);
    else if (event.key === "Enter") this.#pointing.enter();
    else if (event.key === " " && focused >= 0) this.#toggle(focused);
    else if (event.key === "Escape" && this.#gesture) this.#abandon();
    else if (event.key === "Escape" && focused >= 0) this.#pointing.focus(-1);
    else return;
    event.preventDefault();
  }

  /** @param {Pair} arrow */
  #walk([right, up]) {
    this.#pointing.walk(right, up);
    const { width, height } = this.#renderer.size;
    const [left, top] = this.#pointing.positionOf(this.#pointing.focused);
    /**
     * @param {number} position
     * @param {number} length
     */
    const beyond = (position, length) =>
      Math.max(0, position - (length - EDGE)) + Math.min(0, position - EDGE);
    const [x, y] = [beyond(left, width), beyond(top, height)];
    if (x || y) this.camera.pan(-x, -y, { glide: true });
  }
}
