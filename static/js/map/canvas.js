// A canvas that holds a picture of the map as it was a moment ago, and is moved to where it belongs now.
/** @import { Plan, Size, View } from "./types.js" */

/**
 * Return what draws on a canvas without the graphics card.
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasRenderingContext2DSettings} settings
 */
export function contextOf(canvas, settings = {}) {
  const context = canvas.getContext("2d", settings);
  if (!context) throw new Error("This browser draws on no canvas.");
  return context;
}

export class MapCanvas {
  /** @type {Plan | null} */
  plan = null;
  refreshes = 0;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
  }

  /**
   * Give the canvas the size of a picture; empties it if that is another than before.
   * @param {Plan} plan
   */
  resize(plan) {
    const [width, height] = plan.pixels;
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    this.canvas.style.width = `${plan.width}px`;
    this.canvas.style.height = `${plan.height}px`;
  }

  /**
   * Note what the canvas now shows.
   * @param {Plan} plan
   */
  shows(plan) {
    this.plan = plan;
    this.refreshes += 1;
  }

  /**
   * Show pixels read elsewhere; only for a canvas that nothing else draws on.
   * @param {ImageData} image
   * @param {Plan} plan
   */
  put(image, plan) {
    contextOf(this.canvas, { alpha: false }).putImageData(image, 0, 0);
    this.shows(plan);
  }

  /**
   * Move and stretch the canvas so that every point lies where `view` of a box of `size` has it.
   * @param {View} view
   * @param {Size} size
   */
  place(view, size) {
    if (!this.plan) return;
    const { width, height, view: drawn } = this.plan;
    const stretch = view.scale / drawn.scale;
    let left = size.width / 2 + (drawn.x - view.x) * view.scale - (width / 2) * stretch;
    let top = size.height / 2 - (drawn.y - view.y) * view.scale - (height / 2) * stretch;
    if (stretch === 1) {
      // whole pixels stay sharp
      left = Math.round(left * devicePixelRatio) / devicePixelRatio;
      top = Math.round(top * devicePixelRatio) / devicePixelRatio;
    }
    this.canvas.style.transform = `translate(${left}px, ${top}px) scale(${stretch})`;
  }
}
