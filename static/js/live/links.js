// Links of live search that ask something else among what is chosen: a new tab asks what a click asks.
/** @import { Query, State } from "./types.js" */
import { byId, elementsIn } from "../shared/elements.js";
import { addressOf, nothingJudged } from "./address.js";
import { usualK } from "./controls.js";

/** @type {State | null} */
let state = null;

/**
 * What a new query makes of a state: whatever was asked for before goes, and what is chosen stays.
 * @param {Query | null} query
 * @returns {Pick<State, "query" | "judged" | "words" | "text">}
 */
export const askedAnew = (query) => ({ query, judged: nothingJudged(), words: [], text: "" });

/**
 * Return the address of what is like an image, among what is chosen.
 * @param {number} image
 */
export const addressOfSimilar = (image) =>
  state ? addressOf({ ...state, ...askedAnew({ kind: "image", image }) }, usualK()) : `?image=${image}`;

/**
 * Let the links on the page follow a state, those of words beside an image too.
 * @param {State} current
 */
export function linkFrom(current) {
  state = current;
  const among = { ...state, ...askedAnew(null) };
  byId("lightbox-suggested").dataset.among = addressOf(among, usualK());
  linkAnew();
}

/** Let links that have come to the page follow the state. */
export function linkAnew() {
  for (const link of elementsIn(byId("live"), "a[data-image]", HTMLAnchorElement))
    link.href = addressOfSimilar(Number(link.dataset.image));
}
