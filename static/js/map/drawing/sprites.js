// Small pictures for the points one has zoomed in to, cut from the pages of a sprite sheet as they are
// needed.
/** @import { Program, SpriteSource, Way } from "../types.js" */
import { spriteProgram } from "./shaders.js";

const SHEET_PIXELS = 2048;
const LOADS_AT_ONCE = 2;
const BORDER = 2;
const VERTEX_FLOATS = 5; // from x, y, to x, y, slot

/**
 * What is drawn; `size` and `ratio` in pixels of the device.
 * @typedef {object} Drawn
 * @property {number[]} frame
 * @property {number} part
 * @property {number} size
 * @property {number} ratio
 * @property {number} opacity
 */

export class SpriteSheet {
  #gl;
  #source;
  #changed;
  /** @type {Program} */
  #program;
  /** @type {WebGLTexture | null} */
  #texture = null;
  /** @type {WebGLVertexArrayObject | null} */
  #vertices = null;
  /** @type {WebGLBuffer | null} */
  #positions = null;
  /** @type {WebGLBuffer | null} */
  #colours = null;
  #count = 0;
  #slotOf;
  #owner;
  #usedAt;
  #tick = 0;
  #hand = 0;
  /** @type {Map<number, number[]>} */
  #wanted = new Map();
  /** @type {Set<number>} */
  #loading = new Set();
  /** @type {Set<number>} */
  #failed = new Set();
  #closed = false;

  /**
   * `atlas` is {cell (pixels a side), columns, perPage (sprites), pages: [address], numbers (Uint32Array,
   * sprite of each point; without it point i has sprite i)}; sprite s is on page s / perPage. `changed()` is
   * called when more pictures have come.
   * @param {WebGL2RenderingContext} gl
   * @param {SpriteSource} source
   * @param {() => void} changed
   */
  constructor(gl, source, changed) {
    this.#gl = gl;
    this.#source = source;
    this.#changed = changed;
    this.cell = source.cell;
    this.perRow = Math.floor(SHEET_PIXELS / source.cell);
    this.capacity = this.perRow * this.perRow;
    this.#slotOf = new Int32Array(source.perPage * source.pages.length).fill(-1);
    this.#owner = new Int32Array(this.capacity).fill(-1);
    this.#usedAt = new Uint32Array(this.capacity);
    this.#program = spriteProgram(gl);
    this.restore(gl);
  }

