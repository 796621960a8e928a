// Follows every unfinished job shown on the page: asks once a second and updates its parts in place.
// Pages whose scripts show a job later call `follow` themselves.
/** @import { Job } from "../shared/types.js" */
/** @import { Seen } from "./rate.js" */
import { ApiError, call } from "../shared/api.js";
import { elementsIn } from "../shared/elements.js";
import { number } from "../shared/format.js";
import { rateOf } from "./rate.js";
import { siteAddress } from "../shared/site.js";

/** @type {Record<string, string>} */
const STATES = {
  queued: "queued",
  running: "running",
  succeeded: "succeeded",
  partly: "partly failed",
  failed: "failed",
  cancelled: "cancelled",
};
const EVERY_MS = 1000;
const AFTER_AN_ERROR_MS = 5000;

/**
 * Return the part of this name of what shows a job, null where it has none.
 * @param {HTMLElement} root
 * @param {string} part
 */
const partOf = (root, part) => elementsIn(root, `[data-part="${part}"]`).at(0) ?? null;

/**
 * @param {HTMLElement} root
 * @param {Job} job
 * @param {Seen[]} seen
 */
function show(root, job, seen) {
  /**
   * @param {string} part
   * @param {string} text
   */
  const write = (part, text) => {
    const element = partOf(root, part);
    if (element && element.textContent !== text) element.textContent = text;
    return element;
  };
  const badge = write("state", STATES[job.outcome] ?? job.outcome);
  if (badge) badge.dataset.state = job.outcome;
  const bar = partOf(root, "bar");
  if (bar instanceof HTMLProgressElement) bar.value = job.percent;
  write("count", job.total ? `${number(job.done)} of ${number(job.total)}` : "");
  write("rate", rateOf(job, seen));
  const counted = job.total && !partOf(root, "count");
  write("message", job.message || (counted ? `${number(job.done)} of ${number(job.total)}` : ""));
  const error = write("error", job.error);
  if (error) error.hidden = !job.error;
  const failed = write("failed", number(job.failed));
  if (failed) failed.hidden = !job.failed;
}

/**
 * Follow the job of `root.dataset.job`; calls `ended(job)` when it has no more work to do.
 * @param {HTMLElement} root
 * @param {((job: Job) => void) | null} ended
 */
export function follow(root, ended = null) {
  /** @type {Seen[]} */
  const seen = [];
  let tenth = -1;
  const ask = async () => {
    if (!root.isConnected) return; // the page shows something else by now
    if (document.hidden) {
      document.addEventListener("visibilitychange", ask, { once: true });
      return;
    }
    /** @type {Job} */
    let job;
    try {
      job = await call(siteAddress(`/api/v1/jobs/${root.dataset.job}/`));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const message = partOf(root, "message");
      if (message) message.textContent = error.message;
      if (error.status !== 404) setTimeout(ask, AFTER_AN_ERROR_MS);
      return;
    }
    seen.push({ at: performance.now(), done: job.done });
    if (seen.length > 10) seen.shift();
    show(root, job, seen);
    const status = partOf(root, "status");
    if (status && Math.floor(job.percent / 10) !== tenth) {
      tenth = Math.floor(job.percent / 10);
      status.textContent = `${job.percent} percent`;
    }
    if (job.active) {
      setTimeout(ask, EVERY_MS);
    } else if (ended) {
      ended(job);
    } else if ("reloadAtEnd" in root.dataset) {
      // the server renders the end: times, result and failed files
      location.reload();
    }
  };
  ask();
}

for (const root of elementsIn(document, "[data-job]")) follow(root);
