// Why a hit is similar: its button shows it while the mouse is over it; a click, a tap or the key w keep it.
/** @import { State } from "./types.js" */
import { byId, closest, elementsIn, hasModifier } from "../shared/elements.js";
import { explanation, Why } from "../shared/why.js";
import { siteAddress } from "../shared/site.js";
import { explanationOf } from "./address.js";

const REST_MS = 120; // who crosses a button on the way elsewhere asks for nothing
const why = new Why();
/** @type {State | null} */
let state = null;
/** @type {HTMLElement | null} */
let kept = null; // the button that was pressed
let timer = 0;

/**
 * Return where a hit of the search that is shown is explained, "" where there is nothing to compare it with.
 * @param {number} image
 */
export function explanationAddress(image) {
  const query = state && explanationOf(state, image);
  return query ? siteAddress(`/api/v1/search/explanation/${query}`) : "";
}

/**
 * Take what is searched with; what was explained of another search goes.
 * @param {State} current
 */
export function explainHitsOf(current) {
  state = current;
  forget();
}

function forget() {
  clearTimeout(timer);
  kept?.setAttribute("aria-pressed", "false");
  kept = null;
  why.hide();
}

/** The image of the query where it is seen. */
export function queryImage() {
  const shown = byId("query-image", HTMLImageElement);
  return shown.hidden || byId("query-picture").hidden ? null : shown;
}

/** @param {HTMLElement} button */
function show(button) {
  const [image] = elementsIn(button.closest(".hit") ?? document, ".hit-picture img", HTMLImageElement);
  const address = explanationAddress(Number(button.dataset.why));
  if (image && address && why.asked !== address)
    why.show(address, { hit: image, query: queryImage(), words: byId("why") });
}

/** @param {HTMLElement} button */
function keepOrNot(button) {
  const again = kept === button;
  forget();
  if (again) return;
  kept = button;
  button.setAttribute("aria-pressed", "true");
  show(button);
}

/** @param {PointerEvent} event */
function enter(event) {
  const button = closest(event, "[data-why]");
  if (event.pointerType !== "mouse" || !(button instanceof HTMLElement)) return;
  clearTimeout(timer);
  timer = setTimeout(() => show(button), REST_MS);
}

/** @param {PointerEvent} event */
function leave(event) {
  if (event.pointerType !== "mouse" || !closest(event, "[data-why]")) return;
  clearTimeout(timer);
  if (kept) show(kept);
  else why.hide();
}

/** @param {KeyboardEvent} event */
function takeKey(event) {
  if (hasModifier(event)) return;
  if (event.key === "Escape") forget();
  const button = event.key === "w" && closest(event, ".hit")?.querySelector("[data-why]");
  if (!(button instanceof HTMLElement)) return;
  event.preventDefault();
  keepOrNot(button);
}

/** Take what is done with the hits. */
export function listenForWhy() {
  const hits = byId("hits");
  hits.addEventListener("pointerover", enter);
  hits.addEventListener("pointerout", leave);
  hits.addEventListener("keydown", takeKey);
  hits.addEventListener("click", (event) => {
    const button = closest(event, "[data-why]");
    if (button instanceof HTMLElement) keepOrNot(button);
  });
}

// --- in the lightbox ----------------------------------------------------------------------------

const large = new Why();
let wanted = false; // whether hits that are shown large are explained

/** Whether the hit that is shown large is explained. */
export const explainsLarge = () => wanted;

/**
 * Explain the hit that is shown large, where that is wanted; and have the next one ready.
 * @param {number} image
 * @param {number | undefined} following
 */
export function explainLarge(image, following) {
  const address = explanationAddress(image);
  const button = byId("lightbox-why");
  button.hidden = !address;
  button.setAttribute("aria-pressed", String(wanted && Boolean(address)));
  const query = byId("lightbox-query").hidden ? null : byId("lightbox-query-image", HTMLImageElement);
  large.hide();
  if (!wanted || !address) return;
  const hit = byId("lightbox-image", HTMLImageElement);
  large.show(address, { hit, query, words: byId("lightbox-words"), keys: true });
  const next = following === undefined ? "" : explanationAddress(following);
  if (next) explanation(next).catch(() => {}); // it is said when it is shown
}

/** Explain hits that are shown large, or no longer. */
export function toggleLarge() {
  wanted = !wanted;
}

export const hideLarge = () => large.hide();
