// The words of a search: a field that completes them, a chip for each, and what they were taken for.
/** @import { Completions, Coverage, FoundResponse, WordRead } from "../../shared/types.js" */
import { call } from "../../shared/api.js";
import { byId, closest, make } from "../../shared/elements.js";
import { plural, shareWords } from "../../shared/format.js";
import { siteAddress } from "../../shared/site.js";

const TYPED_MS = 150;
const field = () => byId("word", HTMLInputElement);

/**
 * Show the words that are searched for as chips.
 * @param {string[]} words
 */
export function showWords(words) {
  byId("word-list").replaceChildren(
    ...words.map((word) =>
      make(
        "li",
        { class: "example" },
        make("span", { class: "example-name" }, word),
        make(
          "button",
          {
            class: "example-remove",
            type: "button",
            "data-forget-word": word,
            "aria-label": `Remove ${word}`,
          },
          "×",
        ),
      ),
    ),
  );
}

/** @param {WordRead} word what one was taken for, in a sentence */
export function meaningOf({ word, known, meaning, classes, labels, note }) {
  if (!known) return note;
  const ways = [];
  if (labels.length)
    ways.push(`the label${labels.length > 1 ? "s" : ""} ${labels.map((one) => `“${one}”`).join(", ")}`);
  if (meaning)
    ways.push(
      classes > 1
        ? `${classes} kinds of “${meaning}” that the network knows`
        : `what the network takes for “${meaning}”`,
    );
  return `“${word}”: ${ways.join(", and ")}.`;
}

/**
 * Say what the words were taken for, with the other meanings and near words to choose.
 * @param {FoundResponse} found
 */
export function showMeanings({ words, names_given_up: givenUp }) {
  const area = byId("word-notes");
  area.hidden = !words.length;
  area.replaceChildren(
    ...words.map((one) => {
      const instead = one.known ? one.others : one.nearest;
      return make(
        "p",
        { class: one.known ? "small muted" : "notice" },
        make("span", {}, meaningOf(one)),
        ...instead.map((other) =>
          make(
            "button",
            { class: "link-button small", type: "button", "data-instead-of": one.word, "data-word": other },
            other,
          ),
        ),
      );
    }),
    ...(givenUp
      ? [make("p", { class: "small muted" }, "There were too many file names to look through.")]
      : []),
  );
}

const MATCHED = /** @type {Record<string, string>} */ ({
  label: "labelled",
  filename: "by its name",
  metadata: "by its metadata",
  suggested: "suggested",
  alike: "looks like these",
});

/**
 * Return how a hit fits the words, null where none were asked for alone.
 * @param {{ matched: string | null, probability: number | null }} hit
 */
export function matchedWords({ matched, probability }) {
  if (!matched) return null;
  const words = MATCHED[matched] ?? matched;
  return matched === "suggested" && probability !== null ? `${words}, ${shareWords(probability)}` : words;
}

/** @param {string} dataset */
async function complete(dataset) {
  const text = field().value.trim();
  if (text.length < 2) return;
  const asked = new URLSearchParams({ text, ...(dataset && { dataset }) });
  try {
    /** @type {Completions} */
    const { words } = await call(siteAddress(`/api/v1/words/?${asked}`));
    if (field().value.trim() !== text) return; // more was typed
    byId("word-completions").replaceChildren(
      ...words.map(({ word, kind, broader }) =>
        make("option", {
          value: word,
          label: kind === "label" ? `${word} (label)` : broader ? `${word}, ${broader}` : word,
        }),
      ),
    );
  } catch {
    byId("word-completions").replaceChildren(); // words can be typed without
  }
}

/**
 * Show what words are known of a dataset, and how often they are right.
 * @param {string} dataset
 */
async function showCoverage(dataset) {
  const area = byId("word-coverage");
  if (!byId("words-known", HTMLDetailsElement).open || area.dataset.of === dataset) return;
  area.dataset.of = dataset;
  if (!dataset) {
    area.replaceChildren(
      make("p", { class: "small muted" }, "Choose a dataset to see which words reach in it."),
    );
    return;
  }
  area.replaceChildren(make("p", { class: "small muted" }, "Counting…"));
  try {
    /** @type {Coverage} */
    const answer = await call(siteAddress(`/api/v1/datasets/${encodeURIComponent(dataset)}/words/`));
    if (area.dataset.of === dataset) area.replaceChildren(...coverageParts(answer));
  } catch (error) {
    delete area.dataset.of;
    area.replaceChildren(
      make("p", { class: "small" }, error instanceof Error ? error.message : String(error)),
    );
  }
}

