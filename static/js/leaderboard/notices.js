// What is to be said above the leaderboard: nothing computed yet, being computed, out of date, without
// labels.
/** @import { Job } from "../shared/types.js" */
/** @import { ShownDataset } from "./types.js" */
import { call } from "../shared/api.js";
import { make } from "../shared/elements.js";
import { fail, hideFailure } from "../shared/failure.js";
import { isSignedIn } from "../shared/sign-in.js";
import { siteAddress, typed } from "../shared/site.js";

/**
 * Show notices, each a sentence and perhaps a link; null ones are left out.
 * @param {HTMLElement} root
 * @param {((string | Node)[] | null)[]} notices
 */
export function showNotices(root, notices) {
  for (const old of root.querySelectorAll(".notice:not([data-computing])")) old.remove();
  root.append(
    ...notices
      .filter((notice) => notice !== null)
      .map((notice) => make("p", { class: "notice plain" }, make("span", {}, ...notice))),
  );
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
        "An experiment lets every image search among the others with one network, layer and distance.",
      ),
      make("p", {}, button),
      failure,
    );
  } else {
    children.push(
      make(
        "p",
        { class: "muted" },
        "An experiment lets every image search among the others with one network, layer and distance. ",
        isSignedIn() ? "Use the command line:" : "Sign in to compute them here, or use the command line:",
      ),
      make("pre", {}, make("code", {}, typed(`run_experiments --dataset ${dataset.slug}`))),
    );
  }
  root.replaceChildren(make("div", {}, ...children));
}
