// The buttons over the map: what dragging does, zoom, everything, full screen, save.
import { canFillScreen, savePicture, toggleFullScreen } from "../map/drawing/screen.js";

const ZOOM = 1.5;

/** Let the buttons work on a PageMap; `named()` returns the name of the file to save. */
export function listenToTools(map, named) {
  const tools = document.getElementById("tools");
  const modes = [...tools.querySelectorAll("[data-mode]")];
  for (const button of modes) {
    button.addEventListener("click", () => {
      map.interaction.mode = button.dataset.mode;
      for (const other of modes) other.setAttribute("aria-pressed", String(other === button));
    });
  }
  const work = {
    in: () => map.interaction.zoom(ZOOM),
    out: () => map.interaction.zoom(1 / ZOOM),
    reset: () => map.interaction.camera.reset(),
    full: () => toggleFullScreen(document.getElementById("stage")),
    save: () => savePicture(map.renderer, named()),
  };
  for (const button of tools.querySelectorAll("[data-tool]"))
    button.addEventListener("click", () => work[button.dataset.tool]());
  tools.querySelector('[data-tool="full"]').hidden = !canFillScreen();
}