/** @param {Coverage} answer in sentences */
export function coverageWords({ looked_at: lookedAt, sample, coverage, precision, judged }) {
  if (!lookedAt) return ["No image here was looked at for words yet."];
  const words = [`${shareWords(coverage ?? 0)} of ${plural(lookedAt, "image")} have a suggested word.`];
  if (lookedAt < sample)
    words.push(
      `${plural(sample - lookedAt, "image")} ${sample - lookedAt === 1 ? "waits" : "wait"} to be looked at.`,
    );
  words.push(
    judged && precision !== null
      ? `${shareWords(precision)} of ${plural(judged, "suggestion")} say what the label says.`
      : "No label here is a word that the network knows, so nobody can say how often they are right.",
  );
  return words;
}

/** @param {Coverage} answer */
function coverageParts(answer) {
  const known = answer.categories.filter(({ meaning }) => meaning);
  const unknown = answer.categories.filter(({ meaning }) => !meaning);
  const decides = byId("words-known").dataset.looks !== undefined;
  return [
    make("p", { class: "small" }, coverageWords(answer).join(" ")),
    known.length
      ? make(
          "table",
          { class: "small" },
          make("caption", { class: "visually-hidden" }, "Categories that the network knows"),
          make(
            "thead",
            {},
            make(
              "tr",
              {},
              make("th", { scope: "col" }, "Category"),
              make("th", { scope: "col" }, "Right of first 10"),
            ),
          ),
          make(
            "tbody",
            {},
            ...known.map((one) =>
              make(
                "tr",
                {},
                make(
                  "td",
                  {},
                  make(
                    "button",
                    { class: "link-button small", type: "button", "data-word": one.label },
                    one.label,
                  ),
                ),
                make(
                  "td",
                  { class: "number" },
                  one.precision_at_10 === null ? "none found" : shareWords(one.precision_at_10),
                ),
              ),
            ),
          ),
        )
      : null,
    unknown.length
      ? make(
          "p",
          { class: "small muted" },
          `The network has no class for ${unknown.map(({ label }) => label).join(", ")}: found by label only.`,
        )
      : null,
    answer.looked_at < answer.sample && decides
      ? make("button", { class: "button small", type: "button", id: "look-for-words" }, "Look for words")
      : null,
  ].filter((part) => part !== null);
}

/** @param {string} dataset */
async function look(dataset) {
  const area = byId("word-coverage");
  try {
    /** @type {{ id: number }} */
    const job = await call(siteAddress(`/api/v1/datasets/${encodeURIComponent(dataset)}/words/`), {
      method: "POST",
    });
    area.replaceChildren(
      make(
        "p",
        { class: "small" },
        "The network looks at the images: ",
        make("a", { href: siteAddress(`/jobs/${job.id}/`) }, `job #${job.id}`),
        ".",
      ),
    );
  } catch (error) {
    area.append(
      make("p", { class: "small", role: "alert" }, error instanceof Error ? error.message : String(error)),
    );
  }
}

/**
 * Tell which words are asked for when that changes.
 * @param {{ dataset: () => string, words: () => string[], changed: (words: string[]) => void }} page
 */
export function listenForWords({ dataset, words, changed }) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typed;
  field().addEventListener("input", () => {
    clearTimeout(typed);
    typed = setTimeout(() => complete(dataset()), TYPED_MS);
  });
  byId("live").addEventListener("click", (event) => {
    const forget = closest(event, "[data-forget-word]")?.dataset.forgetWord;
    const chosen = closest(event, "[data-word]:not([data-verdict])");
    if (closest(event, "#look-for-words")) look(dataset());
    else if (forget !== undefined) changed(words().filter((word) => word !== forget));
    else if (chosen?.dataset.word) {
      const { word, insteadOf } = chosen.dataset;
      changed([...words().filter((one) => one !== insteadOf && one !== word), word]);
    }
  });
  byId("words-known").addEventListener("toggle", () => showCoverage(dataset()));
}

/** Follow the dataset that is searched. @param {string} dataset */
export const followDataset = (dataset) => showCoverage(dataset);

/**
 * Return the words with the one that was typed, null where nothing was; the field is empty afterwards.
 * @param {string[]} words
 */
export function withTyped(words) {
  const typed = field().value.trim();
  field().value = "";
  return typed ? [...words.filter((word) => word !== typed), typed] : null;
}
