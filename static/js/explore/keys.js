// The arrows: up and down walk the layers, left and right the pictures or the neighbours; Escape goes back to
// all pictures.
/** @import { ExplorePage } from "./types.js" */
import { byId, closest, elementsIn, hasModifier } from "../shared/elements.js";

/** @type {Record<string, number>} */
const STEPS = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -1, ArrowRight: 1 };
const OTHERS = "input, select, textarea, [contenteditable], dialog, .disclosure, .top, .sections, #datasets";

/**
 * Whether keys belong to something else: fields, an open menu, or a page that only scrolls.
 * @param {KeyboardEvent} event
 * @param {ExplorePage} page
 */
function taken(event, page) {
  if (hasModifier(event) || event.defaultPrevented || closest(event, OTHERS)) return true;
  // on the grid the page itself scrolls as long as nobody works with the pictures or the rail
  return page.state.image === null && !closest(event, "#explore");
}

/** @param {ExplorePage} page */
export function listenForKeys(page) {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && page.state.image !== null && !closest(event, "select, .top")) {
      event.preventDefault();
      page.choose({ image: null });
      return;
    }
    if (taken(event, page)) return;
    const since = performance.now();
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    if (event.key === "ArrowUp" || event.key === "ArrowDown") walkLayers(page, step, since);
    else walkImages(page, step, closest(event, "#neighbours li"), since);
  });
}

/**
 * @param {ExplorePage} page
 * @param {number} step
 * @param {number} since
 */
function walkLayers(page, step, since) {
  const layers = page.networks.find((network) => network.name === page.state.model)?.layers ?? [];
  const next = layers[layers.findIndex((layer) => layer.name === page.state.layer) + step];
  if (!next) return;
  const inRail = byId("layers").contains(document.activeElement);
  page.choose({ layer: next.name }, { since, walking: true });
  if (inRail) elementsIn(byId("layers"), "a[aria-current]").at(0)?.focus({ preventScroll: true });
}

/**
 * @param {ExplorePage} page
 * @param {number} step
 * @param {Element | null} neighbour the one with the focus
 * @param {number} since
 */
function walkImages(page, step, neighbour, since) {
  if (page.state.image === null) {
    page.grid?.walk(step);
    return;
  }
  if (neighbour) {
    const next = step > 0 ? neighbour.nextElementSibling : neighbour.previousElementSibling;
    next?.querySelector("a")?.focus();
    return;
  }
  page.grid
    ?.beside(page.state.image, step)
    .then((image) => image !== null && page.search(image, { since, walking: true }));
}
