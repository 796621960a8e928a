// The buttons that change a job: cancel it, try it again, try some of its files again (for those who may).
/** @import { Job } from "../shared/types.js" */
import { call } from "../shared/api.js";
import { elementsIn } from "../shared/elements.js";
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

for (const button of elementsIn(document, "button[data-post]", HTMLButtonElement))
  button.addEventListener("click", () => act(button));
