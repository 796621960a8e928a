// Brings the picture on the canvas up to what is wanted: at once where the graphics card is fast enough, else
// aside, slice by slice, while the last picture is still shown.
/** @import { Plan, Wanted } from "../types.js" */
import { MapCanvas } from "../canvas.js";
import { sameView } from "../view.js";
import { FrameBudget, PATIENT } from "./frame-budget.js";
import { Painter } from "./painter.js";
import { coarser, nearestFirst, overviewPlan, pointsOf, scenePlan, spriteSize } from "./plans.js";

const GLIDING_POINT = 2; // CSS pixels; many points on their way are drawn small, which is faster

/** What is wanted comes with every call. */
export class MapDrawing {
  /** @type {Plan | null} */
  #plan = null;

  /**
   * @param {WebGL2RenderingContext} gl
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLCanvasElement} canvasBelow
   */
  constructor(gl, canvas, canvasBelow) {
    this.gl = gl;
    this.scene = new MapCanvas(canvas);
    this.overview = new MapCanvas(canvasBelow);
    this.painter = new Painter(gl);
    this.budget = new FrameBudget(gl);
  }

  /** Make what lives on the graphics card anew, after the context was lost. */
  restart() {
    const { background, ink } = this.painter;
    this.#plan = null;
    this.painter = new Painter(this.gl);
    Object.assign(this.painter, { background, ink });
    this.budget = new FrameBudget(this.gl);
  }

  /**
   * Do what one frame has time for, and put both layers where the view has them.
   * @param {Wanted} wanted
   */
  frame(wanted) {
    if (!this.budget.busy()) this.#work(wanted);
    this.scene.place(wanted.view, wanted.size);
    this.overview.place(wanted.view, wanted.size);
    this.overview.canvas.hidden = this.overview.plan?.version !== wanted.version;
  }

  /**
   * Is everything wanted on the canvas?
   * @param {Wanted} wanted
   */
  isComplete({ version, view }) {
    const { plan } = this.scene;
    if (!plan || plan.coarse || plan.part < 1) return false;
    return plan.version === version && sameView(plan.view, view);
  }

  /**
   * Is there nothing left to prepare either?
   * @param {Wanted} wanted
   */
  isIdle(wanted) {
    return this.isComplete(wanted) && !this.#plan && this.#overviewServes(wanted);
  }

  /**
   * Draw all points on the canvas in this very task; returns the plan of the picture.
   * @param {Wanted} wanted
   */
  drawAtOnce(wanted, plan = this.#scenePlan(wanted)) {
    this.scene.resize(plan);
    this.painter.begin(plan, { aside: false });
    this.painter.step(plan, Infinity);
    this.painter.finish(plan, wanted.sprites);
    this.#plan = null;
    this.scene.shows(plan);
    return plan;
  }

  /** @param {Wanted} wanted */
  #work(wanted) {
    if (this.#plan && isOutdated(this.#plan, wanted)) this.#plan = null;
    if (this.#plan && this.painter.isDone(this.#plan)) this.#show(this.#plan);
    if (this.#plan) this.#slice(this.#plan, wanted);
    else this.#begin(wanted);
  }

  /** @param {Wanted} wanted */
  #begin(wanted) {
    const plan = this.#nextPlan(wanted);
    if (!plan) return;
    this.#plan = plan;
    this.painter.begin(plan, { aside: true });
    this.#slice(plan, wanted);
  }

  /**
   * Return what is to be drawn aside; null where nothing is, and where it could be drawn at once.
   * @param {Wanted} wanted
   */
  #nextPlan(wanted) {
    if (this.isComplete(wanted)) {
      if (!wanted.calm || this.#overviewServes(wanted)) return null;
      return overviewPlan(wanted);
    }
    const plan = this.#scenePlan(wanted);
    const count = pointsOf(plan);
    if (count <= this.budget.slice) {
      this.drawAtOnce(wanted, plan);
      this.budget.begin(count);
      return null;
    }
    if (!wanted.calm) coarser(plan);
    if (plan.part < 1) plan.size = Math.min(plan.size, GLIDING_POINT);
    return plan;
  }

  /**
   * @param {Plan} plan
   * @param {Wanted} wanted
   */
  #slice(plan, { calm, part, sprites }) {
    const patient = calm || part < 1;
    const drawn = this.painter.step(plan, this.budget.slice * (patient ? PATIENT : 1));
    if (this.painter.isDone(plan)) this.painter.finish(plan, sprites);
    this.budget.begin(drawn);
  }

  /**
   * Put a finished image before the user.
   * @param {Plan} plan
   */
  #show(plan) {
    this.#plan = null;
    if (plan.kind === "overview") {
      this.overview.resize(plan);
      this.overview.put(this.painter.read(plan), plan);
      return;
    }
    this.scene.resize(plan);
    this.painter.present(plan);
    this.scene.shows(plan);
  }

  // where all points are drawn every frame nothing is ever uncovered
  /** @param {Wanted} wanted */
  #overviewServes({ points, version }) {
    return points.count <= this.budget.slice || this.overview.plan?.version === version;
  }

  /** @param {Wanted} wanted */
  #scenePlan(wanted) {
    const { points, sprites, view } = wanted;
    const plan = scenePlan(wanted);
    plan.sprites = sprites && spriteSize(points.spacing * view.scale, sprites.cell);
    if (sprites && plan.sprites) sprites.want(nearestFirst(points, plan), (index) => points.wayOf(index));
    return plan;
  }
}

/**
 * Is an image in the making no longer worth its time?
 * @param {Plan} plan
 * @param {Wanted} wanted
 */
function isOutdated(plan, { version, view, calm }) {
  if (plan.version !== version) return true;
  // while the map moves, an image of a moment ago is better than none
  return calm && plan.kind === "scene" && (plan.coarse || !sameView(plan.view, view));
}
