// The buttons over the map: what dragging does, zoom, everything, full screen, save.
/** @import { Mode } from "../map/interaction.js" */
/** @import { PageMap } from "./map.js" */
import { canFillScreen, saveImage, toggleFullScreen } from "../map/drawing/screen.js";
import { byId, elementIn, elementsIn } from "../shared/elements.js";

const ZOOM = 1.5;

/**
 * Let the buttons work on a PageMap; `named()` returns the name of the file to save.
 * @param {PageMap} map
 * @param {() => string} named
 */
export function listenToTools(map, named) {
  const tools = byId("tools");
  const modes = elementsIn(tools, "[data-mode]");
  for (const button of modes) {
    button.addEventListener("click", () => {
      map.interaction.mode = /** @type {Mode} */ (button.dataset.mode);
      for (const other of modes) other.setAttribute("aria-pressed", String(other === button));
    });
  }
  /** @type {Record<string, () => unknown>} */
  const work = {
    in: () => map.interaction.zoom(ZOOM),
    out: () => map.interaction.zoom(1 / ZOOM),
    reset: () => map.interaction.camera.reset(),
    full: () => toggleFullScreen(byId("stage")),
    save: () => saveImage(map.renderer, named()),
  };
  for (const button of elementsIn(tools, "[data-tool]"))
    button.addEventListener("click", () => work[button.dataset.tool ?? ""]());
  elementIn(tools, '[data-tool="full"]').hidden = !canFillScreen();
}
