// Draws the map with WebGL2. While it moves, the last picture, somewhat larger than the box, is moved and
// stretched by the compositor, and the next is drawn aside, in slices that leave the frame its time. At rest
// everything is drawn exactly. A fast graphics card draws all points in one slice, and so every frame anew.
/** @import { Categories, Pair, Rgb, Size, SpriteSource, View, Wanted } from "../types.js" */
import { contextOf } from "../canvas.js";
import { eased, fit, sameView } from "../view.js";
import { MapDrawing } from "./drawing.js";
import { pointSize, spriteSize } from "./plans.js";
import { PointSet } from "./point-set.js";
import { SpriteSheet } from "./sprites.js";

/**
 * @param {Rgb} colour
 * @returns {Rgb}
 */
const fractionsOf = ([red, green, blue]) => [red / 255, green / 255, blue / 255];

const CALM_MS = 40;
const NOWHERE = { minX: 0, minY: 0, maxX: 1, maxY: 1 };

export class MapUnavailableError extends Error {
  constructor() {
    super(
      "This browser cannot draw the map: WebGL2 is missing or switched off. Switch on hardware acceleration, or use another browser.",
    );
    this.name = "MapUnavailableError";
  }
}

export class MapRenderer {
  #gl;
  #box;
  #drawing;
  /** @type {PointSet | null} */
  #points = null;
  /** @type {SpriteSheet | null} */
  #sprites = null;
  /** @type {Size} */
  #size = { width: 0, height: 0 };
  /** @type {View} */
  #view = { x: 0, y: 0, scale: 1 };
  #movedAt = -Infinity;
  #version = 0;
  /** @type {{ startedAt: number | null, duration: number, done: () => void } | null} */
  #glide = null;
  #requested = false;
  #lost = false;
  /** @type {(() => void)[]} */
  #waiting = [];
  #stop = new AbortController();

