// Left and right arrow keys step through the pictures.
const STEPS = { ArrowLeft: "previous", ArrowRight: "next" };

addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  document.getElementById(STEPS[event.key])?.click();
});
