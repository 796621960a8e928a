// One configuration in all views: what the pointer or the focus is on is brought out everywhere, with a card beside it.
import { percent, SCORES } from "../shared/url-state.js";
import { make, number } from "../shared/elements.js";
import { bytes, layerOf, ms, SHORT_SCORES } from "./figures.js";
import { joinNetwork } from "./scatter.js";

const card = document.getElementById("card");
const GAP_PX = 10;
let anchor = null;

/** Show the figures of a row beside an element. */
function showCard(row, beside) {
  const line = (name, value) => make("div", {}, make("dt", {}, name), make("dd", {}, value));
  const marks = [
    row.best ? "best" : "",
    row.live ? "live now" : "",
    row.front ? "on the Pareto front" : "",
    row.baseline ? "baseline" : "",
  ].filter(Boolean);
  card.replaceChildren(
    make("p", { class: "card-title" }, row.title),
    make("p", { class: "muted" }, layerOf(row)),
    marks.length ? make("p", { class: "card-marks" }, marks.join(" · ")) : "",
    make(
      "dl",
      { class: "number" },
      ...Object.keys(SCORES).map((score) => line(SHORT_SCORES[score], percent(row[score]))),
      line("Dimensions", number(row.dims)),
      line("A vector", bytes(row.bytes_per_vector)),
      line("A picture", ms(row.extract_ms)),
    ),
  );
  card.hidden = false;
  anchor = beside;
  place();
}

function place() {
  const there = anchor.getBoundingClientRect();
  const size = card.getBoundingClientRect();
  const middle = there.left + there.width / 2 - size.width / 2;
  const above = there.top - size.height - GAP_PX;
  card.style.left = `${Math.max(8, Math.min(middle, document.documentElement.clientWidth - size.width - 8))}px`;
  card.style.top = `${above > 64 ? above : there.bottom + GAP_PX}px`;
}

/** What is focused keeps its card while the page scrolls to it; what was pointed at has moved away. */
function followScroll() {
  if (card.hidden) return;
  if (anchor === document.activeElement) place();
  else card.hidden = true;
}

/** Bring out a configuration in all views, with its card beside what is pointed at or focused; no row takes both away. */
function bringOut(views, row, from) {
  for (const view of views) {
    for (const element of view.querySelectorAll("[data-linked]")) element.removeAttribute("data-linked");
    if (row) view.querySelector(`[data-experiment="${row.experiment}"]`)?.setAttribute("data-linked", "");
    joinNetwork(view, row?.model ?? null);
  }
  if (row && from.closest("#heat, #scatter") && matchMedia("(hover: hover)").matches) showCard(row, from);
  else card.hidden = true;
}

/** Let hovering and focusing a configuration in one view bring it out in all; `rowOf(id)` is its row. */
export function linkViews(views, rowOf) {
  const found = (event) => event.target.closest?.("[data-experiment]");
  for (const view of views) {
    for (const type of ["pointerover", "focusin"])
      view.addEventListener(
        type,
        (event) => found(event) && bringOut(views, rowOf(found(event).dataset.experiment), found(event)),
      );
    for (const type of ["pointerout", "focusout"])
      view.addEventListener(
        type,
        (event) => found(event) && !found(event).contains(event.relatedTarget) && bringOut(views, null),
      );
  }
  addEventListener("scroll", followScroll, { passive: true });
}
