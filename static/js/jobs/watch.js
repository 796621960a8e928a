// Watches the active jobs of a dataset: what is being computed is shown, and results are fetched as they
// come.
/** @import { Job, Page } from "../shared/types.js" */
import { call } from "../shared/api.js";
import { siteAddress } from "../shared/site.js";

const ACTIVE_MS = 3000;
const IDLE_MS = 20000;
const KINDS = ["experiment", "promote"];

/**
 * Return the active jobs of a dataset of these kinds.
 * @param {string} slug
 * @param {string[]} kinds
 */
async function activeJobs(slug, kinds) {
  /** @param {string} state */
  const address = (state) => siteAddress(`/api/v1/jobs/?dataset=${encodeURIComponent(slug)}&state=${state}`);
  /** @type {Page<Job>[]} */
  const pages = await Promise.all(["running", "queued"].map((state) => call(address(state))));
  return pages.flatMap((page) => page.results).filter((job) => kinds.includes(job.kind));
}

/**
 * Call `changed(jobs, progressed)` at first and whenever the jobs have moved on; returns what stops it.
 * @param {string} slug
 * @param {(jobs: Job[], progressed: boolean) => void} changed
 */
export function watchJobs(slug, changed, kinds = KINDS) {
  let stopped = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {string | null} */
  let before = null;
  const ask = async () => {
    if (stopped) return;
    if (document.hidden) {
      document.addEventListener("visibilitychange", ask, { once: true });
      return;
    }
    /** @type {Job[]} */
    let jobs = [];
    try {
      jobs = await activeJobs(slug, kinds);
    } catch {
      // the next turn may succeed; what is shown stays as it is
      timer = setTimeout(ask, IDLE_MS);
      return;
    }
    if (stopped) return;
    const now = JSON.stringify(jobs.map((job) => [job.id, job.state, job.done]));
    if (now !== before) {
      const progressed = before !== null;
      before = now;
      changed(jobs, progressed);
    }
    timer = setTimeout(ask, jobs.length ? ACTIVE_MS : IDLE_MS);
  };
  ask();
  return () => {
    stopped = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", ask);
  };
}
