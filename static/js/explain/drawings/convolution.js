// A filter of 3 × 3 numbers slides over the image on the screen and draws its feature map as it goes.
/** @import { DrawLater, ShownImage } from "../types.js" */
import { make } from "../../shared/elements.js";
import { prefersStillness } from "../../shared/motion.js";
import { loaded, pixelsOf } from "./maps.js";
import { decimal } from "../../shared/format.js";

const SIDE = 40; // pixels of the image that the filter sees
const CELL = 4; // CSS pixels of one of them
const ROWS_A_SECOND = 7;
/** @type {Record<string, number[]>} */
const FILTERS = {
  "Upright edges": [-1, 0, 1, -2, 0, 2, -1, 0, 1],
  "Level edges": [-1, -2, -1, 0, 0, 0, 1, 2, 1],
  Spots: [-1, -1, -1, -1, 8, -1, -1, -1, -1],
  Softening: [1, 1, 1, 1, 1, 1, 1, 1, 1].map((value) => value / 9),
};
let filter = Object.keys(FILTERS)[0];
let running = 0;
/** @type {number | null} */
let shown = null;

/** @type {DrawLater} */
export async function draw(figure, { image }) {
  if (!image) throw new Error("There is no image to slide over yet.");
  if (shown === image.id && figure.childElementCount) return;
  const seen = await loaded(image.thumbnail);
  const pixels = pixelsOf(seen, SIDE, SIDE);
  const greys = Array.from(
    { length: SIDE * SIDE },
    (_, n) => (0.299 * pixels[4 * n] + 0.587 * pixels[4 * n + 1] + 0.114 * pixels[4 * n + 2]) / 255,
  );
  shown = image.id;
  figure.replaceChildren(...parts(image, greys));
}

/**
 * Return what a filter makes of the greys, (side - 2)² numbers.
 * @param {number[]} greys side² of them
 * @param {number[]} weights 9 of them
 * @param {number} side
 */
export function convolved(greys, weights, side = SIDE) {
  const inner = side - 2;
  return Array.from({ length: inner * inner }, (_, n) => {
    const [row, column] = [Math.floor(n / inner), n % inner];
    return weights.reduce(
      (sum, weight, at) => sum + weight * greys[(row + Math.floor(at / 3)) * side + column + (at % 3)],
      0,
    );
  });
}

/**
 * @param {ShownImage} image
 * @param {number[]} greys
 */
function parts(image, greys) {
  const inner = SIDE - 2;
  const [from, to] = [canvas(SIDE, `${image.name}, in grey`), canvas(inner, "What the filter makes of it")];
  const slider = make("input", {
    type: "range",
    min: 0,
    max: inner * inner - 1,
    value: 0,
    "aria-label": "Where the filter is",
  });
  const sum = make("p", { class: "sum small number" });
  const choices = make("div", { class: "segments-row" });
  let answer = convolved(greys, FILTERS[filter]);

  /** @param {number} position how far the filter has come */
  const show = (position) => {
    slider.value = String(position);
    paintGreys(from, greys, position);
    paintAnswer(to, answer, position);
    sum.replaceChildren(...worked(greys, FILTERS[filter], answer, position));
  };
  const run = () => {
    cancelAnimationFrame(running);
    const began = performance.now();
    /** @param {number} now */
    const step = (now) => {
      // a frame may have begun before it was asked for
      const rows = (Math.max(0, now - began) / 1000) * ROWS_A_SECOND;
      const position = Math.min(inner * inner - 1, Math.floor(rows * inner));
      show(position);
      if (position < inner * inner - 1 && from.isConnected) running = requestAnimationFrame(step);
    };
    if (prefersStillness()) show(Math.floor(inner * inner * 0.6));
    else running = requestAnimationFrame(step);
  };
  slider.addEventListener("input", () => {
    cancelAnimationFrame(running);
    show(Number(slider.value));
  });
  for (const name of Object.keys(FILTERS)) {
    const input = make("input", { type: "radio", name: "filter", value: name, checked: name === filter });
    input.addEventListener("change", () => {
      filter = name;
      answer = convolved(greys, FILTERS[filter]);
      run();
    });
    choices.append(make("label", {}, input, make("span", {}, name)));
  }
  run();
  return [
    make("div", { class: "sliding" }, from, make("span", { class: "arrow", "aria-hidden": "true" }, "→"), to),
    make("fieldset", { class: "segments" }, make("legend", { class: "visually-hidden" }, "Filter"), choices),
    slider,
    sum,
  ];
}

/**
 * @param {number} side
 * @param {string} name
 */
const canvas = (side, name) =>
  make("canvas", { width: side * CELL, height: side * CELL, role: "img", "aria-label": name });

/**
 * @param {HTMLCanvasElement} target
 * @param {number[]} values 0..1
 * @param {number} side
 * @param {number} count how many are painted
 */
function paint(target, values, side, count) {
  const context = target.getContext("2d");
  if (!context) return null;
  context.clearRect(0, 0, target.width, target.height);
  for (let n = 0; n < count; n += 1) {
    const grey = Math.round(255 * values[n]);
    context.fillStyle = `rgb(${grey} ${grey} ${grey})`;
    context.fillRect((n % side) * CELL, Math.floor(n / side) * CELL, CELL, CELL);
  }
  return context;
}

/**
 * @param {HTMLCanvasElement} target
 * @param {number[]} greys
 * @param {number} position
 */
function paintGreys(target, greys, position) {
  const context = paint(target, greys, SIDE, greys.length);
  if (!context) return;
  const inner = SIDE - 2;
  const [x, y] = [(position % inner) * CELL, Math.floor(position / inner) * CELL];
  context.lineWidth = 2;
  context.strokeStyle = "#ff5a36";
  context.strokeRect(x + 1, y + 1, 3 * CELL - 2, 3 * CELL - 2);
}

/**
 * @param {HTMLCanvasElement} target
 * @param {number[]} answer
 * @param {number} position
 */
function paintAnswer(target, answer, position) {
  const [low, high] = [Math.min(...answer), Math.max(...answer)];
  const shares = answer.map((value) => (high > low ? (value - low) / (high - low) : 0));
  paint(target, shares, SIDE - 2, position + 1);
}

/**
 * Return the sum that gives one number of the map.
 * @param {number[]} greys
 * @param {number[]} weights
 * @param {number[]} answer
 * @param {number} position
 */
function worked(greys, weights, answer, position) {
  const inner = SIDE - 2;
  const [row, column] = [Math.floor(position / inner), position % inner];
  const terms = weights
    .map((weight, at) => ({ weight, grey: greys[(row + Math.floor(at / 3)) * SIDE + column + (at % 3)] }))
    .filter(({ weight }) => weight !== 0)
    .slice(0, 3)
    .map(({ weight, grey }) => `${signed(weight)} × ${decimal(grey, 2)}`);
  return [`Here: ${terms.join(" + ")} + … = `, make("strong", {}, signed(answer[position]))];
}

/** @param {number} value */
const signed = (value) => (Number.isInteger(value) ? String(value) : decimal(value, 2)).replace("-", "−");
