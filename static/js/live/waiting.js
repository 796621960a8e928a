// Waits for answers while the page shows that it does; something newer takes over from what is waited for.
import { ApiError } from "../shared/api.js";
import { byId, elementIn } from "../shared/elements.js";
import { showFailure } from "../shared/failure.js";

const SPINNER_AFTER_MS = 150;
/** @type {AbortController | null} */
let running = null;

/**
 * Say what went wrong. The API names the field that is wrong; of a filter the text itself says that.
 * @param {string} message
 */
export function say(message) {
  const text = message.replace(/^where: /, "");
  showFailure(text.charAt(0).toUpperCase() + text.slice(1));
}

/**
 * Wait for an answer. Returns null after an error, which is said, and undefined where something newer is
 * waited for.
 * @template Answer
 * @param {(signal: AbortSignal) => Promise<Answer>} asking
 * @returns {Promise<Answer | null | undefined>}
 */
export async function wait(asking) {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  setBusy(true);
  const waiting = setTimeout(() => {
    byId("spinner").hidden = false;
    byId("start").hidden = true;
    byId("status").textContent = "Searching";
  }, SPINNER_AFTER_MS);
  try {
    const answer = await asking(mine.signal);
    return running === mine ? answer : undefined;
  } catch (error) {
    if (running !== mine) return undefined; // a newer search has taken over, or this one was left
    const known = error instanceof ApiError;
    say(known ? error.message : "The answer could not be shown. Reload the page and try again.");
    if (!known) throw error;
    return null;
  } finally {
    clearTimeout(waiting);
    if (running === mine) {
      running = null;
      settle();
    }
  }
}

/** Wait for nothing any more. */
export function stopWaiting() {
  running?.abort();
  running = null;
  settle();
}

/** @param {boolean} busy */
function setBusy(busy) {
  const answer = elementIn(byId("live"), ".answer");
  if (busy) answer.setAttribute("aria-busy", "true");
  else answer.removeAttribute("aria-busy");
  byId("more", HTMLButtonElement).disabled = busy;
}

function settle() {
  setBusy(false);
  byId("spinner").hidden = true;
}
