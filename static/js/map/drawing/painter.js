// Draws pictures of the map, slice by slice where one frame is too short for all points.
/** @import { Pair, Plan, Rgb } from "../types.js" */
/** @import { SpriteSheet } from "./sprites.js" */
import { PointBuffers } from "../points.js";
import { pointProgram } from "./shaders.js";

const NOTHING = [0, 0, 0, 0];

/**
 * A plan is one picture in the making: {view, part, width, height (CSS pixels), ratio (device pixels per CSS
 * pixel), pixels [width, height], upsideDown, size (of a point, CSS pixels), ranges ([first, end…] in drawing
 * order), sprites ({size, opacity} or null)}. The painter adds `aside`, `range`, `place` and `drawn`.
 */
export class Painter {
  #gl;
  #program;
  /** @type {{ texture: WebGLTexture, width: number, height: number } | null} */
  #target = null;
  /** @type {Rgb} */
  background = [1, 1, 1];
  /** @type {Rgb} */
  ink = [0, 0, 0];

  /** @param {WebGL2RenderingContext} gl */
  constructor(gl) {
    this.#gl = gl;
    this.#program = pointProgram(gl);
    this.points = new PointBuffers(gl);
    this.framebuffer = gl.createFramebuffer();
    gl.disable(gl.DEPTH_TEST);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  /**
   * Begin a picture on the canvas, or, with `aside`, on a surface of its own that nobody sees yet.
   * @param {Plan} plan
   * @param {{ aside: boolean }} options
   */
  begin(plan, { aside }) {
    const gl = this.#gl;
    plan.aside = aside;
    Object.assign(plan, { range: 0, next: plan.ranges[0] ?? 0, drawn: 0 });
    if (aside) this.#makeTarget(plan.pixels);
    this.#bind(plan);
    gl.clearColor(...this.background, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
  }

  /** @param {Pair} pixels */
  #makeTarget([width, height]) {
    const gl = this.#gl;
    if (this.#target?.width === width && this.#target?.height === height) return;
    if (this.#target) gl.deleteTexture(this.#target.texture);
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA8, width, height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebuffer);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
    this.#target = { texture, width, height };
  }

  /** @param {Plan} plan */
  #bind(plan) {
    const gl = this.#gl;
    gl.bindFramebuffer(gl.FRAMEBUFFER, plan.aside ? this.framebuffer : null);
    gl.viewport(0, 0, ...plan.pixels);
  }

  /**
   * @param {Plan} plan
   * @param {number} size
   */
  #prepare(plan, size, wash = NOTHING) {
    const gl = this.#gl;
    const { program, uniforms } = this.#program;
    gl.useProgram(program);
    gl.uniform4fv(uniforms.frame, frameOf(plan));
    gl.uniform1f(uniforms.part, plan.part);
    gl.uniform1f(uniforms.size, size * plan.ratio);
    gl.uniform4fv(uniforms.wash, wash);
  }

  /**
   * Draw up to `limit` further points; returns how many.
   * @param {Plan} plan
   * @param {number} limit
   */
  step(plan, limit) {
    this.#bind(plan);
    this.#prepare(plan, plan.size);
    let left = Math.floor(limit);
    while (left > 0 && plan.range < plan.ranges.length) {
      const count = Math.min(left, plan.ranges[plan.range + 1] - plan.next);
      this.points.draw(plan.next, count);
      left -= count;
      plan.next += count;
      plan.drawn += count;
      if (plan.next === plan.ranges[plan.range + 1]) {
        plan.range += 2;
        plan.next = plan.ranges[plan.range] ?? 0;
      }
    }
    return Math.floor(limit) - left;
  }

  /** @param {Plan} plan */
  isDone(plan) {
    return plan.range >= plan.ranges.length;
  }

  /**
   * Draw what lies above the points: pictures, and the points that stand out.
   * @param {Plan} plan
   * @param {SpriteSheet | null} sprites
   */
  finish(plan, sprites) {
    this.#bind(plan);
    if (this.points.chosenCount) {
      this.#prepare(plan, plan.size + 5, [...this.ink, 1]);
      this.points.drawChosen();
      this.#prepare(plan, plan.size + 2);
      this.points.drawChosen();
    }
    if (sprites && plan.sprites) {
      const { size, opacity } = plan.sprites;
      sprites.draw({
        frame: frameOf(plan),
        part: plan.part,
        size: size * plan.ratio,
        ratio: plan.ratio,
        opacity,
      });
    }
  }

  /**
   * Copy a picture made aside to the canvas, which has its size already.
   * @param {Plan} plan
   */
  present(plan) {
    const gl = this.#gl;
    const [width, height] = plan.pixels;
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, this.framebuffer);
    gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, null);
    gl.blitFramebuffer(0, 0, width, height, 0, 0, width, height, gl.COLOR_BUFFER_BIT, gl.NEAREST);
  }

  /**
   * Return the pixels of a picture made aside, as ImageData.
   * @param {Plan} plan
   */
  read(plan) {
    const gl = this.#gl;
    const [width, height] = plan.pixels;
    const image = new ImageData(width, height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebuffer);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(image.data.buffer));
    return image;
  }
}

/** @param {Plan} plan */
function frameOf({ view, width, height, upsideDown }) {
  return [view.x, view.y, (2 * view.scale) / width, ((upsideDown ? -2 : 2) * view.scale) / height];
}
