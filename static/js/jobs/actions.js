// The buttons that change a job: cancel it, try it again, try some of its files again (shown to staff only).
import { call } from "../shared/api.js";

const failure = document.getElementById("action-error");

async function act(button) {
  const { post, file, leadsOn } = button.dataset;
  button.disabled = true;
  if (failure) failure.hidden = true;
  try {
    const job = await call(post, { method: "POST", body: file ? { files: [Number(file)] } : {} });
    // single files are tried by a job of their own
    if (leadsOn !== undefined) location.assign(`/jobs/${job.id}/`);
    else location.reload();
  } catch (error) {
    if (failure) {
      failure.textContent = error.message;
      failure.hidden = false;
      failure.scrollIntoView({ block: "nearest" });
    }
    button.disabled = false;
  }
}

document.querySelectorAll("button[data-post]").forEach((button) => {
  button.addEventListener("click", () => act(button));
});