  /**
   * `canvas` lies in a positioned box that clips it; throws MapUnavailableError where there is no WebGL2.
   * @param {HTMLCanvasElement} canvas
   */
  constructor(canvas) {
    const gl = canvas.getContext("webgl2", { alpha: false, antialias: false, depth: false, stencil: false });
    if (!gl) throw new MapUnavailableError();
    if (!canvas.parentElement) throw new Error("The canvas of a map lies in no box.");
    this.#gl = gl;
    this.#box = canvas.parentElement;
    const below = document.createElement("canvas");
    below.className = canvas.className;
    below.setAttribute("aria-hidden", "true");
    canvas.before(below);
    this.#drawing = new MapDrawing(this.#gl, canvas, below);
    const { signal } = this.#stop;
    canvas.addEventListener(
      "webglcontextlost",
      (event) => {
        event.preventDefault();
        this.#lost = true;
      },
      { signal },
    );
    canvas.addEventListener("webglcontextrestored", () => this.#restore(), { signal });
    const observer = new ResizeObserver(() => this.resize());
    observer.observe(this.#box);
    signal.addEventListener("abort", () => observer.disconnect());
    addEventListener("resize", () => this.#change(), { signal }); // the page zoom changes devicePixelRatio
    this.resize();
  }

  #restore() {
    this.#lost = false;
    this.#drawing.restart();
    this.#sprites?.restore(this.#gl);
    if (this.#points) this.#upload();
  }

  /** Stop listening and drawing. */
  close() {
    this.#stop.abort();
    this.#lost = true;
  }

  get size() {
    return this.#size;
  }

  get view() {
    return this.#view;
  }

  get grid() {
    return this.#points?.grid ?? null;
  }

  get count() {
    return this.#points?.count ?? 0;
  }

  /** The rectangle that holds every point. */
  get bounds() {
    return this.#points?.grid.bounds ?? NOWHERE;
  }

  /**
   * Return where a point is, or arrives.
   * @param {number} index
   * @returns {Pair}
   */
  pointAt(index) {
    const { xy } = this.#shown.grid;
    return [xy[2 * index], xy[2 * index + 1]];
  }

  /** How far apart neighbours typically lie, in data units. */
  get spacing() {
    return this.#shown.spacing;
  }

  /** The points, for what makes no sense without any. */
  get #shown() {
    if (!this.#points) throw new Error("The map has no points yet.");
    return this.#points;
  }

  /** Half the side of what is drawn for a point now, in CSS pixels. */
  get reach() {
    const { scale } = this.#view;
    const sprite = this.#sprites && spriteSize(this.spacing * scale, this.#sprites.cell);
    return (sprite ? sprite.size : pointSize(this.count, scale / this.home().scale)) / 2;
  }

  /**
   * {count, drawn (of the last image), refreshes, complete, slice, failedPages}: for measuring and for
   * notices.
   */
  get report() {
    const { scene, budget } = this.#drawing;
    return {
      count: this.count,
      drawn: scene.plan?.drawn ?? 0,
      refreshes: scene.refreshes,
      complete: Boolean(this.#points) && this.#drawing.isComplete(this.#wanted(performance.now())),
      slice: budget.slice,
      failedPages: this.#sprites?.failedPages ?? 0,
    };
  }

  /** Return the view that shows every point. */
  home() {
    return fit(this.bounds, this.#size);
  }

  /** @param {number} index */
  isShown(index) {
    return this.#shown.isShown(index);
  }

  /**
   * Show `xy` Float32Array (2 n) with categories Uint8Array or Uint16Array (n) and colours Uint8Array (3
   * each).
   * @param {Float32Array} xy
   * @param {Categories} categories
   * @param {Uint8Array} colours
   */
  setPoints(xy, categories, colours) {
    this.#endGlide();
    this.#points = new PointSet(xy, categories, colours);
    this.#upload();
  }

  /**
   * Let every point glide to `xy` in `duration` milliseconds; the promise is kept when they are there.
   * @param {Float32Array} xy
   * @returns {Promise<void>}
   */
  setTargets(xy, { duration = 1000 } = {}) {
    const part = this.#part(performance.now());
    this.#endGlide();
    this.#shown.goTo(xy, part);
    this.#upload();
    if (duration <= 0) return this.settled();
    return new Promise((done) => (this.#glide = { startedAt: null, duration, done }));
  }

  /** @param {View} view */
  setView(view) {
    if (sameView(view, this.#view)) return;
    this.#view = view;
    this.#movedAt = performance.now();
    this.#request();
  }

  /**
   * Make points stand out and dim the others; an empty list ends it.
   * @param {Iterable<number>} indices
   */
  highlight(indices) {
    this.#shown.choose(indices);
    this.#paint();
  }

  /**
   * Show the categories whose entry in `mask` is not 0 (null: all), and those without one if `noneShown`.
   * @param {Uint8Array | null} mask
   */
  setFilter(mask, noneShown = true) {
    this.#shown.setFilter(mask, noneShown);
    this.#paint();
  }

  /**
   * Change the colours of the categories: Uint8Array, three a category; `none` is that of points without one.
   * @param {Uint8Array} colours
   * @param {Rgb} [none]
   */
  setColours(colours, none) {
    this.#shown.setColours(colours, none);
    this.#paint();
  }

  /**
   * Give the points other categories, as when they are coloured by cluster or score instead.
   * @param {Categories} categories
   * @param {Uint8Array} colours
   */
  setCategories(categories, colours) {
    this.#shown.setCategories(categories, colours);
    this.#paint();
  }

  /**
   * Colours of the page, [red, green, blue] 0 to 255: behind the points, and around those that stand out.
   * @param {{ background: Rgb, ink: Rgb }} theme
   */
  setTheme({ background, ink }) {
    this.#drawing.painter.background = fractionsOf(background);
    this.#drawing.painter.ink = fractionsOf(ink);
    this.#change();
  }

  /**
   * Show pictures in place of points when zoomed in: see SpriteSheet; null shows none.
   * @param {SpriteSource | null} sheet
   */
  setSprites(sheet) {
    this.#sprites?.close();
    this.#sprites = sheet && new SpriteSheet(this.#gl, sheet, () => this.#change());
    this.#change();
  }

  resize() {
    const [width, height] = [this.#box.clientWidth, this.#box.clientHeight];
    if (width === this.#size.width && height === this.#size.height) return;
    this.#size = { width, height };
    this.#change();
  }

  /**
   * A promise kept once everything is drawn for the present view.
   * @returns {Promise<void>}
   */
  settled() {
    this.#request();
    return new Promise((done) => this.#waiting.push(done));
  }

  /**
   * Draw everything at once and return the box as it is shown, as a PNG Blob.
   * @returns {Promise<Blob>}
   */
  toBlob() {
    const { width, height, ratio } = this.#drawing.drawAtOnce(this.#wanted(performance.now()));
    // read in this very task: the drawing buffer is gone after it
    const image = document.createElement("canvas");
    image.width = Math.round(this.#size.width * ratio);
    image.height = Math.round(this.#size.height * ratio);
    const [left, top] = [(width - this.#size.width) / 2, (height - this.#size.height) / 2];
    contextOf(image).drawImage(this.#gl.canvas, -left * ratio, -top * ratio);
    this.#request();
    return new Promise((done, failed) =>
      image.toBlob((blob) => (blob ? done(blob) : failed(new Error("The map is empty."))), "image/png"),
    );
  }

  #upload() {
    this.#drawing.painter.points.setPositions(...this.#shown.ways());
    this.#paint();
  }

  #paint() {
    this.#drawing.painter.points.setColours(this.#shown.paint());
    this.#drawing.painter.points.setChosen(this.#shown.chosenPositions());
    this.#change();
  }

  /** What is on the canvas is no longer what should be there. */
  #change() {
    this.#version += 1;
    this.#request();
  }

  #request() {
    if (this.#requested || this.#lost) return;
    this.#requested = true;
    requestAnimationFrame((now) => this.#frame(now));
  }

  /** @param {number} now */
  #frame(now) {
    this.#requested = false;
    if (this.#lost || !this.#points || !this.#size.width || !this.#size.height) return;
    if (this.#glide && this.#glide.startedAt === null) this.#glide.startedAt = now;
    const wanted = this.#wanted(now);
    this.#drawing.frame(wanted);
    if (this.#drawing.isComplete(wanted)) {
      this.#endGlide();
      this.#waiting.splice(0).forEach((done) => done());
    }
    if (!this.#drawing.isIdle(wanted)) this.#request();
  }

  /**
   * @param {number} now
   * @returns {Wanted}
   */
  #wanted(now) {
    const part = this.#part(now);
    return {
      points: this.#shown,
      sprites: this.#sprites,
      view: this.#view,
      size: this.#size,
      version: this.#version,
      part,
      calm: part >= 1 && performance.now() - this.#movedAt > CALM_MS,
    };
  }

  #endGlide() {
    this.#glide?.done();
    this.#glide = null;
  }

  /** @param {number} now */
  #part(now) {
    if (!this.#glide) return 1;
    if (this.#glide.startedAt === null) return 0;
    const gone = Math.min(1, Math.max(0, (now - this.#glide.startedAt) / this.#glide.duration));
    return gone >= 1 ? 1 : eased(gone);
  }
}
