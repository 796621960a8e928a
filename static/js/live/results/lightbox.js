// A hit, large: keys and swipes step through the hits, the query stands beside it, links open it elsewhere.
// The address names what is shown, so Back closes it, and a reload opens it again.
/** @import { FoundHit } from "../../shared/types.js" */
/** @import { Box } from "../types.js" */
import { byId, closest, focusedIn, hasModifier, make } from "../../shared/elements.js";
import { plural, shareWords } from "../../shared/format.js";
import { siteAddress } from "../../shared/site.js";
import { listenForSuggested, showSuggested } from "../../shared/suggested.js";
import { shownIn, withShown } from "../address.js";
import { wordsOf } from "../examples/box.js";
import { addressOfSimilar } from "../links.js";
import { hidePart, listenForPart, markQuery, partOf, partOrNot } from "./lightbox-part.js";
import { canJudge, judging, shownHits } from "./results.js";
import { explainLarge, explainsLarge, hideLarge, toggleLarge } from "./why.js";

const SWIPE_PX = 50;
const BESIDE_FROM = "(min-width: 860px)";

let current = 0;
/** @type {boolean | null} */
let wantsQuery = null; // whether the query stands beside it, as far as somebody chose

const box = () => byId("lightbox", HTMLDialogElement);
const view = () => byId("lightbox-view");
const image = () => byId("lightbox-image", HTMLImageElement);
const isZoomed = () => view().classList.contains("zoomed");

// --- what is shown ------------------------------------------------------------------------------

/** Bring the lightbox in step with the address. */
export function followAddress() {
  const wanted = shownIn(location.search);
  const found = wanted === null ? -1 : shownHits().findIndex((hit) => hit.image === wanted);
  if (found >= 0) show(found);
  else if (box().open) box().close();
}

/** @param {number} to */
function show(to) {
  const hits = shownHits();
  current = to;
  const hit = hits[current];
  const name = hit.label || hit.filename;
  zoom(false);
  showImage(hit, name);
  byId("lightbox-title").textContent = name;
  byId("lightbox-place").textContent = `${current + 1} of ${plural(hits.length, "result")}`;
  byId("lightbox-previous", HTMLButtonElement).disabled = current === 0;
  byId("lightbox-next", HTMLButtonElement).disabled = current === hits.length - 1;
  byId("lightbox-facts").replaceChildren(...factsOf(hit));
  byId("lightbox-judging").replaceChildren(...(canJudge(hit) ? [judging(hit, name)] : []));
  showSuggested(byId("lightbox-suggested"), hit.image);
  byId("lightbox-links").replaceChildren(...linksOf(hit));
  partOf(hit);
  showQueryBeside();
  if (!box().open) box().showModal();
  // a button that is of no use any more loses the focus, and keys would go elsewhere
  if (!focusedIn(box()) || document.activeElement?.matches(":disabled"))
    view().focus({ preventScroll: true });
  if (hits[current + 1]) new Image().src = hits[current + 1].shown_url;
  explain();
}

/** Explain what is shown once both images have their place, where that is wanted. */
function explain() {
  const hits = shownHits();
  explainLarge(hits[current].image, hits.at(current + 1)?.image);
}

function explainOrNot() {
  toggleLarge();
  zoom(false);
  if (explainsLarge()) wantsQuery = true; // the two are looked at together
  showQueryBeside();
  explain();
}

/**
 * @param {FoundHit} hit
 * @param {string} name
 */
function showImage(hit, name) {
  const shown = image();
  shown.removeAttribute("src"); // the last one would stand there until the next is loaded
  shown.width = hit.width;
  shown.height = hit.height;
  shown.alt = name;
  shown.style.backgroundImage = `url(${JSON.stringify(hit.thumbnail)})`;
  shown.onload = () => shown.style.removeProperty("background-image");
  shown.src = hit.shown_url;
}

/** @param {FoundHit} hit */
function factsOf(hit) {
  /** @type {[string, string][]} */
  const facts = [
    ["Dataset", hit.dataset],
    ["Label", hit.label || "none"],
    ["Size", `${hit.width} × ${hit.height} px`],
    ["File", hit.filename],
  ];
  if (hit.box) facts.unshift(["Matches in", wordsOf(hit.box)]);
  if (hit.percentile !== null)
    facts.unshift(["Nearer than", `${shareWords(hit.percentile)} of random pairs`]);
  if (hit.probability !== null)
    facts.unshift([hit.matched ? "Of the word" : "Probably the same", shareWords(hit.probability)]);
  if (hit.score !== null) facts.unshift(["Score", hit.score.toFixed(3)]);
  return facts.map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", { title: value }, value)),
  );
}

/** @param {FoundHit} hit */
function linksOf(hit) {
  const asked = new URLSearchParams({ dataset: hit.dataset, image: String(hit.image) });
  return [
    make(
      "a",
      { class: "button", href: addressOfSimilar(hit.image), "data-image": hit.image },
      "Find similar",
    ),
    make("a", { class: "button", href: `${siteAddress("/")}?${asked}` }, "Explore"),
    make("a", { class: "button", href: `${siteAddress("/embeddings/")}?${asked}` }, "Map"),
    make("a", { class: "button", href: hit.page_url }, "Details"),
    make("a", { class: "button", href: hit.url, download: hit.filename }, "Download"),
  ];
}

function showQueryBeside() {
  const query = byId("query-image", HTMLImageElement);
  const source = query.hidden || byId("query-picture").hidden ? "" : query.src;
  const beside = wantsQuery ?? matchMedia(BESIDE_FROM).matches;
  const button = byId("lightbox-beside");
  button.hidden = !source;
  button.setAttribute("aria-pressed", String(beside));
  byId("lightbox-query").hidden = !source || !beside;
  if (source) byId("lightbox-query-image", HTMLImageElement).src = source;
  markQuery(query);
}

