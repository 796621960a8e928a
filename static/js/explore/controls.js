// Metric, pooling, number of neighbours and order of the pictures: what was computed can be chosen at once,
// the rest is offered to those who may compute.
/** @import { ExplorePage } from "./types.js" */
import { byId, make } from "../shared/elements.js";
import { METRICS, POOLINGS } from "../shared/experiments/experiments.js";
import { K, ORDERS } from "../shared/experiments/url-state.js";
import { compute, nameOf } from "./notices.js";

/** @typedef {"metric" | "pooling" | "k" | "order"} Control */

const COUNTS = [5, 10, 20, 50];
/** @type {Record<string, string>} */
const ORDER_NAMES = { random: "Random order", category: "By category" };

/** @param {ExplorePage} page */
export function showControls(page) {
  const { state, rows } = page;
  const ofModel = rows.filter((row) => row.model === state.model);
  byId("controls").hidden = !rows.length;
  byId("offer").hidden = true;
  /** @param {"metric" | "pooling"} name */
  const computed = (name) => new Set(ofModel.map((row) => row[name]));
  segments(page, "metric", METRICS, computed("metric"));
  segments(page, "pooling", POOLINGS, computed("pooling"));
  const counts = [...new Set([...COUNTS, state.k])].sort((one, other) => one - other);
  segments(page, "k", Object.fromEntries(counts.map((count) => [count, String(count)])), null);
  segments(page, "order", Object.fromEntries(ORDERS.map((order) => [order, ORDER_NAMES[order]])), null);
}

/**
 * Fill a row of radio buttons, and leave it as it is where it says the same already.
 * @param {ExplorePage} page
 * @param {Control} name
 * @param {Record<string, string>} titles
 * @param {Set<string> | null} computed
 */
function segments(page, name, titles, computed) {
  const group = byId(name);
  const wanted = JSON.stringify([titles, computed && [...computed], page.mayCompute]);
  if (group.dataset.holds !== wanted) {
    group.dataset.holds = wanted;
    group.replaceChildren(
      ...Object.entries(titles).map(([value, title]) =>
        segment(page, name, value, title, !computed || computed.has(value)),
      ),
    );
  }
  for (const input of group.querySelectorAll("input"))
    input.checked = input.value === String(page.state[name]);
}

/**
 * @param {ExplorePage} page
 * @param {Control} name
 * @param {string} value
 * @param {string} title
 * @param {boolean} computed
 */
function segment(page, name, value, title, computed) {
  const input = make("input", { type: "radio", name, value, disabled: !computed && !page.mayCompute });
  input.addEventListener("change", () => {
    const since = performance.now();
    if (computed) page.choose({ [name]: name === "k" ? Number(value) || K : value }, { since });
    else offer(page, name, value, title);
  });
  const hint = computed
    ? null
    : page.mayCompute
      ? "Not computed yet: choose it to compute it"
      : "Not computed";
  return make(
    "label",
    { title: hint },
    input,
    make(
      "span",
      { "data-computed": !computed && "false" },
      title,
      computed ? null : make("span", { class: "visually-hidden" }, ", not computed"),
    ),
  );
}

/**
 * Say that a metric or pooling was not computed, with a button that does it.
 * @param {ExplorePage} page
 * @param {Control} name
 * @param {string} value
 * @param {string} title
 */
function offer(page, name, value, title) {
  const { dataset, model } = page.state;
  const button = make("button", { class: "button primary", type: "button" }, "Compute it");
  button.addEventListener("click", () => {
    const wanted =
      name === "metric"
        ? { metrics: [value], poolings: [page.state.pooling] }
        : { poolings: [value], metrics: [page.state.metric] };
    compute(page, { dataset, models: [model], ...wanted }, button);
  });
  byId("offer").replaceChildren(
    make("span", {}, `${title} has not been computed for ${nameOf(page, model)} on this dataset.`),
    button,
  );
  byId("offer").hidden = false;
  for (const input of byId(name).querySelectorAll("input")) input.checked = input.value === page.state[name];
  button.focus();
}
