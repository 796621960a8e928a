// How fast a job goes, and how long it takes still, in words.
/** @import { Job } from "../shared/types.js" */
import { decimal, number, plural } from "../shared/format.js";

/** @typedef {{ at: number, done: number }} Seen how much was done when, in milliseconds */

/**
 * Return 75 as "1 minute".
 * @param {number} seconds
 */
export function duration(seconds) {
  if (seconds < 60) return plural(Math.max(1, Math.round(seconds)), "second");
  if (seconds < 3600) return plural(Math.round(seconds / 60), "minute");
  return plural(Math.round(seconds / 3600), "hour");
}

/**
 * Return "12 a second, about 3 minutes left", "" where nothing moves; `seen` is not empty.
 * @param {Pick<Job, "state" | "done" | "total">} job
 * @param {Seen[]} seen
 */
export function rateOf(job, seen) {
  const [first, last] = [seen[0], seen[seen.length - 1]];
  const seconds = (last.at - first.at) / 1000;
  const rate = seconds > 0 ? (job.done - first.done) / seconds : 0;
  if (job.state !== "running" || rate <= 0) return "";
  const left = job.total > job.done ? `, about ${duration((job.total - job.done) / rate)} left` : "";
  return `${rate >= 10 ? number(Math.round(rate)) : decimal(rate, 1)} a second${left}`;
}
