// How a map is made: its parameters, another try for those who may, what is being computed, and what to do
// where nothing is.
/** @import { Job, MapParameters, MapRow } from "../shared/types.js" */
/** @import { MapState } from "./types.js" */
import { call } from "../shared/api.js";
import { byId, make } from "../shared/elements.js";
import { fail, hideFailure } from "../shared/failure.js";
import { decimal, number, plural } from "../shared/format.js";
import { whoMay } from "../shared/sign-in.js";
import { METHODS } from "./state.js";
import { siteAddress, typed } from "../shared/site.js";

/** @typedef {{ method: string, model: string }} OtherMap a map that there is, instead */
/**
 * What a map is made of; `started` hears of the new jobs.
 * @typedef {object} Making
 * @property {MapRow | null} row
 * @property {MapState} state
 * @property {boolean} mayCompute
 * @property {(jobs: Job[]) => void} started
 */
/**
 * What is to be said where there is no map: the `title` of its network, how many images there are, what else
 * there is.
 * @typedef {object} Nothing
 * @property {string} title
 * @property {number} images
 * @property {Job[]} jobs
 * @property {(OtherMap & { title: string })[]} others
 * @property {(other: OtherMap) => void} choose
 */
/**
 * An input of the form: a choice among `options`, or a number with its limits.
 * @typedef {object} Input
 * @property {string[]} [options]
 * @property {string | number} value
 * @property {string} [type]
 * @property {number} [min]
 * @property {number} [max]
 * @property {number} [step]
 */

/** @type {Record<string, string>} */
const NAMES = {
  neighbours: "Neighbours",
  min_dist: "Least distance (min_dist)",
  metric: "Metric",
  perplexity: "Perplexity",
  seed: "Seed",
};
/** @type {Record<string, string>} */
const WORDS = {
  neighbours: "How many neighbours of each image are kept together: few show fine groups, many the whole.",
  min_dist: "How near points may come: small packs groups tightly.",
  metric: "How far two images are apart in the full space.",
  perplexity: "About how many neighbours of each image count.",
  seed: "The same seed gives the same map.",
};
/** @type {Record<string, Input>} */
const INPUTS = {
  neighbours: { type: "number", min: 2, max: 200, step: 1, value: 15 },
  min_dist: { type: "number", min: 0, max: 0.99, step: 0.01, value: 0.1 },
  perplexity: { type: "number", min: 2, max: 100, step: 1, value: 30 },
  seed: { type: "number", min: 0, max: 2 ** 31 - 1, step: 1, value: 42 },
  metric: { options: ["cosine", "euclidean"], value: "cosine" },
};
/** @type {Record<string, (keyof MapParameters)[]>} */
const OF_METHOD = {
  umap: ["neighbours", "min_dist", "metric", "seed"],
  tsne: ["perplexity", "metric", "seed"],
  pca: ["metric", "seed"],
};

/**
 * Return parameters as one line, such as "neighbours 15, min_dist 0.1".
 * @param {MapParameters} parameters
 */
export const inWords = (parameters) =>
  Object.entries(parameters)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");

/**
 * Show how the map `row` is made, and what makes another; `started(jobs)` is called with new jobs.
 * @param {Making & { row: MapRow }} shown
 */
export function showMaking({ row, state, mayCompute, started }) {
  const known = byId("making-body");
  const key = `${row.id} ${row.computed_at} ${state.dataset} ${state.method} ${state.model}`;
  if (known.dataset.key === key) return;
  known.dataset.key = key;
  byId("making-words").textContent = inWords(row.parameters);
  const facts = Object.entries(row.parameters).map(([name, value]) =>
    make(
      "div",
      {},
      make("dt", {}, NAMES[name] ?? name),
      make(
        "dd",
        {},
        make("strong", { class: "number" }, String(value)),
        make("span", { class: "muted small" }, WORDS[name] ?? ""),
      ),
    ),
  );
  known.replaceChildren(
    make("p", { class: "small" }, sourceOf(row)),
    make("dl", { class: "parameters" }, ...facts),
    make(
      "p",
      { class: "small" },
      make(
        "a",
        { href: siteAddress(`/api/v1/projections/${row.id}/points.csv`), download: true },
        "Download the points as CSV",
      ),
    ),
    mayCompute ? formFor({ row, state, started }) : whoMay("Staff can make a map with other parameters."),
  );
}

/** @param {MapRow} row */
function sourceOf(row) {
  const fitted = `, fitted on ${number(row.fitted)} of them; the others were placed on it`;
  const day = new Date(row.computed_at).toLocaleDateString(undefined, { dateStyle: "medium" });
  const made = `made in ${decimal(row.seconds, 1)} s on ${day}`;
  const sample = row.fitted < row.count ? fitted : "";
  const what = `${METHODS[row.method]} of ${plural(row.count, "image")}${sample}, ${made}.`;
  return `${what} New images are placed without moving the old.`;
}

/** @param {MapState} state */
const commandFor = ({ dataset, method, model }) =>
  typed(`project_embeddings --dataset ${dataset} --method ${method} --models ${model}`);

