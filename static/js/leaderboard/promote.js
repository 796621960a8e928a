// "Use this for live search": who may, the question before it, the job in place, and what live search uses
// now.
/** @import { AttributeValue } from "../shared/elements.js" */
/** @import { Job, ScoreName } from "../shared/types.js" */
/** @import { BoardRow, DetailOptions } from "./types.js" */
import { follow } from "../jobs/progress.js";
import { call } from "../shared/api.js";
import { byId, elementIn, elementsIn, make } from "../shared/elements.js";
import { fail, hideFailure } from "../shared/failure.js";
import { number, percent } from "../shared/format.js";
import { whoMay } from "../shared/sign-in.js";
import { called, SHORT_SCORES } from "./figures.js";
import { siteAddress } from "../shared/site.js";

// dataset -> the job that switches it, so that choosing another row and coming back finds it again
/** @type {Map<string, number>} */
const running = new Map();

/** @typedef {Pick<Job, "id" | "state" | "percent">} StartedJob a job, however little is known of it */

/**
 * Say what both configurations score; one that would find less is not to be chosen without a word.
 * @param {BoardRow} row
 * @param {BoardRow | null} liveRow
 * @param {ScoreName} score
 */
function scoresOf(row, liveRow, score) {
  const [wanted, present] = [row[score], liveRow?.[score] ?? null];
  if (wanted === null || present === null) return null;
  const figures = `${SHORT_SCORES[score]}: ${percent(wanted)}, now ${percent(present)}.`;
  return wanted < present
    ? make(
        "p",
        { class: "notice", "data-lower": "" },
        `${figures} Searches would find less than they do now.`,
      )
    : make("p", { class: "number" }, figures);
}

/**
 * Ask for a yes; resolves to whether it was given.
 * @param {BoardRow} row
 * @param {Pick<DetailOptions, "dataset" | "live" | "liveRow" | "score">} options
 */
function confirmed(row, { dataset, live, liveRow, score }) {
  const yes = make("button", { class: "button primary", value: "yes" }, "Use it");
  const dialog = byId("confirm", HTMLDialogElement);
  dialog.replaceChildren(
    make(
      "form",
      { method: "dialog" },
      make("h2", { id: "confirm-title" }, "Use this for live search?"),
      make(
        "p",
        {},
        `Searches in ${dataset.name} will be answered by `,
        make("strong", {}, called(row)),
        ` with ${row.pooling} pooling${live ? `, instead of ${live}` : ""}.`,
      ),
      scoresOf(row, liveRow, score),
      make(
        "p",
        { class: "muted small" },
        "Its features are extracted where they are missing and an index is built and checked; ",
        "then live search switches to it at once. Until then the present configuration keeps answering.",
      ),
      make("div", { class: "actions" }, yes, make("button", { class: "button", value: "" }, "Cancel")),
    ),
  );
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }),
  );
}

/** @param {StartedJob} job */
function progressOf(job) {
  /**
   * @param {"span" | "p"} tag
   * @param {string} name
   * @param {Record<string, AttributeValue>} attributes
   */
  const part = (tag, name, attributes) => make(tag, { "data-part": name, ...attributes });
  const error = part("p", "error", { class: "notice danger", role: "alert", hidden: true });
  return make(
    "div",
    { class: "promotion", "data-job": job.id },
    make(
      "div",
      { class: "promotion-line" },
      part("span", "state", { class: "badge", "data-state": job.state }),
      part("span", "count", { class: "number" }),
      part("span", "rate", { class: "muted number" }),
      make("a", { href: siteAddress(`/jobs/${job.id}/`), class: "small" }, `Job ${number(job.id)}`),
    ),
    make("progress", { max: 100, value: job.percent, "data-part": "bar", "aria-label": "Progress" }),
    part("p", "message", { class: "small muted" }),
    part("p", "status", { class: "visually-hidden", role: "status" }),
    error,
  );
}

/**
 * Show a job that is under way, of this page or found running, and follow it to its end.
 * @param {HTMLElement} root
 * @param {string} slug
 * @param {StartedJob} job
 * @param {{ done: (job: Job) => void }} options
 */
export function showJob(root, slug, job, { done }) {
  running.set(slug, job.id);
  const shown = progressOf(job);
  root.replaceChildren(
    make(
      "p",
      { class: "small" },
      "Live search is being switched; the present configuration keeps answering until it is ready.",
    ),
    shown,
  );
  follow(shown, (ended) => {
    if (running.get(slug) === job.id) running.delete(slug);
    done(ended);
  });
}

/**
 * @param {BoardRow} row
 * @param {DetailOptions["link"]} link
 */
function refused(row, link) {
  const twin = link({ ...row, metric: "cosine" });
  return make(
    "p",
    { class: "small muted" },
    "Live search ranks by the cosine of two vectors, so this distance cannot be used there. ",
    make("a", { href: twin, "data-choose-metric": "cosine" }, "See the same with cosine"),
    ".",
  );
}

/**
 * Show what can be done with a row, in `root`: `dataset` is {slug, name}, `live` what answers now in words,
 * `jobs` the dataset's active jobs, `link` makes addresses, `done(job)` is called when a switch has ended.
 * @param {HTMLElement} root
 * @param {BoardRow} row
 * @param {DetailOptions} options
 */
export function showPromotion(root, row, options) {
  const { dataset, jobs, link, done } = options;
  if (row.live) {
    const focused = root.contains(document.activeElement);
    const address = `${byId("board").dataset.liveSearch}?dataset=${encodeURIComponent(dataset.slug)}`;
    root.replaceChildren(
      make(
        "p",
        { class: "small live-now" },
        "This configuration answers live searches now. ",
        make("a", { href: address }, "Search with it"),
      ),
    );
    if (focused) elementIn(root, "a").focus({ preventScroll: true });
    return;
  }
  const active = jobs.find((job) => job.kind === "promote");
  const followed = elementsIn(root, "[data-job]").at(0)?.dataset.job;
  const id = running.get(dataset.slug) ?? active?.id;
  if (id !== undefined) {
    /** @type {StartedJob} */
    const job = active ?? { id, state: "queued", percent: 0 };
    if (followed !== String(id)) showJob(root, dataset.slug, job, { done });
    return;
  }
  if (row.metric !== "cosine") root.replaceChildren(refused(row, link));
  else if (!("mayPromote" in byId("board").dataset))
    root.replaceChildren(whoMay("Staff can use this configuration for live search."));
  else root.replaceChildren(buttonFor(root, row, options));
}

/**
 * @param {HTMLElement} root
 * @param {BoardRow} row
 * @param {DetailOptions} options
 */
function buttonFor(root, row, options) {
  const button = make(
    "button",
    { type: "button", class: "button primary", id: "promote" },
    "Use this for live search",
  );
  const failure = make("p", { class: "notice danger", role: "alert", hidden: true });
  button.addEventListener("click", async () => {
    hideFailure(failure);
    if (!(await confirmed(row, options))) return;
    button.disabled = true;
    try {
      /** @type {Job} */
      const job = await call(siteAddress(`/api/v1/experiments/${row.experiment}/promote/`), {
        method: "POST",
      });
      showJob(root, options.dataset.slug, job, options);
      elementIn(root, "a").focus({ preventScroll: true }); // the button it replaces had the focus
    } catch (error) {
      button.disabled = false;
      fail(error, failure);
    }
  });
  return make("div", { class: "promote" }, button, failure);
}
