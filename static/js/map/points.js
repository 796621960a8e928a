// The points of the map as the graphics card holds them, in the order of the grid, neighbours together.

const FROM = 0;
const TO = 1;
const COLOUR = 2;

export class PointBuffers {
  #gl;
  #vertices;
  #from;
  #to;
  #colour;
  #chosen;
  chosenCount = 0;

  /** @param {WebGL2RenderingContext} gl */
  constructor(gl) {
    this.#gl = gl;
    this.#vertices = gl.createVertexArray();
    this.#from = gl.createBuffer();
    this.#to = gl.createBuffer();
    this.#colour = gl.createBuffer();
    this.#chosen = gl.createBuffer();
    gl.bindVertexArray(this.#vertices);
    this.#attribute(FROM, this.#from, 2, gl.FLOAT, false);
    this.#attribute(TO, this.#to, 2, gl.FLOAT, false);
    this.#attribute(COLOUR, this.#colour, 4, gl.UNSIGNED_BYTE, true);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.#chosen);
    gl.bindVertexArray(null);
  }

  /**
   * @param {number} location
   * @param {WebGLBuffer} buffer
   * @param {number} parts
   * @param {number} kind
   * @param {boolean} normalised
   */
  #attribute(location, buffer, parts, kind, normalised) {
    const gl = this.#gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, parts, kind, normalised, 0, 0);
  }

  /**
   * @param {WebGLBuffer} buffer
   * @param {Float32Array | Uint8Array} data
   */
  #fill(buffer, data) {
    const gl = this.#gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
  }

  /**
   * Take both ends of the way of every point, Float32Array (2 n) each, already in drawing order.
   * @param {Float32Array} from
   * @param {Float32Array} to
   */
  setPositions(from, to) {
    this.#fill(this.#from, from);
    this.#fill(this.#to, to);
  }

  /**
   * Take the colour of every point, Uint8Array (4 n), in drawing order; alpha 0 hides a point.
   * @param {Uint8Array} rgba
   */
  setColours(rgba) {
    this.#fill(this.#colour, rgba);
  }

  /**
   * Take the places in drawing order, Uint32Array, of the points to be drawn once more on top.
   * @param {Uint32Array} positions
   */
  setChosen(positions) {
    const gl = this.#gl;
    gl.bindVertexArray(this.#vertices);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, positions, gl.DYNAMIC_DRAW);
    gl.bindVertexArray(null);
    this.chosenCount = positions.length;
  }

  /**
   * Draw `count` points from place `first` on.
   * @param {number} first
   * @param {number} count
   */
  draw(first, count) {
    this.#gl.bindVertexArray(this.#vertices);
    this.#gl.drawArrays(this.#gl.POINTS, first, count);
  }

  drawChosen() {
    const gl = this.#gl;
    gl.bindVertexArray(this.#vertices);
    gl.drawElements(gl.POINTS, this.chosenCount, gl.UNSIGNED_INT, 0);
  }
}
