// Shows the hits, what they have in common, and where the time went.
/** @import { FoundHit, FoundResponse, SearchResponse, Stage } from "../../shared/types.js" */
import { byId, elementIn, elementsIn, make, makeSvg } from "../../shared/elements.js";
import { showsNow } from "../../explain/screen.js";
import { decimal, number, plural, shareWords } from "../../shared/format.js";
import { whyButton } from "../../shared/why/why-buttons.js";
import { remember } from "../examples/examples.js";
import { nearOnes, pageOf } from "./grouping.js";
import { addressOfSimilar } from "../links.js";
import { matchOf } from "./match.js";
import { matchedWords } from "../examples/words.js";

/** @type {[stage: Stage, name: string][]} */
const STAGES = [
  ["decode", "decode"],
  ["extract", "features"],
  ["search", "search"],
  ["rerank", "re-rank"],
  ["load", "load"],
];
/** @type {FoundHit[]} */
let listed = []; // the hits that have a card
let byImage = false; // whether an image is searched with, which others can be put beside
/** @type {Map<string, HTMLElement>} */
const cards = new Map(); // by the digest of the image: one that is in several datasets has one card

/**
 * @param {FoundHit} hit
 * @param {number} score
 */
const neighbour = (hit, score) => ({
  id: hit.image,
  thumbnail: hit.thumbnail,
  name: hit.label || hit.filename,
  label: hit.label,
  score,
});

export function clearHits() {
  listed = [];
  showsNow({ scores: [], found: [] });
  cards.clear();
  byId("hits").replaceChildren();
  byId("hits-below").replaceChildren();
}

export const hitCount = () => listed.length;

export const shownHits = () => listed;

/** @param {FoundHit} hit one that is listed */
export function cardOf(hit) {
  const found = cards.get(hit.sha256);
  if (!found) throw new Error(`Image ${hit.image} has no card.`);
  return found;
}

/**
 * @param {number} score
 * @param {FoundHit} hit
 */
function scoreOf(score, { probability, percentile }) {
  const bar = make("span", { class: "score-bar", "aria-hidden": "true" });
  bar.style.setProperty("--score", String(Math.min(1, Math.max(0, score))));
  const nearer = percentile === null ? "" : ` Nearer than ${shareWords(percentile)} of random pairs.`;
  return make(
    "span",
    { class: "score", title: `Cosine similarity: 1 is the same.${nearer}` },
    bar,
    make("span", {}, decimal(score, 3)),
    probability === null
      ? null
      : make(
          "span",
          { class: "probability", title: "Probability that it is of the same category" },
          shareWords(probability),
        ),
  );
}

/**
 * The buttons that judge a hit; keys of the same signs do it too, where the focus is in its card.
 * @param {FoundHit} hit
 * @param {string} name
 */
export function judging(hit, name) {
  /**
   * @param {"like" | "unlike"} verdict
   * @param {string} sign
   * @param {string} words
   */
  const button = (verdict, sign, words) =>
    make(
      "button",
      {
        class: "judge",
        type: "button",
        "data-judge": verdict,
        "data-image": hit.image,
        "aria-label": `${words} ${name}, rank ${hit.rank}`,
        title: `${words} this`,
      },
      sign,
    );
  return make(
    "span",
    { class: "judging" },
    button("like", "+", "More like"),
    button("unlike", "−", "Less like"),
  );
}

/**
 * Whether a hit can be judged and explained: words, texts and filters alone have no image to stand beside.
 * @param {FoundHit} hit
 */
export const canJudge = (hit) => byImage && hit.score !== null;