  /**
   * Make the texture and the program, at the start and after the context was lost.
   * @param {WebGL2RenderingContext} gl
   */
  restore(gl) {
    this.#gl = gl;
    this.#program = spriteProgram(gl);
    this.#texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.#texture);
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA8, SHEET_PIXELS, SHEET_PIXELS);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    this.#slotOf.fill(-1);
    this.#owner.fill(-1);
    this.#vertices = gl.createVertexArray();
    this.#positions = gl.createBuffer();
    this.#colours = gl.createBuffer();
    gl.bindVertexArray(this.#vertices);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#positions);
    const stride = VERTEX_FLOATS * Float32Array.BYTES_PER_ELEMENT;
    for (const [location, parts, offset] of [
      [0, 2, 0],
      [1, 2, 8],
      [3, 1, 16],
    ]) {
      gl.enableVertexAttribArray(location);
      gl.vertexAttribPointer(location, parts, gl.FLOAT, false, stride, offset);
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#colours);
    gl.enableVertexAttribArray(2);
    gl.vertexAttribPointer(2, 4, gl.UNSIGNED_BYTE, true, 0, 0);
    gl.bindVertexArray(null);
  }

  /** Let go of the texture; what still loads is dropped. */
  close() {
    this.#closed = true;
    this.#gl.deleteTexture(this.#texture);
  }

  /** How many pages could not be loaded; their points stay points. */
  get failedPages() {
    return this.#failed.size;
  }

  /**
   * Choose the points, nearest to the middle first, whose pictures are drawn next; fetches those not here
   * yet.
   * @param {number[]} indices
   * @param {(index: number) => Way} wayOf
   */
  want(indices, wayOf) {
    this.#tick += 1;
    this.#wanted.clear();
    /** @type {[index: number, slot: number][]} */
    const ready = [];
    for (const index of indices.slice(0, this.capacity)) {
      const sprite = this.#source.numbers ? this.#source.numbers[index] : index;
      const slot = this.#slotOf[sprite];
      if (slot === undefined) continue; // a picture that came after the atlas was made
      if (slot >= 0) {
        this.#usedAt[slot] = this.#tick;
        ready.push([index, slot]);
        continue;
      }
      const page = Math.floor(sprite / this.#source.perPage);
      const sprites = this.#wanted.get(page) ?? [];
      sprites.push(sprite);
      this.#wanted.set(page, sprites);
    }
    this.#upload(ready, wayOf);
    this.#fetch();
  }

  /**
   * @param {[index: number, slot: number][]} ready
   * @param {(index: number) => Way} wayOf
   */
  #upload(ready, wayOf) {
    const gl = this.#gl;
    const positions = new Float32Array(ready.length * VERTEX_FLOATS);
    const colours = new Uint8Array(ready.length * 4);
    // the nearest to the middle is drawn last, above the others
    ready.reverse().forEach(([index, slot], number) => {
      const { from, to, colour } = wayOf(index);
      positions.set([...from, ...to, slot], number * VERTEX_FLOATS);
      colours.set(colour, number * 4);
    });
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#positions);
    gl.bufferData(gl.ARRAY_BUFFER, positions, gl.DYNAMIC_DRAW);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#colours);
    gl.bufferData(gl.ARRAY_BUFFER, colours, gl.DYNAMIC_DRAW);
    this.#count = ready.length;
  }

  #fetch() {
    for (const page of this.#wanted.keys()) {
      if (this.#loading.size >= LOADS_AT_ONCE) return;
      if (!this.#loading.has(page) && !this.#failed.has(page)) this.#load(page);
    }
  }

  /** @param {number} page */
  async #load(page) {
    this.#loading.add(page);
    try {
      const answer = await fetch(this.#source.pages[page], { credentials: "same-origin" });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const bitmap = await createImageBitmap(await answer.blob());
      if (!this.#closed) this.#cut(page, bitmap);
      bitmap.close();
    } catch {
      this.#failed.add(page);
    }
    this.#loading.delete(page);
    if (this.#closed) return;
    this.#changed();
    this.#fetch();
  }

  /**
   * Copy the wanted pictures of a page to the texture.
   * @param {number} page
   * @param {ImageBitmap} bitmap
   */
  #cut(page, bitmap) {
    const gl = this.#gl;
    const { cell, columns, perPage } = this.#source;
    gl.bindTexture(gl.TEXTURE_2D, this.#texture);
    for (const sprite of this.#wanted.get(page) ?? []) {
      const slot = this.#freeSlot();
      if (slot < 0) break;
      if (this.#owner[slot] >= 0) this.#slotOf[this.#owner[slot]] = -1;
      this.#owner[slot] = sprite;
      this.#slotOf[sprite] = slot;
      this.#usedAt[slot] = this.#tick;
      const number = sprite % perPage;
      gl.pixelStorei(gl.UNPACK_SKIP_PIXELS, (number % columns) * cell);
      gl.pixelStorei(gl.UNPACK_SKIP_ROWS, Math.floor(number / columns) * cell);
      const [left, top] = [(slot % this.perRow) * cell, Math.floor(slot / this.perRow) * cell];
      gl.texSubImage2D(gl.TEXTURE_2D, 0, left, top, cell, cell, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
    }
    gl.pixelStorei(gl.UNPACK_SKIP_PIXELS, 0);
    gl.pixelStorei(gl.UNPACK_SKIP_ROWS, 0);
    this.#wanted.delete(page);
  }

  /** Return a slot that shows nothing wanted now, or -1. */
  #freeSlot() {
    for (let tried = 0; tried < this.capacity; tried += 1) {
      this.#hand = (this.#hand + 1) % this.capacity;
      if (this.#owner[this.#hand] < 0 || this.#usedAt[this.#hand] < this.#tick) return this.#hand;
    }
    return -1;
  }

  /**
   * Draw the chosen ones.
   * @param {Drawn} options
   */
  draw({ frame, part, size, ratio, opacity }) {
    if (!this.#count) return;
    const gl = this.#gl;
    const { program, uniforms } = this.#program;
    gl.useProgram(program);
    gl.bindTexture(gl.TEXTURE_2D, this.#texture);
    gl.uniform4fv(uniforms.frame, frame);
    gl.uniform1f(uniforms.part, part);
    gl.uniform1f(uniforms.size, size);
    gl.uniform1f(uniforms.slotsPerRow, this.perRow);
    gl.uniform1f(uniforms.cell, this.#source.cell);
    gl.uniform1f(uniforms.span, SHEET_PIXELS / this.#source.cell);
    gl.uniform1f(uniforms.border, BORDER * ratio);
    gl.uniform1f(uniforms.opacity, opacity);
    gl.bindVertexArray(this.#vertices);
    gl.drawArrays(gl.POINTS, 0, this.#count);
  }
}
