// Brings the picture on the canvas up to what is wanted: at once where the graphics card is fast enough, else
// aside, slice by slice, while the last picture is still shown.
import { MapLayer } from "../layer.js";
import { PATIENT, Pace } from "./frame-budget.js";
import { Painter } from "./painter.js";
import { coarser, nearestFirst, overviewPlan, pointsOf, scenePlan, spriteSize } from "./plans.js";
import { sameView } from "../view.js";

const GLIDING_POINT = 2; // CSS pixels; many points on their way are drawn small, which is faster

/**
 * What is wanted comes with every call: {cloud, sprites (or null), view, size of the box, version (another number
 * whenever points, colours or sizes changed), part (of the points' way), calm (nothing moves)}.
 */
export class MapDrawing {
  #plan = null;

  constructor(gl, canvas, canvasBelow) {
    this.gl = gl;
    this.scene = new MapLayer(canvas);
    this.overview = new MapLayer(canvasBelow);
    this.start();
  }

  /** Make what lives on the graphics card, at the start and after the context was lost. */
  start() {
    const { background, ink } = this.painter ?? {};
    this.#plan = null;
    this.painter = new Painter(this.gl);
    if (background) Object.assign(this.painter, { background, ink });
    this.pace = new Pace(this.gl);
  }

  /** Do what one frame has time for, and put both layers where the view has them. */
  frame(wanted) {
    if (!this.pace.busy()) this.#work(wanted);
    this.scene.place(wanted.view, wanted.size);
    this.overview.place(wanted.view, wanted.size);
    this.overview.canvas.hidden = this.overview.plan?.version !== wanted.version;
  }

  /** Is everything wanted on the canvas? */
  isComplete({ version, view }) {
    const { plan } = this.scene;
    return (
      Boolean(plan) && !plan.coarse && plan.version === version && plan.part >= 1 && sameView(plan.view, view)
    );
  }

  /** Is there nothing left to prepare either? */
  isIdle(wanted) {
    return this.isComplete(wanted) && !this.#plan && this.#overviewServes(wanted);
  }

  /** Draw all points on the canvas in this very task; returns the plan of the picture. */
  drawAtOnce(wanted, plan = this.#scenePlan(wanted)) {
    this.scene.resize(plan);
    this.painter.begin(plan, { aside: false });
    this.painter.step(plan, Infinity);
    this.painter.finish(plan, wanted.sprites);
    this.#plan = null;
    this.scene.shows(plan);
    return plan;
  }

  #work(wanted) {
    if (this.#plan && this.#outdated(wanted)) this.#plan = null;
    if (this.#plan && this.painter.isDone(this.#plan)) this.#show();
    if (this.#plan) this.#slice(wanted);
    else this.#begin(wanted);
  }

  #outdated({ version, view, calm }) {
    const plan = this.#plan;
    if (plan.version !== version) return true;
    // while the map moves, a picture of a moment ago is better than none
    return calm && plan.kind === "scene" && (plan.coarse || !sameView(plan.view, view));
  }

  #begin(wanted) {
    if (this.isComplete(wanted)) {
      if (!wanted.calm || this.#overviewServes(wanted)) return;
      this.#plan = { ...overviewPlan(wanted.cloud, wanted.size), version: wanted.version };
    } else {
      const plan = this.#scenePlan(wanted);
      const points = pointsOf(plan);
      if (points <= this.pace.slice) {
        this.drawAtOnce(wanted, plan);
        this.pace.begin(points);
        return;
      }
      if (!wanted.calm) coarser(plan);
      if (plan.part < 1) plan.size = Math.min(plan.size, GLIDING_POINT);
      this.#plan = plan;
    }
    this.painter.begin(this.#plan, { aside: true });
    this.#slice(wanted);
  }

  #slice({ calm, part, sprites }) {
    const patient = calm || part < 1;
    const drawn = this.painter.step(this.#plan, this.pace.slice * (patient ? PATIENT : 1));
    if (this.painter.isDone(this.#plan)) this.painter.finish(this.#plan, sprites);
    this.pace.begin(drawn);
  }

  /** Put a finished picture before the user. */
  #show() {
    const plan = this.#plan;
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
  #overviewServes({ cloud, version }) {
    return cloud.count <= this.pace.slice || this.overview.plan?.version === version;
  }

  #scenePlan({ cloud, sprites, view, size, version, part }) {
    const plan = scenePlan(cloud, view, size, part);
    plan.version = version;
    plan.sprites = sprites && spriteSize(cloud.spacing * view.scale, sprites.cell);
    if (plan.sprites) sprites.want(nearestFirst(cloud, plan), (index) => cloud.placesOf(index));
    return plan;
  }
}
