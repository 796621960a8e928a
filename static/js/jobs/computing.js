// Says above a page that experiments of its dataset are being computed, and how far they are.
/** @import { Job } from "../shared/types.js" */
import { elementIn, elementsIn, make } from "../shared/elements.js";
import { number } from "../shared/format.js";
import { siteAddress } from "../shared/site.js";

/**
 * Say how far the computations are; no jobs, no words.
 * @param {HTMLElement} root
 * @param {Job[]} jobs
 */
export function showComputing(root, jobs) {
  let line = elementsIn(root, "[data-computing]").at(0);
  if (!jobs.length) {
    line?.remove();
    return;
  }
  const done = jobs.reduce((sum, job) => sum + job.done, 0);
  const total = jobs.reduce((sum, job) => sum + job.total, 0);
  if (!line) {
    line = make(
      "p",
      { class: "notice plain", "data-computing": "" },
      make("span", { class: "badge", "data-state": "running" }, "computing"),
      make("span", { class: "number" }),
      make("a", { href: siteAddress("/jobs/") }, "See the jobs"),
    );
    root.prepend(line);
  }
  const counted = total ? ` ${number(done)} of ${number(total)}.` : "";
  elementIn(line, ".number").textContent =
    `Experiments are being computed.${counted} What is there is shown; the rest follows by itself.`;
}
