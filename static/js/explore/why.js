// Why a neighbour is similar: what the cells of both maps have in its score, by the layer and metric chosen.
/** @import { ExplorePage } from "./types.js" */
import { byId, elementsIn } from "../shared/elements.js";
import { WhyButtons } from "../shared/why/why-buttons.js";
import { siteAddress } from "../shared/site.js";

/** @type {WhyButtons | null} */
let buttons = null;
/** @type {ExplorePage | null} */
let page = null;
let shown = "";

/**
 * Take what is shown; what was explained of another answer goes.
 * @param {ExplorePage} current
 */
export function explainNeighboursOf(current) {
  page = current;
  buttons ??= new WhyButtons(byId("neighbours"), byId("why"), explained);
  const now = `${page.row?.id} ${page.row?.computed_at} ${page.state.image}`;
  if (now !== shown) buttons.forget();
  shown = now;
}

/** @param {HTMLElement} button */
function explained(button) {
  const [hit] = elementsIn(button.closest("li") ?? document, ".neighbour-picture img", HTMLImageElement);
  if (!hit || !page?.row || page.state.image === null) return null;
  const asked = new URLSearchParams({
    image: String(page.state.image),
    neighbour: button.dataset.why ?? "",
  });
  return {
    address: siteAddress(`/api/v1/experiments/${page.row.id}/explanation/?${asked}`),
    hit,
    query: byId("query-image", HTMLImageElement),
  };
}
