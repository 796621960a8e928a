// The buttons that change a job: cancel it, try it again, try some of its files again (for those who may).
/** @import { Job } from "../shared/types.js" */
import { call } from "../shared/api.js";
import { elementsIn } from "../shared/elements.js";
import { everyPage } from "../shared/experiments/experiments.js";
import { fail, hideFailure } from "../shared/failure.js";
import { siteAddress } from "../shared/site.js";

const failure = document.getElementById("action-error");

/** @param {HTMLButtonElement} button */
async function act(button) {
  const { post = "", file, leadsOn } = button.dataset;
  button.disabled = true;
  if (failure) hideFailure(failure);
  try {
    /** @type {Job} */
    const job = await call(post, { method: "POST", body: file ? { files: [Number(file)] } : {} });
    // single files are tried by a job of their own
    if (leadsOn !== undefined) location.assign(siteAddress(`/jobs/${job.id}/`));
    else location.reload();
  } catch (error) {
    button.disabled = false;
    if (!failure) return;
    fail(error, failure);
    failure.scrollIntoView({ block: "nearest" });
  }
}

/**
 * Cancel every job that waits or runs, those that wait first so that none of them begins meanwhile; the
 * button is pressed twice.
 * @param {HTMLButtonElement} button
 */
async function cancelAll(button) {
  if (button.dataset.sure === undefined) {
    button.dataset.sure = "";
    button.textContent = `Really cancel all ${button.dataset.count}?`;
    return;
  }
  button.disabled = true;
  try {
    for (const state of ["queued", "running"]) {
      /** @type {Job[]} */
      const jobs = await everyPage(siteAddress(`/api/v1/jobs/?state=${state}&page_size=100`));
      for (const { id } of jobs)
        // one that has ended meanwhile needs no cancelling
        await call(siteAddress(`/api/v1/jobs/${id}/cancel/`), { method: "POST" }).catch(() => null);
    }
    location.reload();
  } catch (error) {
    button.disabled = false;
    if (failure) fail(error, failure);
  }
}

for (const button of elementsIn(document, "#cancel-all", HTMLButtonElement))
  button.addEventListener("click", () => cancelAll(button));
for (const button of elementsIn(document, "button[data-post]", HTMLButtonElement))
  button.addEventListener("click", () => act(button));
