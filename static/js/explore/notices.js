// What stands between a person and the results: nothing computed yet, out of date, being computed. Starts
// computations, follows them.
/** @import { Experiment, Job, Page } from "../shared/types.js" */
/** @import { ExplorePage, WantedExperiments } from "./types.js" */
import { ApiError, call } from "../shared/api.js";
import { byId, make } from "../shared/elements.js";
import { fail, hideFailure, showFailure } from "../shared/failure.js";
import { number, plural } from "../shared/format.js";
import { isSignedIn, signInAddress } from "../shared/sign-in.js";
import { imagesOfDataset } from "./grid.js";
import { siteAddress, typed } from "../shared/site.js";

const EVERY_MS = 2000;
// while there is nothing to see somebody may start a computation elsewhere
const WAITING_MS = 10_000;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** @type {string | null} */
let followed = null;
/** @type {Map<number, Job>} */
let seen = new Map();

/**
 * @param {ExplorePage} page
 * @param {string} model
 */
export const nameOf = (page, model) =>
  page.networks.find((network) => network.name === model)?.title ?? model;

/**
 * Ask the server to compute experiments; `button` waits meanwhile.
 * @param {ExplorePage} page
 * @param {WantedExperiments} wanted
 * @param {HTMLButtonElement} button
 */
export async function compute(page, wanted, button) {
  button.disabled = true;
  try {
    await call(siteAddress("/api/v1/experiments/"), { method: "POST", body: wanted });
    byId("offer").hidden = true;
    hideFailure();
    followJobs(page);
  } catch (error) {
    button.disabled = false;
    fail(error);
  }
}

// --- notices ----------------------------------------------------------------------------------

/** @param {ExplorePage} page */
export function showNotices(page) {
  const images = imagesOfDataset();
  /** @type {Job[]} */
  const jobs = [...seen.values()].filter((job) => job.active);
  /** @type {HTMLElement[]} */
  const notices = [];
  if (!images) notices.push(empty(page));
  else if (page.loaded && !page.rows.length && !jobs.length) notices.push(nothingComputed(page));
  else if (page.loaded && page.rows.length && !page.row && !jobs.length) notices.push(networkMissing(page));
  const stale = page.rows.filter((row) => row.stale);
  if (stale.length && !jobs.length) notices.push(outOfDate(page, stale));
  if (page.row && page.row.weighted_precision === null) notices.push(unlabelled());
  if (jobs.length) notices.push(progress(jobs));
  replaceWhereDifferent(byId("notices"), notices);
}

/**
 * A notice that says the same stays, so that it is not read out again and its button keeps the focus.
 * @param {HTMLElement} holder
 * @param {HTMLElement[]} notices
 */
function replaceWhereDifferent(holder, notices) {
  const same =
    notices.length === holder.childElementCount &&
    notices.every((notice, index) => notice.isEqualNode(holder.children[index]));
  if (!same) holder.replaceChildren(...notices);
}

/**
 * @param {string} kind
 * @param {...(string | Node)} children
 */
const notice = (kind, ...children) => make("div", { class: `notice ${kind}` }, ...children);

/** @param {ExplorePage} page */
function empty(page) {
  return notice(
    "plain",
    make("span", {}, "This dataset has no images yet."),
    make(
      "a",
      { href: siteAddress(`/datasets/${encodeURIComponent(page.state.dataset)}/`) },
      "How to add some",
    ),
  );
}

/** @param {ExplorePage} page */
function nothingComputed(page) {
  const words = make(
    "div",
    {},
    make("strong", {}, "No experiments have been computed for this dataset yet."),
    make(
      "p",
      {},
      "An experiment lets every image search among the others with one network, layer and distance. ",
      "Until then you can look at the images.",
    ),
  );
  return notice("plain start", words, ...way(page, { dataset: page.state.dataset }, "Compute experiments"));
}

/** @param {ExplorePage} page */
function networkMissing(page) {
  const words = make(
    "span",
    {},
    `Nothing has been computed with ${nameOf(page, page.state.model)} on this dataset.`,
  );
  return notice(
    "plain",
    words,
    ...way(page, { dataset: page.state.dataset, models: [page.state.model] }, "Compute it"),
  );
}

/**
 * @param {ExplorePage} page
 * @param {Experiment[]} stale
 */
