// Learns how many points this machine draws within a frame, by watching when the graphics card has finished a
// slice.

const FIRST_SLICE = 12_000;
const SMALLEST_SLICE = 2_000;
const LARGEST_SLICE = 8_000_000;
const QUICK_MS = 4;
const LATE_MS = 7;
// how much larger slices are when nothing but the picture itself waits for them
export const PATIENT = 16;

export class FrameBudget {
  #gl;
  /** @type {WebGLSync | null} */
  #fence = null;
  #points = 0;
  #quick = false;
  #polls = 0;
  slice = FIRST_SLICE;

  /** @param {WebGL2RenderingContext} gl */
  constructor(gl) {
    this.#gl = gl;
  }

  /**
   * Note that `points` were just handed to the graphics card.
   * @param {number} points
   */
  begin(points) {
    const gl = this.#gl;
    const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    this.#fence = fence;
    gl.flush();
    this.#points = points;
    this.#quick = false;
    this.#polls = 0;
    const begunAt = performance.now();
    setTimeout(() => {
      // a timer that comes late proves nothing
      if (!fence || fence !== this.#fence || performance.now() - begunAt > LATE_MS) return;
      this.#quick = this.#signalled(fence);
    }, QUICK_MS);
  }

  /** Ask once a frame: is the card still at the last slice? Adapts the next slice when it is done. */
  busy() {
    if (!this.#fence) return false;
    this.#polls += 1;
    if (!this.#signalled(this.#fence)) return true;
    this.#gl.deleteSync(this.#fence);
    this.#fence = null;
    this.#adapt();
    return false;
  }

  /** @param {WebGLSync} fence */
  #signalled(fence) {
    const gl = this.#gl;
    return gl.isContextLost() || gl.getSyncParameter(fence, gl.SYNC_STATUS) === gl.SIGNALED;
  }

  #adapt() {
    if (this.#quick && this.#points >= this.slice * 0.9) {
      this.slice = Math.min(LARGEST_SLICE, Math.max(this.slice * 1.25, this.#points));
    } else if (this.#polls > 1 && this.#points <= this.slice) {
      this.slice = Math.max(SMALLEST_SLICE, this.slice * 0.6);
    }
  }
}
