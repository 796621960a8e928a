// Left and right arrow keys step through the pictures.
import { hasModifier } from "./elements.js";

/** @type {Record<string, string>} */
const STEPS = { ArrowLeft: "previous", ArrowRight: "next" };

addEventListener("keydown", (event) => {
  if (hasModifier(event)) return;
  document.getElementById(STEPS[event.key])?.click();
});
