// A part of the image that is shown large: where it matches, and one that is framed to be searched with.
/** @import { FoundHit } from "../../shared/types.js" */
/** @import { Box } from "../types.js" */
import { byId } from "../../shared/elements.js";
import { boxIn, isWhole } from "../examples/box.js";
import { Frame } from "../examples/frame.js";
import { Match } from "./match.js";

/** @type {Box} */
const BEGIN = [0.2, 0.2, 0.8, 0.8];

/** @type {Frame | null} */
let frame = null;
/** @type {Match | null} */
let match = null;
/** @type {Match | null} */
let queryMatch = null;
/** @type {Pick<FoundHit, "image" | "width" | "height" | "box">} */
let shown = { image: 0, width: 0, height: 0, box: null };
let isFramed = false;

/** @param {Box} [box] */
function frameIt(box) {
  isFramed = Boolean(box);
  match?.show(box ? null : shown);
  frame?.show(box ?? null, shown);
  byId("lightbox-part").setAttribute("aria-pressed", String(isFramed));
  showGo();
}

function showGo() {
  byId("lightbox-part-go").hidden = !frame || !isFramed || isWhole(frame.box);
}

/**
 * Take what is shown now; a frame was over something else.
 * @param {Pick<FoundHit, "image" | "width" | "height" | "box">} hit
 */
export function partOf(hit) {
  shown = hit;
  frameIt();
}

/**
 * Mark the part of the query that the address says, over its copy beside the hit.
 * @param {HTMLImageElement} query the image that is framed
 */
export function markQuery({ naturalWidth, naturalHeight }) {
  const box = boxIn(new URLSearchParams(location.search).get("box")) ?? null;
  queryMatch?.show(naturalWidth ? { box, width: naturalWidth, height: naturalHeight } : null);
}

/** Take away what lies over the image. */
export function hidePart() {
  if (isFramed) frameIt();
  match?.show(null);
}

/** Frame a part of what is shown, or no longer. */
export function partOrNot() {
  frameIt(isFramed ? undefined : BEGIN);
  if (isFramed) frame?.focus();
}

/** @param {(image: number, box: Box) => void} search */
export function listenForPart(search) {
  const image = byId("lightbox-image", HTMLImageElement);
  frame = new Frame(image, showGo);
  match = new Match(image);
  queryMatch = new Match(byId("lightbox-query-image", HTMLImageElement));
  byId("lightbox-part-go").addEventListener("click", () => frame && search(shown.image, frame.box));
}
