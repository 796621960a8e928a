// Free text, where a model that reads it is live: how the field of words says so, and who answered.
/** @import { FoundResponse, TextRead } from "../../shared/types.js" */
/** @import { State } from "../types.js" */
import { byId, closest, make } from "../../shared/elements.js";
import { datasetOf } from "../address.js";

const field = () => byId("word", HTMLInputElement);

/** @returns {"text" | "words"} */
const chosen = () => (document.querySelector('[name="typed-as"][value="words"]:checked') ? "words" : "text");

/**
 * Return the titles of the models that read text where is searched, "" where none does.
 * @param {string} dataset
 */
function modelsIn(dataset) {
  const options = [...byId("dataset", HTMLSelectElement).options];
  return options.find(({ value }) => value === dataset)?.dataset.textModel ?? "";
}

/**
 * Return what the field is called.
 * @param {string} models their titles, "" for none
 * @param {"text" | "words"} typed
 */
export const labelOf = (models, typed) => (models && typed === "text" ? `Free text by ${models}` : "Words");

/**
 * Say what is typed into the field and who answers it, and show the text that is searched for.
 * @param {Pick<State, "text" | "filters">} state
 */
export function showFreeText({ text, filters }) {
  const models = modelsIn(datasetOf(filters));
  byId("typed-as").hidden = !models;
  byId("word-label").textContent = labelOf(models, chosen());
  const isText = models !== "" && chosen() === "text";
  field().placeholder = isText ? "two dogs on a beach" : "zebra";
  field().maxLength = isText ? 500 : 100;
  if (isText) field().removeAttribute("list");
  else field().setAttribute("list", "word-completions");
  byId("text-list").replaceChildren(
    ...(text
      ? [
          make(
            "li",
            { class: "example" },
            make("span", { class: "example-name" }, text),
            make(
              "button",
              {
                class: "example-remove",
                type: "button",
                "data-forget-text": "",
                "aria-label": "Remove the text",
              },
              "×",
            ),
          ),
        ]
      : []),
  );
}

/**
 * Return the text that was typed, null where words are typed or nothing; the field is empty afterwards.
 * @param {Pick<State, "filters">} state
 */
export function typedText({ filters }) {
  const text = field().value.trim();
  if (!text || chosen() !== "text" || !modelsIn(datasetOf(filters))) return null;
  field().value = "";
  return text;
}

/**
 * Return who answered a text, in a sentence.
 * @param {TextRead} read
 */
export function answeredBy({ answered_by: models, note }) {
  if (!models.length) return note;
  const names = models.map(({ title, licence }) => `${title} (${licence})`).join(", ");
  return `Ranked by ${names}: the cosine of text and image, which is no probability. ${note}`.trim();
}

/**
 * Say who answered the text.
 * @param {FoundResponse} found
 */
export function showAnswered({ text }) {
  if (!text) return;
  const area = byId("word-notes");
  area.hidden = false;
  area.replaceChildren(
    make("p", { class: text.answered_by.length ? "small muted" : "notice" }, answeredBy(text)),
  );
}

/**
 * Tell when the text is taken back; the field says anew what is typed when that is chosen.
 * @param {{ state: () => State, forget: () => void }} page
 */
export function listenForFreeText({ state, forget }) {
  byId("typed-as").addEventListener("change", () => showFreeText(state()));
  byId("live").addEventListener("click", (event) => {
    if (closest(event, "[data-forget-text]")) forget();
  });
}
