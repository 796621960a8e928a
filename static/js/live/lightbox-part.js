// A part of the image that is shown large, framed to be searched with.
/** @import { Box } from "./types.js" */
import { byId } from "../shared/elements.js";
import { isWhole } from "./box.js";
import { Frame } from "./frame.js";

/** @type {Box} */
const BEGIN = [0.2, 0.2, 0.8, 0.8];

/** @type {Frame | null} */
let frame = null;
let shown = { image: 0, width: 0, height: 0 };
let isFramed = false;

/** @param {Box} [box] */
function frameIt(box) {
  isFramed = Boolean(box);
  frame?.show(box ?? null, shown);
  byId("lightbox-part").setAttribute("aria-pressed", String(isFramed));
  showGo();
}

function showGo() {
  byId("lightbox-part-go").hidden = !frame || !isFramed || isWhole(frame.box);
}

/**
 * Take what is shown now; a frame was over something else.
 * @param {{ image: number, width: number, height: number }} hit
 */
export function partOf(hit) {
  shown = hit;
  frameIt();
}

/** Take the frame away, where there is one. */
export const hidePart = () => isFramed && frameIt();

/** Frame a part of what is shown, or no longer. */
export function partOrNot() {
  frameIt(isFramed ? undefined : BEGIN);
  if (isFramed) frame?.focus();
}

/** @param {(image: number, box: Box) => void} search */
export function listenForPart(search) {
  frame = new Frame(byId("lightbox-image", HTMLImageElement), showGo);
  byId("lightbox-part-go").addEventListener("click", () => frame && search(shown.image, frame.box));
}
