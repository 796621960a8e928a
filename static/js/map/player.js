// Plays through the layouts of a map, one after the other and round again: play, pause, step, speed.
import { prefersStillness } from "../shared/motion.js";
/** @import { PlayerState } from "./types.js" */

const GLIDE_MS = 1400;
const REST_MS = 700;

/**
 * How a player plays `count` layouts: `show` shows one and promises that every point is in its place,
 * `onChange` hears of every change, `at` is the one shown first.
 * @typedef {object} PlayerOptions
 * @property {number} count
 * @property {(number: number, how: { duration: number }) => Promise<unknown>} show
 * @property {(state: PlayerState) => void} [onChange]
 * @property {number} [at]
 */

export class MapPlayer {
  #count;
  #show;
  #onChange;
  #at;
  #speed = 1;
  #playing = false;
  #turn = 0;

  /** @param {PlayerOptions} options */
  constructor({ count, show, onChange = () => {}, at = 0 }) {
    this.#count = count;
    this.#show = show;
    this.#onChange = onChange;
    this.#at = at;
  }

  /** @returns {PlayerState} */
  get state() {
    return { at: this.#at, count: this.#count, playing: this.#playing, speed: this.#speed };
  }

  /** Go through all layouts until paused; from the last one it begins again. */
  async play() {
    if (this.#playing || this.#count < 2) return;
    this.#playing = true;
    const turn = this.#begin();
    this.#tell();
    try {
      while (this.#playing && turn === this.#turn) {
        await this.#glide((this.#at + 1) % this.#count);
        await pause(REST_MS / this.#speed);
      }
    } catch (error) {
      if (turn === this.#turn) this.pause();
      throw error;
    }
  }

  /** Stop; points under way finish their glide. */
  pause() {
    this.#playing = false;
    this.#begin();
    this.#tell();
  }

  /** Stop playing and show the next layout, or with -1 the one before. */
  step(by = 1) {
    return this.go((((this.#at + by) % this.#count) + this.#count) % this.#count);
  }

  /**
   * Stop playing and show layout `number`.
   * @param {number} number
   */
  go(number) {
    this.#playing = false;
    this.#begin();
    return this.#glide(number);
  }

  /**
   * 1 is the usual speed, 2 twice as fast.
   * @param {number} speed
   */
  setSpeed(speed) {
    this.#speed = speed;
    this.#tell();
  }

  // a number for each run of the loop, so that one that still waits knows it was replaced
  #begin() {
    this.#turn += 1;
    return this.#turn;
  }

  /** @param {number} number */
  #glide(number) {
    this.#at = number;
    this.#tell();
    // whoever asked for less motion sees the layouts change without the way between
    return this.#show(number, { duration: prefersStillness() ? 0 : GLIDE_MS / this.#speed });
  }

  #tell() {
    this.#onChange(this.state);
  }
}

/** @param {number} ms */
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
