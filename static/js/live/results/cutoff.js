// Draws the line below hits that are probably the same, and folds what is below it.
/** @import { AskedIndex, FoundHit } from "../../shared/types.js" */
/** @import { Cutoff } from "../types.js" */
import { byId } from "../../shared/elements.js";
import { plural, shareWords } from "../../shared/format.js";
import { cardOf, shownHits } from "./results.js";

const USUAL = 0.5;
const NOTHING_CLOSE_BELOW = 0.3;
/** Where the line can be moved to; hits are among the few random pairs that are near. */
const STOPS = {
  probability: Array.from({ length: 20 }, (_, step) => step / 20),
  percentile: [0, 0.5, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999],
};
const UNKNOWN = /** @type {Record<string, string>} */ ({
  unlabelled: "Without labels nobody knows what is the same; this is how few random pairs are as near.",
  few: "Too few images have labels to say how likely the same is; this is how few random pairs are as near.",
  imprecise: "The labels do not follow the scores closely enough to say how likely the same is.",
  unfitted: "How likely the same is has not been worked out yet.",
  steered: "How likely the same is cannot be said of a search that is steered by examples.",
  filtered: "How likely the same is cannot be said of a search with a filter.",
  text: "How likely a text fits cannot be said: its cosines are those of another kind of vector.",
});

/** @type {boolean | null} */
let unfolded = null; // what was chosen; null leaves it to the hits

const slider = () => byId("cutoff-at", HTMLInputElement);

/**
 * Return what hits can be divided by, null where neither is known.
 * @param {Pick<FoundHit, "probability" | "percentile">[]} hits
 * @returns {Cutoff["mode"] | null}
 */
export function modeOf(hits) {
  if (hits.some((hit) => hit.probability !== null)) return "probability";
  return hits.some((hit) => hit.percentile !== null) ? "percentile" : null;
}

/**
 * Return the line that is drawn: the chosen one where it can be, else the usual.
 * @param {Cutoff | null} chosen
 * @param {Cutoff["mode"]} mode
 * @returns {Cutoff}
 */
export const drawn = (chosen, mode) =>
  chosen?.mode === mode ? chosen : { mode, at: mode === "probability" ? USUAL : 0 };

/**
 * Whether a hit is below a line; one of which that is unknown is not.
 * @param {Pick<FoundHit, "probability" | "percentile">} hit
 * @param {Cutoff} line
 */
export const isBelow = (hit, { mode, at }) => (hit[mode] ?? 1) < at;

/**
 * Return in words what is above a line.
 * @param {Cutoff} line
 */
export function lineWords({ mode, at }) {
  if (!at) return "All results";
  if (mode === "percentile") return `Nearer than ${shareWords(at)} of random pairs`;
  return at === USUAL ? "Probably the same" : `The same with at least ${shareWords(at)}`;
}

/**
 * Return in words how well that is known.
 * @param {Pick<AskedIndex, "calibration" | "probability_unknown">[]} indexes
 */
export function knownWords(indexes) {
  const known = indexes.flatMap(({ calibration }) => (calibration ? [calibration] : []));
  if (!known.length) return UNKNOWN[indexes[0]?.probability_unknown ?? ""] ?? "";
  const queries = known.reduce((sum, one) => sum + one.queries, 0);
  const points = Math.max(0.1, ...known.map(({ error }) => 100 * error)).toFixed(1);
  return `Learned from ${plural(queries, "labelled image")}; off by ${points} points on average.`;
}

/**
 * Divide the hits that are listed, and return in words what was folded, "" for nothing.
 * @param {Cutoff | null} chosen
 * @param {AskedIndex[]} indexes
 */
export function divide(chosen, indexes) {
  const hits = shownHits();
  const mode = modeOf(hits);
  byId("cutoff").hidden = !hits.length || !indexes.length;
  byId("cutoff-field").hidden = !mode;
  byId("cutoff-note").textContent = knownWords(indexes);
  const line = mode && drawn(chosen, mode);
  if (line) showSlider(line);
  const below = line ? hits.filter((hit) => isBelow(hit, line)) : [];
  const above = hits.filter((hit) => !below.includes(hit));
  showLists(above, below);
  showNothingClose(hits, mode);
  const isOpen = unfolded ?? !above.length;
  byId("below").hidden = !below.length;
  byId("hits-below").hidden = !isOpen;
  const fold = byId("fold", HTMLButtonElement);
  fold.setAttribute("aria-expanded", String(isOpen));
  fold.textContent = `${isOpen ? "Hide" : "Show"} ${plural(below.length, "less likely result")}`;
  byId("line").textContent =
    line && above.length ? `${lineWords(line)} above here` : "Nothing above this line";
  return below.length && !isOpen ? `${plural(below.length, "less likely result")} folded.` : "";
}

/**
 * @param {FoundHit[]} above
 * @param {FoundHit[]} below
 */
function showLists(above, below) {
  const lists = /** @type {const} */ ([
    ["hits", above],
    ["hits-below", below],
  ]);
  for (const [id, hits] of lists) {
    const [list, cards] = [byId(id), hits.map(cardOf)];
    // what is in place stays, with its focus
    if (cards.length !== list.children.length || cards.some((card, place) => list.children[place] !== card))
      list.replaceChildren(...cards);
  }
}

/** @param {Cutoff} line */
function showSlider({ mode, at }) {
  const stops = STOPS[mode];
  const nearest = stops.reduce((best, stop, place) => (stop <= at + 1e-9 ? place : best), 0);
  const field = slider();
  field.max = String(stops.length - 1);
  field.value = String(nearest);
  field.dataset.mode = mode;
  const words = lineWords({ mode, at });
  field.setAttribute("aria-valuetext", words);
  byId("cutoff-value").textContent = at ? shareWords(at) : "off";
}

/**
 * @param {FoundHit[]} hits
 * @param {Cutoff["mode"] | null} mode
 */
function showNothingClose(hits, mode) {
  const best = Math.max(...hits.map(({ probability }) => probability ?? 1));
  const isFar = mode === "probability" && hits.length > 0 && best < NOTHING_CLOSE_BELOW;
  byId("nothing-close").hidden = !isFar;
  byId("nothing-close").textContent = isFar
    ? `Nothing close: even the nearest is the same with a probability of ${shareWords(best)} only.`
    : "";
}

/** Fold anew what is below the line of the next search. */
export const foldAnew = () => (unfolded = null);

/**
 * @param {(line: Cutoff, settled: boolean) => void} moved `settled` where the slider was let go
 * @param {() => void} folded
 */
export function listenForCutoff(moved, folded) {
  const field = slider();
  const line = () => {
    const mode = field.dataset.mode === "percentile" ? "percentile" : "probability";
    return { mode, at: STOPS[mode][Number(field.value)] };
  };
  field.addEventListener("input", () => moved(/** @type {Cutoff} */ (line()), false));
  field.addEventListener("change", () => moved(/** @type {Cutoff} */ (line()), true));
  byId("fold").addEventListener("click", () => {
    unfolded = byId("hits-below").hidden;
    folded();
  });
}