/** @param {FoundHit} hit */
function card(hit) {
  const name = hit.label || hit.filename;
  remember(hit.image, { thumbnail: hit.thumbnail, name });
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
      matchOf(hit),
      make("span", { class: "visually-hidden" }, "Rank "),
      make("span", { class: "hit-rank" }, String(hit.rank)),
    ),
    canJudge(hit) ? judging(hit, name) : null,
    make(
      "button",
      {
        class: "judge enlarge",
        type: "button",
        "data-enlarge": hit.image,
        "aria-label": `Enlarge ${name}, rank ${hit.rank}`,
        title: "Enlarge (space)",
      },
      makeSvg(
        "svg",
        { viewBox: "0 0 24 24", "aria-hidden": "true" },
        makeSvg("path", { d: "M14 5h5v5M10 19H5v-5M19 5l-6 6M5 19l6-6" }),
      ),
    ),
    canJudge(hit) ? whyButton(hit.image, `${name}, rank ${hit.rank}`) : null,
    make(
      "div",
      { class: "hit-facts" },
      hit.score === null ? null : scoreOf(hit.score, hit),
      hit.matched && make("span", { class: "hit-matched" }, matchedWords(hit)),
      make("span", { class: "hit-label", title: hit.filename }, name),
      make(
        "div",
        { class: "hit-line" },
        make("span", {}, hit.dataset),
        make(
          "a",
          {
            href: addressOfSimilar(hit.image),
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
 * @param {{ page_url: string, dataset: string }} other
 */
function alsoIn(shown, other) {
  let line = elementsIn(shown, ".also-in").at(0);
  if (!line) {
    line = make("p", { class: "also-in" }, make("span", { class: "copies" }), ": also in ");
    elementIn(shown, ".hit-facts").append(line);
  } else line.append(", ");
  line.append(make("a", { href: other.page_url }, other.dataset));
  const copies = 1 + elementsIn(line, "a").length;
  elementIn(line, ".copies").textContent = plural(copies, "identical file");
}

/**
 * Append the hits and return the first new card.
 * @param {FoundHit[]} hits
 * @param {boolean} withImage whether an image was searched with
 */
export function appendHits(hits, withImage) {
  byImage = withImage;
  /** @type {HTMLElement[]} */
  const fresh = [];
  for (const hit of hits) {
    const shown = cards.get(hit.sha256);
    if (shown) {
      alsoIn(shown, hit);
      continue;
    }
    const added = card(hit);
    for (const one of hit.folded ?? [])
      if (one.same === "file") alsoIn(added, { page_url: pageOf(one), dataset: one.image.dataset });
    elementIn(added, ".hit-facts").append(...[nearOnes(hit)].filter((part) => part !== null));
    cards.set(hit.sha256, added);
    listed.push(hit);
    fresh.push(added);
  }
  byId("hits").append(...fresh);
  const scored = listed.flatMap((hit) => (hit.score === null ? [] : [neighbour(hit, hit.score)]));
  showsNow({ scores: scored.map((hit) => hit.score), found: scored });
  return fresh.at(0);
}

/**
 * Say in words what is shown; returns the words.
 * @param {FoundResponse} found
 * @param {{ label: string, where: string, steered: string }} asked
 */
export function showSummary(found, { label, where, steered }) {
  const searched = found.filtered_to ?? found.searched;
  const images = found.many ? manyOf(found) : plural(searched, "image");
  const labels = listed.map((hit) => hit.label);
  const some = found.words.length > 0 && !found.like.length;
  let words = some
    ? listed.length
      ? `Looked among ${images}.`
      : `None of ${images} has it.`
    : `${found.many ? "Many images" : images} found.`;
  const ranked = found.like.length > 0 || found.text !== null;
  if (found.text?.answered_by.length === 0) words = "Nothing was searched.";
  else if (!searched) words = nothingFits({ label, where, among: ranked ? found.searched : 0 });
  else if (ranked) words = summaryOf({ images, label }, labels);
  byId("summary").textContent = steered ? `${words} Steered by ${steered}.` : words;
  return byId("summary").textContent;
}

/**
 * Return in words that a filter leaves more pictures than were counted.
 * @param {Pick<FoundResponse, "like" | "searched">} found
 */
const manyOf = ({ like, searched }) => (like.length ? `many of ${plural(searched, "image")}` : "many images");

/**
 * Return in words that a filter or a label leaves nothing; `among` is of how many, 0 where that is unknown.
 * @param {{ label: string, where: string, among: number }} asked
 */
export function nothingFits({ label, where, among }) {
  const fits = [where && "fits the filter", label && `has the label “${label}”`].filter(Boolean);
  return `${among ? `None of ${plural(among, "image")}` : "No image"} ${fits.join(" and ")}.`;
}

/**
 * Return in words what was found, and what the labels of the shown hits have in common.
 * @param {{ images: string, label: string }} found `images`: how many were searched, in words
 * @param {string[]} shownLabels
 */
export function summaryOf(found, shownLabels) {
  const among = `Searched ${found.images}`;
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
