// Shows the hits, what they have in common, and where the time went.
/** @import { Hit, SearchResponse, Stage } from "../shared/types.js" */
import { byId, elementIn, elementsIn, make, makeSvg } from "../shared/elements.js";
import { showsNow } from "../explain/screen.js";
import { decimal, number, plural } from "../shared/format.js";

/** @type {[stage: Stage, name: string][]} */
const STAGES = [
  ["decode", "decode"],
  ["extract", "features"],
  ["search", "search"],
  ["rerank", "re-rank"],
  ["load", "load"],
];
/** @type {string[]} */
let labels = [];
/** @type {number[]} */
let scores = [];
/** @type {Map<string, HTMLElement>} */
const cards = new Map(); // by the digest of the image: one that is in several datasets has one card

/** @param {Hit} hit */
const neighbour = (hit) => ({
  id: hit.image,
  thumbnail: hit.thumbnail,
  name: hit.label || hit.filename,
  label: hit.label,
  score: hit.score,
});

export function clearHits() {
  labels = [];
  scores = [];
  showsNow({ scores, found: [] });
  cards.clear();
  byId("hits").replaceChildren();
}

export const hitCount = () => labels.length;

/** @param {Hit} hit */
function card(hit) {
  const bar = make("span", { class: "score-bar", "aria-hidden": "true" });
  bar.style.setProperty("--score", String(Math.min(1, Math.max(0, hit.score))));
  const name = hit.label || hit.filename;
  return make(
    "li",
    { class: "hit" },
    make(
      "a",
      { class: "hit-picture", href: hit.page_url },
      make("img", {
        src: hit.thumbnail,
        alt: name,
        width: hit.width,
        height: hit.height,
        loading: "lazy",
        decoding: "async",
      }),
      make("span", { class: "visually-hidden" }, "Rank "),
      make("span", { class: "hit-rank" }, String(hit.rank)),
    ),
    make(
      "div",
      { class: "hit-facts" },
      make(
        "span",
        { class: "score", title: "Cosine similarity: 1 is the same" },
        bar,
        make("span", {}, decimal(hit.score, 3)),
      ),
      make("span", { class: "hit-label", title: hit.filename }, name),
      make(
        "div",
        { class: "hit-line" },
        make("span", {}, hit.dataset),
        make(
          "a",
          {
            href: `?image=${hit.image}`,
            "data-image": hit.image,
            "aria-label": `Find similar to ${name}`,
          },
          "Find similar",
        ),
      ),
    ),
  );
}

/**
 * Say on the card of an image that another dataset has the same one.
 * @param {HTMLElement} shown
 * @param {Hit} hit
 */
function alsoIn(shown, hit) {
  let line = elementsIn(shown, ".also-in").at(0);
  if (!line) {
    line = make("p", { class: "also-in" }, "also in ");
    elementIn(shown, ".hit-facts").append(line);
  } else line.append(", ");
  line.append(make("a", { href: hit.page_url }, hit.dataset));
}

/**
 * Append the hits and return the first new card.
 * @param {Hit[]} hits
 */
export function appendHits(hits) {
  /** @type {HTMLElement[]} */
  const fresh = [];
  for (const hit of hits) {
    const shown = cards.get(hit.sha256);
    if (shown) {
      alsoIn(shown, hit);
      continue;
    }
    const added = card(hit);
    cards.set(hit.sha256, added);
    labels.push(hit.label);
    fresh.push(added);
  }
  byId("hits").append(...fresh);
  scores.push(...hits.map((hit) => hit.score));
  showsNow({ scores: [...scores], found: hits.map(neighbour) });
  return fresh.at(0);
}

/**
 * Say in words what is shown; returns the words.
 * @param {SearchResponse} found
 */
export function showSummary(found) {
  byId("summary").textContent = summaryOf(found, labels);
  return byId("summary").textContent;
}

/**
 * Return in words what was found, and what the labels of the shown hits have in common.
 * @param {Pick<SearchResponse, "searched" | "label">} found
 * @param {string[]} shownLabels
 */
export function summaryOf(found, shownLabels) {
  const among = `Searched ${plural(found.searched, "picture")}`;
  if (!shownLabels.length) {
    return found.label
      ? `${among}. None has the label “${found.label}” here.`
      : `${among}. Nothing was found.`;
  }
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const label of shownLabels) if (label) counts.set(label, (counts.get(label) ?? 0) + 1);
  if (!counts.size || found.label) return `${among}.`;
  const [label, count] = [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best));
  if (counts.size === 1 && count === shownLabels.length)
    return `${among}. All ${number(count)} shown are labelled “${label}”.`;
  return `${among}. ${number(count)} of the ${number(shownLabels.length)} shown share the label “${label}”.`;
}

/** @param {number} value */
const ms = (value) => `${value >= 100 ? Math.round(value) : decimal(value, 1)} ms`;

/** @param {SearchResponse["timings_ms"]} timings */
export function showTimings(timings) {
  const stages = STAGES.filter(([stage]) => timings[stage] > 0);
  const sum = stages.reduce((total, [stage]) => total + timings[stage], 0);
  const bar = makeSvg("svg", { viewBox: "0 0 100 1", preserveAspectRatio: "none", "aria-hidden": "true" });
  let x = 0;
  for (const [stage] of stages) {
    const width = sum ? (100 * timings[stage]) / sum : 0;
    bar.append(makeSvg("rect", { x, y: 0, width, height: 1, "data-stage": stage }));
    x += width;
  }
  const rows = stages.map(([stage, name]) =>
    make("li", { "data-stage": stage }, `${name} ${ms(timings[stage])}`),
  );
  byId("timings").replaceChildren(
    bar,
    make(
      "ul",
      { "aria-label": "Time taken" },
      ...rows,
      make("li", { class: "total" }, `total ${ms(timings.total)}`),
    ),
  );
}
