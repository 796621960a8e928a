// What is to be said above the leaderboard: nothing computed yet, being computed, out of date, without
// labels.
/** @import { Job } from "../shared/types.js" */
/** @import { ShownDataset } from "./types.js" */
import { call } from "../shared/api.js";
import { elementIn, elementsIn, make } from "../shared/elements.js";
import { fail, hideFailure } from "../shared/failure.js";
import { number } from "../shared/format.js";
import { isSignedIn } from "../shared/sign-in.js";
import { siteAddress } from "../shared/site.js";

/**
 * Show sentences as notices; empty ones are left out.
 * @param {HTMLElement} root
 * @param {string[]} sentences
 */
export function showNotices(root, sentences) {
  for (const old of root.querySelectorAll(".notice:not([data-computing])")) old.remove();
  root.append(
    ...sentences
      .filter(Boolean)
      .map((sentence) => make("p", { class: "notice plain" }, make("span", {}, sentence))),
  );
}

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

/**
 * Say that nothing was computed yet and what to do about it.
 * @param {HTMLElement} root
 * @param {{ dataset: ShownDataset, jobs: Job[], mayCompute: boolean, started: () => void }} shown
 */
export function showNothing(root, { dataset, jobs, mayCompute, started }) {
  root.hidden = false;
  const busy = jobs.some((job) => job.kind === "experiment");
  const failure = make("p", { class: "notice danger", role: "alert", hidden: true });
  /** @type {HTMLElement[]} */
  const children = [
    make(
      "h2",
      {},
      busy
        ? "The first experiments are being computed"
        : "No experiments have been computed for this dataset yet",
    ),
  ];
  if (busy) children.push(make("p", { class: "muted" }, "They appear here as they come."));
  else if (mayCompute) {
    const button = make("button", { type: "button", class: "button primary" }, "Compute experiments");
    button.addEventListener("click", async () => {
      button.disabled = true;
      hideFailure(failure);
      try {
        await call(siteAddress("/api/v1/experiments/"), { method: "POST", body: { dataset: dataset.slug } });
        started();
      } catch (error) {
        button.disabled = false;
        fail(error, failure);
      }
    });
    children.push(
      make(
        "p",
        { class: "muted" },
        "An experiment lets every picture search among the others with one network, layer and distance.",
      ),
      make("p", {}, button),
      failure,
    );
  } else {
    children.push(
      make(
        "p",
        { class: "muted" },
        "An experiment lets every picture search among the others with one network, layer and distance. ",
        isSignedIn() ? "Use the command line:" : "Sign in to compute them here, or use the command line:",
      ),
      make("pre", {}, make("code", {}, `python manage.py run_experiments --dataset ${dataset.slug}`)),
    );
  }
  root.replaceChildren(make("div", {}, ...children));
}
