// Saves what is searched for under a name.
/** @import { State } from "./types.js" */
import { byId, make } from "../shared/elements.js";
import { fail, hideFailure } from "../shared/failure.js";
import { saveSearch } from "../saved/searches.js";
import { addressOf, asksForSomething, documentOf } from "./address.js";

// who may not save has none
const dialogOf = () => document.getElementById("save-dialog");

/**
 * Offer to save a state where it asks for something.
 * @param {State} state
 */
export function offerToSave(state) {
  if (!dialogOf()) return;
  byId("save", HTMLButtonElement).disabled = !asksForSomething(state);
  byId("saved-as").replaceChildren();
}

/**
 * Return a name that says what is searched for, "" where nothing says it.
 * @param {Pick<State, "query" | "filters">} state
 */
export function proposedName({ query, filters }) {
  const what = query?.kind === "image" && query.name ? `Like ${query.name}` : "";
  return [what, filters.label, filters.where].filter(Boolean).join(", ").slice(0, 100);
}

/**
 * @param {() => State} current what is shown when it is saved
 * @param {() => number} usualK
 */
export function listenForSaving(current, usualK) {
  const dialog = dialogOf();
  if (!(dialog instanceof HTMLDialogElement)) return;
  const [name, failure] = [byId("save-name", HTMLInputElement), byId("save-failure")];
  byId("save").addEventListener("click", () => {
    hideFailure(failure);
    name.value = proposedName(current());
    dialog.showModal();
    name.select();
  });
  byId("save-cancel").addEventListener("click", () => dialog.close());
  byId("save-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const wanted = name.value.trim();
    if (!wanted) return;
    hideFailure(failure);
    const state = current();
    try {
      const saved = await saveSearch({
        name: wanted,
        document: documentOf(state, null),
        address: addressOf(state, usualK()),
        shared: byId("save-shared", HTMLInputElement).checked,
      });
      dialog.close();
      byId("saved-as").replaceChildren(
        "Saved as ",
        make("a", { href: saved.url ?? saved.images_url }, saved.name),
        ".",
      );
    } catch (error) {
      fail(error, failure);
    }
  });
}
