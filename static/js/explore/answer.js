// The query and its neighbours, ranked; whatever changes moves to its new place.
/** @import { Experiment, Found, ImageResult, ImageSummary } from "../shared/types.js" */
/** @import { ExplorePage, Origin, RankedNeighbour } from "./types.js" */
import { byId, elementIn, focusedIn, make } from "../shared/elements.js";
import { decimal, plural } from "../shared/format.js";
import { markOf } from "../shared/mark.js";
import { prefersStillness } from "../shared/motion.js";
import { addressOf } from "../shared/experiments/url-state.js";
import { clearScores, showScores } from "./scores.js";
import { whyButton } from "../shared/why/why-buttons.js";
import { siteAddress } from "../shared/site.js";
import { explainNeighboursOf } from "./why.js";

const MOVE = { duration: 320, easing: "cubic-bezier(0.2, 0.8, 0.2, 1)" };
/** @type {Record<string, string>} */
const SCORE_WORDS = {
  cosine: "Cosine similarity: 1 is the same direction",
  inner_product: "Inner product: higher is nearer",
};
const APPEAR = { duration: 220, easing: "ease-out" };
/** @type {Map<number, HTMLElement>} */
const items = new Map();
/** @type {number | null} */
let pending = null;

/**
 * Show the query while its neighbours are still asked for: the old ones stay, dimmed, if that takes a moment.
 * @param {ExplorePage} page
 * @param {ImageSummary | undefined} image
 * @param {Origin | null} origin
 */
export function showPending(page, image, origin) {
  byId("answer").setAttribute("aria-busy", "true");
  pending = page.state.image;
  if (image) showQueryImage(image, origin);
  else {
    byId("query-image").removeAttribute("src");
    byId("answer-title").textContent = "";
    byId("query-name").textContent = "";
  }
  linkSteps(page);
}

/**
 * Show query, neighbours, marks and scores of the chosen experiment.
 * @param {ExplorePage} page
 * @param {Origin | null} origin
 */
export function showAnswer(page, origin = null) {
  const { answer, state, row } = page;
  if (!answer) return;
  byId("answer").removeAttribute("aria-busy");
  if (byId("query-image").dataset.image !== String(answer.image.id))
    showQueryImage(answer.image, pending === answer.image.id ? origin : null);
  pending = null;
  linkSteps(page);
  const result = row ? answer.found.get(row.id) : undefined;
  /** @type {RankedNeighbour[]} */
  const found = result ? neighboursOf(answer, result, state.k) : [];
  explainNeighboursOf(page);
  const labelled = Boolean(answer.image.label) && row?.weighted_precision !== null;
  showNeighbours(page, found, labelled ? answer.image.label : "");
  const right = found.filter((neighbour) => neighbour.label === answer.image.label).length;
  byId("neighbours-title").textContent = found.length
    ? `The ${plural(found.length, "most similar image")}`
    : "";
  byId("neighbours-note").textContent = note({ row, result, labelled, right, found });
  if (row && result && labelled && found.length) showScores({ answer, state, row, result, found });
  else clearScores();
  byId("status").textContent =
    row && result
      ? `${row.model}, ${row.layer}. ${labelled ? `${right} of ${found.length} right.` : ""}`
      : "";
}

/**
 * @typedef {object} Noted
 * @property {Experiment | null} row
 * @property {ImageResult | undefined} result
 * @property {boolean} labelled
 * @property {number} right
 * @property {RankedNeighbour[]} found
 */

/** @param {Noted} shown */
function note({ row, result, labelled, right, found }) {
  if (!row) return "";
  if (!result) return "This image is newer than the experiment: it has no neighbours yet.";
  if (!labelled)
    return row.weighted_precision === null
      ? ""
      : "This image has no label, so nothing says which neighbour is right.";
  return `${right} of ${found.length} in its category`;
}

/**
 * Return the first k neighbours that still exist, with rank and score.
 * @param {Found} answer
 * @param {ImageResult} result
 * @param {number} k
 */
function neighboursOf(answer, result, k) {
  /** @type {RankedNeighbour[]} */
  const found = [];
  for (const [id, score] of result.neighbours) {
    const image = answer.pictures[id];
    if (image) found.push({ ...image, score, rank: found.length + 1 });
    if (found.length === k) break;
  }
  return found;
}

/** @param {string} id */
const linkOf = (id) => byId(id, HTMLAnchorElement);

/** @param {ExplorePage} page */
function linkSteps(page) {
  linkOf("back").href = page.address({ image: null });
  const { image, dataset } = page.state;
  linkOf("search-with").href = siteAddress(`/live/?image=${image}&dataset=${encodeURIComponent(dataset)}`);
  linkOf("compare-with").href = addressOf(page.state, { path: siteAddress("/compare/") });
  linkOf("map-with").href = addressOf(page.state, { path: byId("explore").dataset.map });
}

/**
 * @param {ImageSummary} image
 * @param {Origin | null} origin
 */