/** @param {Omit<Making, "mayCompute">} wanted */
function formFor({ row, state, started }) {
  const fields = OF_METHOD[state.method].map((name) => {
    const { options, value, ...attributes } = INPUTS[name];
    const now = row?.parameters[name] ?? value;
    const input = options
      ? make(
          "select",
          { class: "input", name },
          ...options.map((option) => make("option", { value: option, selected: option === now }, option)),
        )
      : make("input", { class: "input", name, required: true, ...attributes, value: now });
    return make("label", { class: "field" }, NAMES[name], input);
  });
  const afresh = row?.stale
    ? make(
        "label",
        { class: "check small" },
        make("input", { type: "checkbox", name: "afresh" }),
        " Afresh: the images need not stay where they are",
      )
    : null;
  const form = make(
    "form",
    { class: "making-form", "aria-label": "Make a map" },
    ...fields,
    afresh,
    make("button", { class: "button primary" }, "Compute"),
  );
  const failure = make("p", { class: "notice danger", role: "alert", hidden: true });
  const said = make("p", { class: "small muted", role: "status" });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(form));
    const parameters = Object.fromEntries(
      Object.entries(values).map(([name, value]) => [
        name,
        name === "afresh" ? true : INPUTS[name].options ? value : Number(value),
      ]),
    );
    hideFailure(failure);
    try {
      const jobs = await compute({ ...state, parameters });
      said.textContent = jobs.length ? "" : "This map is there already: choose it under Parameters above.";
      if (jobs.length) started(jobs);
    } catch (error) {
      fail(error, failure);
    }
  });
  return make(
    "div",
    { class: "making-try" },
    make("h3", {}, row ? "Make another" : "Make it here"),
    form,
    said,
    failure,
  );
}

/** @param {MapState & { parameters: Record<string, unknown> }} wanted */
async function compute({ dataset, method, model, pooling, parameters }) {
  /** @type {{ jobs: Job[] }} */
  const { jobs } = await call(siteAddress("/api/v1/projections/"), {
    method: "POST",
    body: { dataset, method, models: [model], pooling, parameters },
  });
  return jobs;
}

/**
 * Say what there is to do where this map has not been made; nothing in the page waits for it.
 * @param {Omit<Making, "row"> & Nothing} shown
 */
export function showNothing({ state, title, images, jobs, others, mayCompute, started, choose }) {
  const root = byId("nothing");
  root.hidden = false;
  // what is shown already stays, with what somebody has typed
  const key = JSON.stringify([state.dataset, state.method, state.model, images, jobs.length > 0, others]);
  if (root.dataset.key === key) return;
  root.dataset.key = key;
  if (!images) {
    root.replaceChildren(
      make(
        "div",
        {},
        make("h2", {}, "This dataset has no images yet"),
        make(
          "p",
          {},
          make(
            "a",
            { href: siteAddress(`/datasets/${encodeURIComponent(state.dataset)}/`) },
            "How to add some",
          ),
        ),
      ),
    );
    return;
  }
  const busy = jobs.length > 0;
  /** @type {HTMLElement[]} */
  const children = [
    make(
      "h2",
      {},
      busy ? "Maps are being made" : `There is no ${METHODS[state.method]} map with ${title} yet`,
    ),
  ];
  if (busy) children.push(make("p", { class: "muted" }, "They appear here as they come, layer by layer."));
  if (others.length) {
    const links = others.map((other) => {
      const button = make(
        "button",
        { type: "button", class: "button" },
        `${METHODS[other.method]}, ${other.title}`,
      );
      button.addEventListener("click", () => choose(other));
      return button;
    });
    children.push(
      make("p", { class: "muted" }, "Ready to be looked at:"),
      make("div", { class: "actions" }, ...links),
    );
  }
  if (!busy)
    children.push(
      make("p", { class: "muted" }, "Make it on the command line:"),
      make("pre", {}, make("code", {}, commandFor(state))),
    );
  if (!busy)
    children.push(mayCompute ? formFor({ row: null, state, started }) : whoMay("Staff can make it here."));
  root.replaceChildren(make("div", {}, ...children));
}

/** @param {Job} job */
const isWaiting = (job) => Number(job.state !== "running");

/**
 * Show how far the job is that makes maps of this dataset now, and how many come after it.
 * @param {Job[]} jobs
 */
export function showJobs(jobs) {
  const root = byId("notices");
  root.querySelector(".making-job")?.remove();
  const waiting = jobs.toSorted((a, b) => isWaiting(a) - isWaiting(b) || a.id - b.id);
  const [job, ...others] = waiting;
  if (!job) return;
  root.append(
    make(
      "div",
      { class: "notice plain making-job", "data-making": job.id },
      make("span", { class: "badge", "data-state": job.state }, job.state),
      make("span", {}, job.message || "A map is to be made"),
      job.total ? make("progress", { max: job.total, value: job.done, "aria-label": "Progress" }) : null,
      make("span", { class: "number" }, job.total ? `${number(job.done)} of ${number(job.total)}` : ""),
      make("a", { href: siteAddress(`/jobs/${job.id}/`) }, `Job ${number(job.id)}`),
      others.length
        ? make("a", { href: siteAddress("/jobs/") }, `${plural(others.length, "more job")} after that`)
        : null,
    ),
  );
}
