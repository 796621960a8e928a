// The words that a classifier suggests for an image, apart from its labels: each can be taken or removed.
/** @import { ImageWords } from "./types.js" */
import { call } from "./api.js";
import { closest, make } from "./elements.js";
import { shareWords } from "./format.js";
import { siteAddress } from "./site.js";

/** @param {number | string} image */
const addressOf = (image) => siteAddress(`/api/v1/images/${image}/words/`);

/**
 * @param {ImageWords["suggested"][number]} suggested
 * @param {boolean} decides whether who looks may take and remove words
 */
function chip({ word, confidence }, decides) {
  /**
   * @param {"take" | "remove"} verdict
   * @param {string} sign
   * @param {string} words
   */
  const button = (verdict, sign, words) =>
    make(
      "button",
      {
        class: "suggested-act",
        type: "button",
        "data-verdict": verdict,
        "data-word": word,
        "aria-label": words,
        title: words,
      },
      sign,
    );
  const search = new URLSearchParams({ word });
  return make(
    "li",
    { class: "suggested" },
    make("a", { href: `${siteAddress("/live/")}?${search}` }, word),
    make("span", { class: "number" }, shareWords(confidence)),
    ...(decides
      ? [button("take", "✓", `Take “${word}” as a label`), button("remove", "×", `Remove “${word}”`)]
      : []),
  );
}

/**
 * Show what is suggested for an image in a place that says whether words may be decided (`data-decides`).
 * @param {HTMLElement} place
 * @param {number | string} image
 * @returns {Promise<void>}
 */
export async function showSuggested(place, image) {
  place.dataset.image = String(image);
  place.hidden = true;
  try {
    /** @type {ImageWords} */
    const answer = await call(addressOf(image));
    if (place.dataset.image === String(image)) fill(place, answer);
  } catch {
    // it is shown beside other things, which say what is wrong
  }
}

/**
 * @param {HTMLElement} place
 * @param {ImageWords} answer
 */
function fill(place, { suggested }) {
  place.hidden = !suggested.length && place.dataset.decided === undefined;
  const decides = place.dataset.decides !== undefined;
  place.replaceChildren(
    make("span", { class: "small muted" }, "Suggested"),
    make("ul", { class: "suggested-list" }, ...suggested.map((one) => chip(one, decides))),
    make("span", { class: "small", role: "status" }, place.dataset.decided ?? ""),
  );
  delete place.dataset.decided;
}

/**
 * Take what is decided in a place.
 * @param {HTMLElement} place
 * @param {(answer: ImageWords) => void} [changed] is told of the words after it
 */
export function listenForSuggested(place, changed) {
  place.addEventListener("click", async (event) => {
    const button = closest(event, "[data-verdict]");
    const { image } = place.dataset;
    if (!button || !image) return;
    const { verdict, word } = button.dataset;
    try {
      /** @type {ImageWords} */
      const answer = await call(addressOf(image), { method: "POST", body: { word, verdict } });
      if (place.dataset.image !== image) return;
      place.dataset.decided = verdict === "take" ? `“${word}” is a label now.` : `“${word}” is removed.`;
      fill(place, answer);
      place.querySelector("button")?.focus();
      changed?.(answer);
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      place.append(make("span", { class: "small", role: "alert" }, words));
    }
  });
}
