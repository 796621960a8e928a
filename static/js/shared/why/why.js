// Asks why a hit is similar, draws the answer over query and hit, and says in words what the colours mean.
/** @import { Explanation } from "../types.js" */
/** @import { Cell } from "./heat.js" */
import { call } from "../api.js";
import { elementIn } from "../elements.js";
import { Heat, largest, without, wordsOf } from "./heat.js";

const KEPT = 100;
/** @type {Map<string, Promise<Explanation>>} */
const answers = new Map();

/**
 * Return the answer of an address; the same one is asked for once.
 * @param {string} address
 */
export function explanation(address) {
  let answer = answers.get(address);
  if (!answer) {
    answer = call(address);
    answers.set(address, answer);
    answer.catch(() => answers.delete(address));
    for (const old of [...answers.keys()].slice(0, -KEPT)) answers.delete(old);
  }
  return answer;
}

/**
 * What is explained and where: the address of the answer, the two images, the query's if it is seen, and the
 * element with the words.
 * @typedef {object} Explained
 * @property {string} address
 * @property {HTMLImageElement} hit
 * @property {HTMLImageElement | null} query
 * @property {HTMLElement} words
 * @property {boolean} [keys] whether one can walk through the cells
 */

/** One explanation at a time, over some images. */
export class Why {
  /** @type {Heat[]} */
  #heats = [];
  /** @type {HTMLElement | null} */
  #words = null;
  #asked = "";

  /** What is explained, "" for nothing. */
  get asked() {
    return this.#asked;
  }

  /**
   * Explain something; what was explained before goes.
   * @param {Explained} explained
   */
  async show(explained) {
    this.hide();
    const { address, words } = explained;
    this.#asked = address;
    this.#words = words;
    words.hidden = false;
    say(words, "");
    elementIn(words, ".why-text").textContent = "Comparing…";
    try {
      const answer = await explanation(address);
      if (this.#asked === address) this.#draw(answer, explained);
    } catch (error) {
      if (this.#asked !== address) return;
      elementIn(words, ".why-text").textContent = error instanceof Error ? error.message : String(error);
    }
  }

  hide() {
    for (const heat of this.#heats) heat.remove();
    this.#heats = [];
    this.#asked = "";
    if (this.#words) this.#words.hidden = true;
  }

  /**
   * @param {Explanation} answer
   * @param {Explained} explained
   */
  #draw(answer, { hit, query, words, keys }) {
    const of = answer.score < 0 && answer.metric?.match(/euclidean|manhattan/) ? "distance" : "score";
    const own = answer.query_cells && without(answer.query_cells, answer.elsewhere);
    const most = largest(answer.hit_cells, own);
    /** @param {Cell | null} cell */
    const pointed = (cell) => say(words, cell ? wordsOf(cell.share, answer.score, of) : "");
    /** @param {string} what */
    const named = (what) =>
      keys ? `Shares of the cells of ${what}; the arrow keys lead through them` : undefined;
    this.#heats.push(
      new Heat(
        hit,
        { cells: answer.hit_cells, square: answer.hit_square },
        {
          most,
          pointed,
          keys: named("the hit"),
        },
      ),
    );
    if (query && own && answer.query_square)
      this.#heats.push(
        new Heat(
          query,
          { cells: own, square: answer.query_square },
          { most, pointed, keys: named("the query") },
        ),
      );
    elementIn(words, ".why-text").textContent = meaningOf(answer);
  }
}

/**
 * @param {HTMLElement} words
 * @param {string} text
 */
function say(words, text) {
  elementIn(words, ".why-cell").textContent = text;
}

/**
 * Return in words what the colours of an explanation mean.
 * @param {Explanation} answer
 */
export function meaningOf({ score, centred, elsewhere, difference, query_cells, metric }) {
  const distance = metric === "euclidean" || metric === "manhattan";
  const words = [
    distance
      ? "Blue cells set the two apart, orange ones bring them nearer: together they make the distance of " +
        `${Math.abs(score).toFixed(3)}.`
      : `Orange cells add to the score, blue ones take away from it: together they make ${text(score)}.`,
  ];
  if (query_cells && Math.abs(elsewhere) >= 0.005 && !distance)
    words.push(
      `The query's image itself makes ${text(score - elsewhere)} of it; the rest is of other examples and of ` +
        "the first hits, with which a query is averaged.",
    );
  if (centred === false)
    words.push("Over several datasets the score compares features as they are, not about a dataset's mean.");
  if (Math.abs(difference) > 0.01)
    words.push("The stored features differ from what the network makes here now: extract them again.");
  words.push("Each cell has seen more of the image than it covers.");
  return words.join(" ");
}

/** @param {number} score */
const text = (score) => score.toFixed(3).replace("-", "−");