function outOfDate(page, stale) {
  /** @param {"model" | "pooling" | "metric"} name */
  const several = (name) => [...new Set(stale.map((row) => row[name]))];
  const wanted = {
    dataset: page.state.dataset,
    models: several("model"),
    poolings: several("pooling"),
    metrics: several("metric"),
  };
  const all =
    stale.length === page.rows.length
      ? "The experiments"
      : `${number(stale.length)} of ${plural(page.rows.length, "experiment")}`;
  const words = make(
    "span",
    {},
    `${all} ${stale.length === 1 && page.rows.length > 1 ? "is" : "are"} out of date: `,
    "images were added, removed or relabelled since.",
  );
  return notice("", words, ...way(page, wanted, "Update"));
}

const unlabelled = () =>
  notice(
    "plain",
    make(
      "span",
      {},
      "This dataset has no labels, so nothing says which neighbour is right: there are no marks and no scores. ",
      "Put the images of each category in a folder of its own to get them.",
    ),
  );

/**
 * Return what one can do: a button for those who may compute, the command for others.
 * @param {ExplorePage} page
 * @param {WantedExperiments} wanted
 * @param {string} title
 */
function way(page, wanted, title) {
  if (!page.mayCompute) {
    const models = wanted.models?.length === 1 ? ` --models ${wanted.models[0]}` : "";
    return [
      make("code", {}, typed(`run_experiments --dataset ${wanted.dataset}${models}`)),
      ...(isSignedIn() ? [] : [make("a", { href: signInAddress() }, "or sign in to do it here")]),
    ];
  }
  const button = make("button", { class: "button primary", type: "button" }, title);
  button.addEventListener("click", () => compute(page, wanted, button));
  return [button];
}

/** @param {Job[]} jobs */
function progress(jobs) {
  const [done, total] = [
    jobs.reduce((sum, job) => sum + job.done, 0),
    jobs.reduce((sum, job) => sum + job.total, 0),
  ];
  const running = jobs.find((job) => job.state === "running");
  const words =
    running?.message ||
    (running ? "Computing experiments" : "Waiting for a worker to compute the experiments");
  return make(
    "div",
    { class: "computing" },
    make("span", {}, words),
    make("progress", {
      max: 100,
      value: total ? Math.floor((100 * done) / total) : null,
      "aria-label": "Computing experiments",
    }),
    total ? make("span", { class: "number" }, `${number(done)} of ${number(total)}`) : null,
    make(
      "a",
      { href: jobs.length === 1 ? siteAddress(`/jobs/${jobs[0].id}/`) : siteAddress("/jobs/") },
      plural(jobs.length, "job"),
    ),
  );
}

// --- jobs -------------------------------------------------------------------------------------

/**
 * Follow the computations of the shown dataset: progress in a line, results as they come, until all have
 * ended.
 * @param {ExplorePage} page
 */
export function followJobs(page) {
  clearTimeout(timer);
  if (followed !== page.state.dataset) seen = new Map();
  followed = page.state.dataset;
  ask(page);
}

/** @param {string} dataset */
async function activeJobs(dataset) {
  /** @type {Promise<Page<Job>>[]} */
  const lists = ["running", "queued"].map((state) =>
    call(siteAddress(`/api/v1/jobs/?state=${state}&page_size=100&dataset=${encodeURIComponent(dataset)}`)),
  );
  return (await Promise.all(lists))
    .flatMap((list) => list.results)
    .filter((job) => job.kind === "experiment");
}

/** @param {ExplorePage} page */
async function ask(page) {
  const dataset = page.state.dataset;
  // it goes on when the page is seen again
  if (document.hidden) return;
  /** @type {Job[]} */
  let jobs;
  try {
    jobs = await activeJobs(dataset);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // what is shown stays true; progress comes back with the server
    timer = setTimeout(() => ask(page), WAITING_MS);
    return;
  }
  if (page.state.dataset !== dataset) return;
  const now = new Map(jobs.map((job) => [job.id, job]));
  const ended = [...seen.keys()].filter((id) => !now.has(id));
  const advanced = jobs.some((job) => (seen.get(job.id)?.done ?? job.done) !== job.done);
  seen = now;
  if (ended.length) await report(ended);
  if (ended.length || advanced || !page.rows.length) await page.refresh();
  else showNotices(page);
  if (page.state.dataset !== dataset) return;
  clearTimeout(timer);
  if (jobs.length || !page.rows.length)
    timer = setTimeout(() => ask(page), jobs.length ? EVERY_MS : WAITING_MS);
}

/**
 * Say why a computation failed.
 * @param {number[]} ids
 */
async function report(ids) {
  for (const id of ids) {
    /** @type {Job | null} */
    const job = await call(siteAddress(`/api/v1/jobs/${id}/`)).catch(() => null);
    if (job?.state === "failed") showFailure(job.error || "The computation failed.");
  }
}
