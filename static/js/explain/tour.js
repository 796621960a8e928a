// Starts the tour, and goes on with it on the next page; its steps are fetched only then.
import { elementsIn } from "../shared/elements.js";

const KEPT = "semsearch.tour";

/** Return the number of the step that was come to, null outside the tour. */
function underWay() {
  try {
    const step = sessionStorage.getItem(KEPT);
    return step === null ? null : Number(step);
  } catch {
    return null;
  }
}

/** @param {number | null} step */
function keep(step) {
  try {
    if (step === null) sessionStorage.removeItem(KEPT);
    else sessionStorage.setItem(KEPT, String(step));
  } catch {
    // without storage the tour ends with this page
  }
}

/** @param {number} step */
async function goOn(step) {
  const { showStep } = await import("./tour-steps.js");
  showStep(step, keep);
}

for (const button of elementsIn(document, "#tour-start")) {
  button.hidden = false;
  button.addEventListener("click", () => goOn(0));
}
const step = underWay();
if (step !== null) goOn(step);