function showQueryImage(image, origin) {
  const shown = byId("query-image", HTMLImageElement);
  shown.dataset.image = String(image.id);
  shown.src = image.shown_url ?? image.thumbnail;
  shown.alt = image.label ? `Query: ${image.label}, ${image.filename}` : `Query: ${image.filename}`;
  byId("answer-title").textContent = image.label || image.filename;
  byId("answer-title").title = image.label || image.filename;
  byId("query-name").textContent = image.label ? image.filename : "";
  linkOf("picture-page").href = image.page_url;
  if (origin && !prefersStillness()) requestAnimationFrame(() => fly(shown, origin.rect));
}

/**
 * Let an element come from where it, or its likeness, was.
 * @param {Element} element
 * @param {DOMRect} from
 */
function fly(element, from) {
  const to = element.getBoundingClientRect();
  if (!to.width) return;
  const scale = Math.min(from.width / to.width, from.height / to.height);
  const [dx, dy] = [
    from.left + from.width / 2 - to.left - to.width / 2,
    from.top + from.height / 2 - to.top - to.height / 2,
  ];
  element.animate(
    [{ transform: `translate(${dx}px, ${dy}px) scale(${scale})` }, { transform: "none" }],
    MOVE,
  );
}

// --- neighbours -------------------------------------------------------------------------------

/**
 * @param {ExplorePage} page
 * @param {RankedNeighbour[]} found
 * @param {string} label of the query, "" where nothing says which neighbour is right
 */
function showNeighbours(page, found, label) {
  const list = byId("neighbours");
  const before = prefersStillness()
    ? null
    : new Map([...items].map(([id, item]) => [id, item.getBoundingClientRect()]));
  const focused = focusedIn(list)?.closest("li");
  const wanted = new Set(found.map((neighbour) => neighbour.id));
  for (const [id, item] of items) {
    if (wanted.has(id)) continue;
    item.remove();
    items.delete(id);
  }
  found.forEach((neighbour, index) => {
    const known = items.get(neighbour.id);
    const item = known ?? makeItem(page, neighbour);
    fill(page, item, neighbour, label && neighbour.label ? neighbour.label === label : null);
    items.set(neighbour.id, item);
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
  if (focused?.isConnected && !focused.contains(document.activeElement))
    elementIn(focused, "a").focus({ preventScroll: true });
  if (before) move(before);
}

/**
 * First, last, invert, play: what was there already glides to its new rank, what is new appears.
 * @param {Map<number, DOMRect>} before
 */
function move(before) {
  const positions = [...items].map(([id, item]) => ({
    item,
    from: before.get(id),
    to: item.getBoundingClientRect(),
  }));
  for (const { item, from, to } of positions) {
    if (!from)
      item.animate(
        [
          { opacity: 0, transform: "scale(0.85)" },
          { opacity: 1, transform: "none" },
        ],
        APPEAR,
      );
    else if (from.left !== to.left || from.top !== to.top) {
      item.animate(
        [{ transform: `translate(${from.left - to.left}px, ${from.top - to.top}px)` }, { transform: "none" }],
        MOVE,
      );
    }
  }
}

/**
 * @param {ExplorePage} page
 * @param {RankedNeighbour} neighbour
 */
function makeItem(page, neighbour) {
  const name = neighbour.label ? `${neighbour.label}, ${neighbour.filename}` : neighbour.filename;
  return make(
    "li",
    { class: "neighbour" },
    make(
      "a",
      {
        class: "neighbour-link",
        href: addressOf({ ...page.state, image: neighbour.id }),
        "data-image": neighbour.id,
        title: name,
      },
      make(
        "span",
        { class: "neighbour-picture" },
        make("img", { src: neighbour.thumbnail, alt: name, decoding: "async", draggable: "false" }),
        make("span", { class: "neighbour-rank number" }),
      ),
      make(
        "span",
        { class: "neighbour-facts" },
        make("span", { class: "mark-place" }),
        make("span", { class: "neighbour-label" }, neighbour.label || neighbour.filename),
        make("span", { class: "neighbour-score number muted" }),
      ),
    ),
    whyButton(neighbour.id, name),
  );
}

/**
 * @param {ExplorePage} page
 * @param {HTMLElement} item
 * @param {RankedNeighbour} neighbour
 * @param {boolean | null} right
 */
function fill(page, item, neighbour, right) {
  /** @param {string} name */
  const part = (name) => elementIn(item, name);
  part(".neighbour-rank").textContent = String(neighbour.rank);
  part(".neighbour-score").textContent = scoreText(neighbour.score);
  part(".neighbour-score").title =
    SCORE_WORDS[page.row?.metric ?? ""] ?? "Minus the distance: higher is nearer";
  const said = right === null ? "" : String(right);
  if (item.dataset.right === said) return;
  item.dataset.right = said;
  part(".mark-place").replaceChildren(...(right === null ? [] : [markOf(right)]));
}

/** @param {number} score */
function scoreText(score) {
  const whole = Math.floor(Math.abs(score));
  const digits = whole >= 1000 ? 0 : whole >= 100 ? 1 : whole >= 10 ? 2 : 3;
  return decimal(score, digits).replace("-", "−");
}
