// One configuration in all views: what the pointer or the focus is on is brought out everywhere, with a card
// beside it.
/** @import { BoardRow } from "./types.js" */
import { byId, closest, make } from "../shared/elements.js";
import { SCORE_NAMES } from "../shared/experiments/experiments.js";
import { number, percent } from "../shared/format.js";
import { bytes, layerOf, ms, SHORT_SCORES } from "./figures.js";
import { joinNetwork } from "./scatter.js";

const GAP_PX = 10;
/** @type {Element | null} */
let anchor = null;

/**
 * Show the figures of a row beside an element.
 * @param {BoardRow} row
 * @param {Element} beside
 */
function showCard(row, beside) {
  /**
   * @param {string} name
   * @param {string} value
   */
  const line = (name, value) => make("div", {}, make("dt", {}, name), make("dd", {}, value));
  const marks = [
    row.best ? "best" : "",
    row.live ? "live now" : "",
    row.front ? "on the Pareto front" : "",
    row.baseline ? "baseline" : "",
  ].filter(Boolean);
  const card = byId("card");
  card.replaceChildren(
    make("p", { class: "card-title" }, row.title),
    make("p", { class: "muted" }, layerOf(row)),
    marks.length ? make("p", { class: "card-marks" }, marks.join(" · ")) : "",
    make(
      "dl",
      { class: "number" },
      ...SCORE_NAMES.map((score) => line(SHORT_SCORES[score], percent(row[score]))),
      line("Dimensions", number(row.dims)),
      line("A vector", bytes(row.bytes_per_vector)),
      line("An image", ms(row.extract_ms)),
    ),
  );
  card.hidden = false;
  anchor = beside;
  moveCard(card, beside);
}

/**
 * @param {HTMLElement} card
 * @param {Element} beside
 */
function moveCard(card, beside) {
  const there = beside.getBoundingClientRect();
  const size = card.getBoundingClientRect();
  const middle = there.left + there.width / 2 - size.width / 2;
  const above = there.top - size.height - GAP_PX;
  const most = document.documentElement.clientWidth - size.width - 8;
  card.style.left = `${Math.max(8, Math.min(middle, most))}px`;
  card.style.top = `${above > 64 ? above : there.bottom + GAP_PX}px`;
}

/** What is focused keeps its card while the page scrolls to it; what was pointed at has moved away. */
function followScroll() {
  const card = byId("card");
  if (card.hidden) return;
  if (anchor && anchor === document.activeElement) moveCard(card, anchor);
  else card.hidden = true;
}

/**
 * Bring out a configuration in all views, with its card beside what is pointed at or focused; no row takes
 * both away.
 * @param {HTMLElement[]} views
 * @param {BoardRow | null} row
 * @param {Element | null} from
 */
function bringOut(views, row, from) {
  for (const view of views) {
    for (const element of view.querySelectorAll("[data-linked]")) element.removeAttribute("data-linked");
    if (row) view.querySelector(`[data-experiment="${row.experiment}"]`)?.setAttribute("data-linked", "");
    joinNetwork(view, row?.model ?? null);
  }
  if (row && from?.closest("#heat, #scatter") && matchMedia("(hover: hover)").matches) showCard(row, from);
  else byId("card").hidden = true;
}

/**
 * Let hovering and focusing a configuration in one view bring it out in all; `rowOf(id)` is its row.
 * @param {HTMLElement[]} views
 * @param {(id: string) => BoardRow | undefined} rowOf
 */
export function linkViews(views, rowOf) {
  for (const view of views) {
    for (const type of /** @type {const} */ (["pointerover", "focusin"]))
      view.addEventListener(type, (event) => {
        const found = closest(event, "[data-experiment]");
        if (found) bringOut(views, rowOf(found.dataset.experiment ?? "") ?? null, found);
      });
    for (const type of /** @type {const} */ (["pointerout", "focusout"]))
      view.addEventListener(type, (event) => {
        const found = closest(event, "[data-experiment]");
        const next = event.relatedTarget;
        if (found && !(next instanceof Node && found.contains(next))) bringOut(views, null, null);
      });
  }
  addEventListener("scroll", followScroll, { passive: true });
}
