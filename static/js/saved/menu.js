// The menu of saved searches in the header: filled when it is opened, with what is new in each. It is loaded
// when it is opened first, by shared/theme.js.
/** @import { SavedSearch } from "../shared/types.js" */
import { elementsIn, make } from "../shared/elements.js";
import { newCounts, newWords, savedSearches, seeSearch } from "./searches.js";

const SHOWN = 12;
const menu = document.getElementById("saved-menu");

/** @param {SavedSearch} saved */
function entry({ id, name, mine, owner, url, images_url: imagesUrl }) {
  const count = make("span", { class: "count", "data-new": id });
  const link = make(
    "a",
    { href: url ?? imagesUrl },
    make("span", { class: "saved-name" }, name),
    mine ? count : make("span", { class: "count" }, owner ? `of ${owner}` : null),
  );
  if (mine) link.addEventListener("click", () => seeSearch(id));
  return make("li", {}, link);
}

let drawn = "";

/**
 * Ask anew what is saved. Entries that stay as they were are not drawn again: one may be being clicked.
 * @param {HTMLElement} list
 */
async function fill(list) {
  const rest = [...list.children].filter((one) => "stays" in /** @type {HTMLElement} */ (one).dataset);
  /** @param {string} words */
  const say = (words) => {
    drawn = "";
    list.replaceChildren(make("li", { class: "small muted saved-words" }, words), ...rest);
  };
  try {
    const found = await savedSearches();
    if (!found.length) {
      say("Nothing is saved yet.");
      return;
    }
    const own = [...found.filter(({ mine }) => mine), ...found.filter(({ mine }) => !mine)];
    const shown = own.slice(0, SHOWN);
    const said = JSON.stringify(shown);
    if (drawn !== said) list.replaceChildren(...shown.map(entry), ...rest);
    drawn = said;
    const counts = await newCounts();
    for (const count of elementsIn(list, "[data-new]"))
      count.textContent = newWords(counts.get(Number(count.dataset.new)));
  } catch (error) {
    say(error instanceof Error ? error.message : "They cannot be read now.");
  }
}

if (menu instanceof HTMLDetailsElement) {
  const list = menu.querySelector("ul");
  const show = () => {
    if (menu.open && list) fill(list);
  };
  show();
  menu.addEventListener("toggle", show);
  addEventListener("click", ({ target }) => {
    if (target instanceof Node && !menu.contains(target)) menu.open = false;
  });
  menu.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary")?.focus();
  });
}