// --- zoom ---------------------------------------------------------------------------------------

/**
 * Show the image in its own size, at least twice as large as it fits, or fitting.
 * @param {boolean} wanted
 * @param {{ x: number, y: number }} [at] what stays in view, as shares of the sides
 */
function zoom(wanted, at = { x: 0.5, y: 0.5 }) {
  const [frame, shown] = [view(), image()];
  const fitting = shown.getBoundingClientRect().width;
  if (wanted) hidePart();
  frame.classList.toggle("zoomed", wanted);
  byId("lightbox-zoom").setAttribute("aria-pressed", String(wanted));
  // what scrolls has to be reached by keys
  frame.tabIndex = wanted ? 0 : -1;
  shown.style.width = wanted ? `${Math.max(2 * fitting, shown.naturalWidth)}px` : "";
  if (!wanted) return;
  frame.scrollLeft = at.x * frame.scrollWidth - frame.clientWidth / 2;
  frame.scrollTop = at.y * frame.scrollHeight - frame.clientHeight / 2;
  frame.focus({ preventScroll: true });
}

/** @param {MouseEvent} event */
function zoomAt(event) {
  const { left, top, width, height } = image().getBoundingClientRect();
  zoom(!isZoomed(), { x: (event.clientX - left) / width, y: (event.clientY - top) / height });
}

// --- what people do -----------------------------------------------------------------------------

/** @param {number} shown the id of an image */
function open(shown) {
  history.pushState({ lightbox: true }, "", location.pathname + withShown(location.search, shown));
  followAddress();
}

/** @param {number} to */
function step(to) {
  const hit = shownHits()[to];
  if (!hit) return;
  history.replaceState(history.state, "", location.pathname + withShown(location.search, hit.image));
  followAddress();
}

/** The dialog was closed, by a key, a button or because something else is asked. */
function closed() {
  hideLarge();
  const hit = shownHits().at(current);
  const link = document.querySelector(`[data-enlarge="${hit?.image}"]`)?.closest(".hit")?.querySelector("a");
  (link?.closest("[hidden]") ? byId("fold") : link)?.focus();
  if (shownIn(location.search) === null) return;
  if (history.state?.lightbox) history.back();
  else history.replaceState({}, "", location.pathname + withShown(location.search, null));
}

/** @type {Record<string, () => void>} */
const KEYS = {
  ArrowLeft: () => step(current - 1),
  ArrowRight: () => step(current + 1),
  Home: () => step(0),
  End: () => step(shownHits().length - 1),
  z: () => zoom(!isZoomed()),
  q: () => besideOrNot(),
  w: () => explainOrNot(),
  p: () => framedOrNot(),
};

function framedOrNot() {
  zoom(false);
  partOrNot();
}

function besideOrNot() {
  wantsQuery = byId("lightbox-query").hidden;
  zoom(false);
  showQueryBeside();
  explain();
}

/** @param {KeyboardEvent} event */
function takeKey(event) {
  const act = KEYS[event.key];
  const scrolls = isZoomed() && event.target === view() && event.key.startsWith("Arrow");
  if (!act || scrolls || hasModifier(event)) return;
  event.preventDefault();
  act();
}

function listenForSwipes() {
  const frame = view();
  /** @type {{ x: number, y: number } | null} */
  let began = null;
  frame.addEventListener("pointerdown", (event) => {
    began = event.isPrimary && event.pointerType !== "mouse" ? { x: event.clientX, y: event.clientY } : null;
  });
  frame.addEventListener("pointerup", (event) => {
    if (!began || !event.isPrimary || isZoomed()) return;
    const [across, along] = [event.clientX - began.x, event.clientY - began.y];
    began = null;
    if (Math.abs(across) < SWIPE_PX || Math.abs(along) > Math.abs(across)) return;
    swiped = true;
    step(current + (across < 0 ? 1 : -1));
  });
  frame.addEventListener("pointercancel", () => (began = null));
}

let swiped = false; // the click that ends a swipe does not zoom

/**
 * Take what opens the lightbox, and what is done in it.
 * @param {(image: number, box: Box) => void} searchPart
 */
export function listenForLightbox(searchPart) {
  const hits = byId("results");
  hits.addEventListener("click", (event) => {
    const button = closest(event, "[data-enlarge]");
    if (button) open(Number(button.dataset.enlarge));
  });
  hits.addEventListener("keydown", (event) => {
    const link = closest(event, ".hit-picture");
    const button = link?.closest(".hit")?.querySelector("[data-enlarge]");
    if (event.key !== " " || hasModifier(event) || !(button instanceof HTMLElement)) return;
    event.preventDefault();
    open(Number(button.dataset.enlarge));
  });
  box().addEventListener("close", closed);
  box().addEventListener("keydown", takeKey);
  byId("lightbox-close").addEventListener("click", () => box().close());
  byId("lightbox-previous").addEventListener("click", () => step(current - 1));
  byId("lightbox-next").addEventListener("click", () => step(current + 1));
  byId("lightbox-zoom").addEventListener("click", () => zoom(!isZoomed()));
  byId("lightbox-beside").addEventListener("click", besideOrNot);
  byId("lightbox-part").addEventListener("click", framedOrNot);
  listenForPart(searchPart);
  byId("lightbox-why").addEventListener("click", explainOrNot);
  image().addEventListener("click", (event) => {
    if (!swiped && !explainsLarge()) zoomAt(event); // a tap says what its cell has
    swiped = false;
  });
  listenForSwipes();
  listenForSuggested(byId("lightbox-suggested"));
}
