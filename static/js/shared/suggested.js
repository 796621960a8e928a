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
 * @param {HTMLElement} area
 */
function chip({ word, confidence }, area) {
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
  const search = new URLSearchParams(area.dataset.among);
  search.set("word", word);
  return make(
    "li",
    { class: "suggested" },
    make("a", { href: `${siteAddress("/live/")}?${search}` }, word),
    make("span", { class: "number" }, shareWords(confidence)),
    ...(area.dataset.decides !== undefined
      ? [button("take", "✓", `Take “${word}” as a label`), button("remove", "×", `Remove “${word}”`)]
      : []),
  );
}

/**
 * Show what is suggested for an image in an area that says whether words may be decided (`data-decides`), and
 * among what a search for one looks (`data-among`, the query part of an address).
 * @param {HTMLElement} area
 * @param {number | string} image
 * @returns {Promise<void>}
 */
export async function showSuggested(area, image) {
  area.dataset.image = String(image);
  area.hidden = true;
  try {
    /** @type {ImageWords} */
    const answer = await call(addressOf(image));
    if (area.dataset.image === String(image)) fill(area, answer);
  } catch {
    // it is shown beside other things, which say what is wrong
  }
}

/**
 * @param {HTMLElement} area
 * @param {ImageWords} answer
 */
function fill(area, { suggested }) {
  area.hidden = !suggested.length && area.dataset.decided === undefined;
  area.replaceChildren(
    make("span", { class: "small muted" }, "Suggested"),
    make("ul", { class: "suggested-list" }, ...suggested.map((one) => chip(one, area))),
    make("span", { class: "small", role: "status" }, area.dataset.decided ?? ""),
  );
  delete area.dataset.decided;
}

/**
 * Take what is decided in an area.
 * @param {HTMLElement} area
 * @param {(answer: ImageWords) => void} [changed] is told of the words after it
 */
export function listenForSuggested(area, changed) {
  area.addEventListener("click", async (event) => {
    const button = closest(event, "[data-verdict]");
    const { image } = area.dataset;
    if (!button || !image) return;
    const { verdict, word } = button.dataset;
    try {
      /** @type {ImageWords} */
      const answer = await call(addressOf(image), { method: "POST", body: { word, verdict } });
      if (area.dataset.image !== image) return;
      area.dataset.decided = verdict === "take" ? `“${word}” is a label now.` : `“${word}” is removed.`;
      fill(area, answer);
      area.querySelector("button")?.focus();
      changed?.(answer);
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      area.append(make("span", { class: "small", role: "alert" }, words));
    }
  });
}
