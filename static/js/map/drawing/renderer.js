// Draws the map with WebGL2. While it moves, the last picture, somewhat larger than the box, is moved and stretched by
// the compositor, and the next is drawn aside, in slices that leave the frame its time. At rest everything is drawn
// exactly. A fast graphics card draws all points in one slice, and so every frame anew.
import { Cloud } from "./point-set.js";
import { MapDrawing } from "./drawing.js";
import { pointSize, spriteSize } from "./plans.js";
import { SpriteSheet } from "./sprites.js";
import { eased, fit, sameView } from "../view.js";

const CALM_MS = 40;

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
  #cloud = null;
  #sprites = null;
  #size = { width: 0, height: 0 };
  #view = { x: 0, y: 0, scale: 1 };
  #movedAt = -Infinity;
  #version = 0;
  #glide = null;
  #requested = false;
  #lost = false;
  #waiting = [];
  #stop = new AbortController();

  /** `canvas` lies in a positioned box that clips it; throws MapUnavailableError where there is no WebGL2. */
  constructor(canvas) {
    this.#gl = canvas.getContext("webgl2", { alpha: false, antialias: false, depth: false, stencil: false });
    if (!this.#gl) throw new MapUnavailableError();
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
    this.#drawing.start();
    this.#sprites?.restore(this.#gl);
    if (this.#cloud) this.#upload();
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
    return this.#cloud?.grid ?? null;
  }
  get count() {
    return this.#cloud?.count ?? 0;
  }

  /** How far apart neighbours typically lie, in data units. */
  get spacing() {
    return this.#cloud.spacing;
  }

  /** Half the side of what is drawn for a point now, in CSS pixels. */
  get reach() {
    const { scale } = this.#view;
    const sprite = this.#sprites && spriteSize(this.spacing * scale, this.#sprites.cell);
    return (sprite ? sprite.size : pointSize(this.count, scale / this.home().scale)) / 2;
  }

  /** {count, drawn (of the last picture), refreshes, complete, slice, failedPages}: for measuring and for notices. */
  get report() {
    const { scene, pace } = this.#drawing;
    return {
      count: this.count,
      drawn: scene.plan?.drawn ?? 0,
      refreshes: scene.refreshes,
      complete: Boolean(this.#cloud) && this.#drawing.isComplete(this.#wanted(performance.now())),
      slice: pace.slice,
      failedPages: this.#sprites?.failedPages ?? 0,
    };
  }

  /** Return the view that shows every point. */
  home() {
    return fit(this.#cloud?.grid.bounds ?? { minX: 0, minY: 0, maxX: 1, maxY: 1 }, this.#size);
  }

  isShown(index) {
    return this.#cloud.isShown(index);
  }

  /** Show `xy` Float32Array (2 n) with categories Uint8Array or Uint16Array (n) and colours Uint8Array (3 each). */
  setPoints(xy, categories, colours) {
    this.#endGlide();
    this.#cloud = new Cloud(xy, categories, colours);
    this.#upload();
  }

  /** Let every point glide to `xy` in `duration` milliseconds; the promise is kept when they are there. */
  setTargets(xy, { duration = 1000 } = {}) {
    const part = this.#part(performance.now());
    this.#endGlide();
    this.#cloud.goTo(xy, part);
    this.#upload();
    if (duration <= 0) return this.settled();
    return new Promise((done) => (this.#glide = { startedAt: null, duration, done }));
  }

  setView(view) {
    if (sameView(view, this.#view)) return;
    this.#view = view;
    this.#movedAt = performance.now();
    this.#request();
  }

  /** Make points stand out and dim the others; an empty list ends it. */
  highlight(indices) {
    this.#cloud.choose(indices);
    this.#paint();
  }

  /** Show the categories whose entry in `mask` is not 0 (null: all), and those without one if `noneShown`. */
  setFilter(mask, noneShown = true) {
    this.#cloud.setFilter(mask, noneShown);
    this.#paint();
  }

  /** Change the colours of the categories: Uint8Array, three a category; `none` is that of points without one. */
  setColours(colours, none) {
    this.#cloud.setColours(colours, none);
    this.#paint();
  }

  /** Give the points other categories, as when they are coloured by cluster or score instead. */
  setCategories(categories, colours) {
    this.#cloud.setCategories(categories, colours);
    this.#paint();
  }

  /** Colours of the page, [red, green, blue] 0 to 255: behind the points, and around those that stand out. */
  setTheme({ background, ink }) {
    this.#drawing.painter.background = background.map((part) => part / 255);
    this.#drawing.painter.ink = ink.map((part) => part / 255);
    this.#change();
  }

  /** Show pictures in place of points when zoomed in: see SpriteSheet; null shows none. */
  setSprites(atlas) {
    this.#sprites?.close();
    this.#sprites = atlas && new SpriteSheet(this.#gl, atlas, () => this.#change());
    this.#change();
  }

  resize() {
    const [width, height] = [this.#box.clientWidth, this.#box.clientHeight];
    if (width === this.#size.width && height === this.#size.height) return;
    this.#size = { width, height };
    this.#change();
  }

  /** A promise kept once everything is drawn for the present view. */
  settled() {
    this.#request();
    return new Promise((done) => this.#waiting.push(done));
  }

  /** Draw everything at once and return the box as it is shown, as a PNG Blob. */
  toBlob() {
    const { width, height, ratio } = this.#drawing.drawAtOnce(this.#wanted(performance.now()));
    // read in this very task: the drawing buffer is gone after it
    const picture = document.createElement("canvas");
    [picture.width, picture.height] = [this.#size.width * ratio, this.#size.height * ratio].map(Math.round);
    const [left, top] = [(width - this.#size.width) / 2, (height - this.#size.height) / 2];
    picture.getContext("2d").drawImage(this.#gl.canvas, -left * ratio, -top * ratio);
    this.#request();
    return new Promise((done) => picture.toBlob(done, "image/png"));
  }

  #upload() {
    this.#drawing.painter.points.setPlaces(...this.#cloud.ways());
    this.#paint();
  }

  #paint() {
    this.#drawing.painter.points.setColours(this.#cloud.paint());
    this.#drawing.painter.points.setChosen(this.#cloud.chosenPlaces());
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

  #frame(now) {
    this.#requested = false;
    if (this.#lost || !this.#cloud || !this.#size.width || !this.#size.height) return;
    if (this.#glide && this.#glide.startedAt === null) this.#glide.startedAt = now;
    const wanted = this.#wanted(now);
    this.#drawing.frame(wanted);
    if (this.#drawing.isComplete(wanted)) {
      this.#endGlide();
      this.#waiting.splice(0).forEach((done) => done());
    }
    if (!this.#drawing.isIdle(wanted)) this.#request();
  }

  #wanted(now) {
    const part = this.#part(now);
    return {
      cloud: this.#cloud,
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

  #part(now) {
    if (!this.#glide) return 1;
    if (this.#glide.startedAt === null) return 0;
    const gone = Math.min(1, Math.max(0, (now - this.#glide.startedAt) / this.#glide.duration));
    return gone >= 1 ? 1 : eased(gone);
  }
}
