// Why a hit of the search that is shown is similar: on its card, and where it is shown large.
/** @import { State } from "../types.js" */
import { byId, elementsIn } from "../../shared/elements.js";
import { explanation, Why } from "../../shared/why/why.js";
import { WhyButtons } from "../../shared/why/why-buttons.js";
import { siteAddress } from "../../shared/site.js";
import { explanationOf } from "../address.js";

/** @type {State | null} */
let state = null;
/** @type {WhyButtons | null} */
let buttons = null;

/** @param {number} image */
function addressOf(image) {
  const query = state && explanationOf(state, image);
  return query ? siteAddress(`/api/v1/search/explanation/${query}`) : "";
}

/**
 * Take what is searched with; what was explained of another search goes.
 * @param {State} current
 */
export function explainHitsOf(current) {
  state = current;
  buttons?.forget();
}

/** Take what is done with the hits. */
export function listenForWhy() {
  buttons = new WhyButtons(byId("results"), byId("why"), (button) => {
    const [hit] = elementsIn(button.closest(".hit") ?? document, ".hit-picture img", HTMLImageElement);
    const address = addressOf(Number(button.dataset.why));
    const query = byId("query-image", HTMLImageElement);
    const seen = !query.hidden && !byId("query-picture").hidden;
    return hit && address ? { address, hit, query: seen ? query : null } : null;
  });
}

// --- in the lightbox ----------------------------------------------------------------------------

const large = new Why();
let wanted = false;

/** Whether hits that are shown large are explained. */
export const explainsLarge = () => wanted;

/** Explain hits that are shown large, or no longer. */
export function toggleLarge() {
  wanted = !wanted;
}

export const hideLarge = () => large.hide();

/**
 * Explain the hit that is shown large, where that is wanted; and have the next one ready.
 * @param {number} image
 * @param {number | undefined} following
 */
export function explainLarge(image, following) {
  const address = addressOf(image);
  const button = byId("lightbox-why");
  button.hidden = !address;
  button.setAttribute("aria-pressed", String(wanted && Boolean(address)));
  const query = byId("lightbox-query").hidden ? null : byId("lightbox-query-image", HTMLImageElement);
  large.hide();
  if (!wanted || !address) return;
  const hit = byId("lightbox-image", HTMLImageElement);
  large.show({ address, hit, query, words: byId("lightbox-words"), keys: true });
  const next = following === undefined ? "" : addressOf(following);
  if (next) explanation(next).catch(() => {}); // it is said when it is shown
}
