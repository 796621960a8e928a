// The cancel button of a job's page (shown to staff only).
import { call } from "./api.js";

const button = document.getElementById("cancel");
const failure = document.getElementById("cancel-error");

button?.addEventListener("click", async () => {
  button.disabled = true;
  failure.hidden = true;
  try {
    await call(`/api/v1/jobs/${button.dataset.jobId}/cancel/`, { method: "POST" });
    location.reload();
  } catch (error) {
    failure.textContent = error.message;
    failure.hidden = false;
    button.disabled = false;
  }
});
