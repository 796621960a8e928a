// Copies a new token, or the command that uses it.
import { byId, elementsIn } from "../shared/elements.js";

/** @param {HTMLElement} shown */
async function copy(shown) {
  const status = byId("copied");
  try {
    await navigator.clipboard.writeText(shown.textContent ?? "");
    status.textContent = "Copied.";
  } catch {
    // browsers refuse where the site is not reached by https
    getSelection()?.selectAllChildren(shown);
    status.textContent = "It is selected: copy it with your browser.";
  }
}

for (const button of elementsIn(document, "button[data-copy]", HTMLButtonElement)) {
  button.hidden = false;
  button.addEventListener("click", () => copy(byId(button.dataset.copy ?? "")));
}
