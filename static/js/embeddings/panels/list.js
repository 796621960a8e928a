// Pictures as a list, page by page: of a selection, and of what is in view for those who do not see the map.
/** @import { ImageRow } from "../../shared/types.js" */
import { byId, make } from "../../shared/elements.js";
import { fail } from "../../shared/failure.js";
import { number, plural } from "../../shared/format.js";
import { imagesOf } from "../data.js";

/**
 * Return a list of the pictures with these ids in pages; `open(id)` is called for the one that is chosen.
 * @param {number[]} ids
 * @param {{ open: (id: number) => void, label: string, perPage?: number }} options
 */
export function pagedList(ids, { open, label, perPage = 24 }) {
  const list = make("ul", { class: "paged", "aria-label": label });
  const where = make("span", { class: "small muted number", role: "status" });
  const pages = Math.ceil(ids.length / perPage);
  const previous = pageButton("Previous", () => show(page - 1));
  const next = pageButton("Next", () => show(page + 1));
  const root = make(
    "div",
    { class: "paged-box" },
    list,
    pages > 1 ? make("div", { class: "pager" }, previous, where, next) : null,
  );
  let page = 0;

  /** @param {number} wanted */
  async function show(wanted) {
    page = wanted;
    const first = page * perPage;
    const shown = ids.slice(first, first + perPage);
    previous.disabled = page <= 0;
    next.disabled = page >= pages - 1;
    where.textContent = `${number(first + 1)}–${number(first + shown.length)} of ${number(ids.length)}`;
    list.setAttribute("aria-busy", "true");
    const failure = make("li", { class: "notice danger" });
    const images = await imagesOf(shown).catch((error) => fail(error, failure));
    if (page !== wanted) return;
    if (!images) {
      list.replaceChildren(failure);
      return;
    }
    list.removeAttribute("aria-busy");
    list.replaceChildren(...images.map((image) => make("li", {}, entry(image, open))));
  }

  if (ids.length) show(0);
  return root;
}

/**
 * @param {string} words
 * @param {() => void} work
 */
function pageButton(words, work) {
  const button = make("button", { type: "button", class: "button" }, words);
  button.addEventListener("click", work);
  return button;
}

/**
 * @param {ImageRow} image
 * @param {(id: number) => void} open
 */
function entry(image, open) {
  const button = make(
    "button",
    { type: "button", "data-image": image.id, title: image.filename },
    make("img", {
      src: image.thumbnail,
      alt: "",
      loading: "lazy",
      decoding: "async",
      width: 56,
      height: 56,
    }),
    make(
      "span",
      {},
      make("strong", {}, image.label || "No label"),
      make("span", { class: "muted" }, image.filename),
      make("span", { class: "muted number" }, `id ${image.id}`),
    ),
  );
  button.addEventListener("click", () => open(image.id));
  return button;
}

/**
 * Show what is in view as text: `ids` of all, `counts` [[name, count]…].
 * @param {{ ids: number[], counts: [name: string, count: number][], open: (id: number) => void }} shown
 */
export function showListing({ ids, counts, open }) {
  const body = byId("listing-body");
  const words = counts.map(([name, count]) => `${name}: ${number(count)}`).join(", ");
  body.replaceChildren(
    make(
      "p",
      { class: "small" },
      ids.length
        ? `${plural(ids.length, "image")}${words ? `. ${words}.` : "."}`
        : "Nothing is in view: show everything with the key 0, or choose more in the legend.",
    ),
    pagedList(ids, { open, label: "Images in view" }),
  );
}
