// The page of saved searches: says what is new, and renames, shares and deletes.
import { byId, closest, elementIn, elementsIn, make } from "../shared/elements.js";
import { fail, hideFailure } from "../shared/failure.js";
import { changeSearch, deleteSearch, newCounts, newWords, seeSearch } from "./searches.js";

/** @param {HTMLElement} row */
const idOf = (row) => Number(row.dataset.saved);

/** @param {string} words */
const say = (words) => (byId("status").textContent = words);

async function showNew() {
  const counts = await newCounts();
  for (const row of elementsIn(document, "[data-saved][data-mine]")) {
    const count = counts.get(idOf(row));
    const [badge, problem] = [elementIn(row, "[data-new]"), elementIn(row, "[data-problem]")];
    badge.textContent = newWords(count);
    badge.hidden = !badge.textContent;
    problem.textContent = count?.problem ? `${count.problem} The saved search stays.` : "";
    problem.hidden = !problem.textContent;
  }
}

/**
 * Put a field in the place of the name until it is left.
 * @param {HTMLElement} row
 */
function askName(row) {
  const shown = elementIn(row, "h2");
  const name = elementIn(row, "[data-name]");
  const field = make("input", {
    class: "input",
    value: name.textContent,
    maxlength: 100,
    required: true,
    "aria-label": "New name",
  });
  const form = make(
    "form",
    { class: "saved-rename" },
    field,
    make("button", { class: "button small primary" }, "Keep"),
    make("button", { class: "button small", type: "button" }, "Cancel"),
  );
  const done = () => {
    form.replaceWith(shown);
    elementIn(row, "[data-rename]").focus();
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wanted = field.value.trim();
    if (!wanted) return;
    hideFailure();
    try {
      const { name: given } = await changeSearch(idOf(row), { name: wanted });
      for (const words of row.querySelectorAll(".visually-hidden"))
        words.textContent = (words.textContent ?? "").replace(name.textContent ?? "", () => given);
      name.textContent = given;
      done();
      say(`It is called ${given} now.`);
    } catch (error) {
      fail(error);
    }
  });
  elementIn(form, "[type=button]").addEventListener("click", done);
  form.addEventListener("keydown", ({ key }) => key === "Escape" && done());
  shown.replaceWith(form);
  field.select();
}

/**
 * @param {HTMLElement} row
 * @param {HTMLElement} button
 */
async function share(row, button) {
  const { shared } = await changeSearch(idOf(row), {
    shared: button.getAttribute("aria-pressed") !== "true",
  });
  button.setAttribute("aria-pressed", String(shared));
  elementIn(row, "[data-shared]").hidden = !shared;
  say(shared ? "Everybody who may search here sees it now." : "You alone see it now.");
}

/**
 * Delete one; the button is pressed twice.
 * @param {HTMLElement} row
 * @param {HTMLElement} button
 */
async function remove(row, button) {
  if (button.dataset.sure === undefined) {
    button.dataset.sure = "";
    button.textContent = "Really delete?";
    return;
  }
  await deleteSearch(idOf(row));
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  say("It is deleted.");
  if (next instanceof HTMLElement) elementIn(next, "a").focus();
  else location.reload();
}

/** @param {MouseEvent} event */
async function act(event) {
  const row = closest(event, "[data-saved]");
  const button = closest(event, "button, [data-opens]");
  if (!(row instanceof HTMLElement) || !(button instanceof HTMLElement)) return;
  hideFailure();
  try {
    if ("opens" in button.dataset && "mine" in row.dataset) seeSearch(idOf(row));
    else if ("rename" in button.dataset) askName(row);
    else if ("share" in button.dataset) await share(row, button);
    else if ("delete" in button.dataset) await remove(row, button);
  } catch (error) {
    fail(error);
  }
}

const list = document.getElementById("saved-list");
list?.addEventListener("click", act);
if (list?.querySelector("[data-mine]")) showNew().catch(fail);
