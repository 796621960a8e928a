// Says on the page what went wrong: in #failure, or in a place of one's own.
import { ApiError } from "./api.js";
import { byId } from "./elements.js";

/**
 * Show a sentence.
 * @param {string} sentence
 */
export function showFailure(sentence, place = byId("failure")) {
  place.textContent = sentence;
  place.hidden = false;
}

/** Take the sentence away. */
export function hideFailure(place = byId("failure")) {
  place.hidden = true;
}

/**
 * Show the sentence of an ApiError; anything else is a mistake of ours and is thrown on.
 * @param {unknown} error
 */
export function fail(error, place = byId("failure")) {
  if (!(error instanceof ApiError)) throw error;
  showFailure(error.message, place);
}
