// Pictures as a list, page by page: of a selection, and of what is in view for those who do not see the map.
import { make, number, plural } from "../shared/elements.js";
import { picturesOf } from "./data.js";

/** Return a list of the pictures with these ids in pages; `open(id)` is called for the one that is chosen. */
export function pagedList(ids, { open, label, perPage = 24 }) {
  const list = make("ul", { class: "paged", "aria-label": label });
  const where = make("span", { class: "small muted number", role: "status" });
  const pages = Math.ceil(ids.length / perPage);
  const buttons = [
    ["Previous", -1],
    ["Next", 1],
  ].map(([words, by]) => {
    const button = make("button", { type: "button", class: "button" }, words);
    button.addEventListener("click", () => show(page + by));
    return button;
  });
  const root = make(
    "div",
    { class: "paged-box" },
    list,
    pages > 1 ? make("div", { class: "pager" }, buttons[0], where, buttons[1]) : null,
  );
  let page = 0;

  async function show(number_) {
    page = number_;
    const first = page * perPage;
    const shown = ids.slice(first, first + perPage);
    buttons[0].disabled = page <= 0;
    buttons[1].disabled = page >= pages - 1;
    where.textContent = `${number(first + 1)}–${number(first + shown.length)} of ${number(ids.length)}`;
    list.setAttribute("aria-busy", "true");
    let pictures;
    try {
      pictures = await picturesOf(shown);
    } catch (error) {
      if (page === number_) list.replaceChildren(make("li", { class: "notice danger" }, error.message));
      return;
    }
    if (page !== number_) return;
    list.removeAttribute("aria-busy");
    list.replaceChildren(...pictures.map((picture) => make("li", {}, entry(picture, open))));
  }

  if (ids.length) show(0);
  return root;
}

function entry(picture, open) {
  const button = make(
    "button",
    { type: "button", "data-image": picture.id, title: picture.filename },
    make("img", {
      src: picture.thumbnail,
      alt: "",
      loading: "lazy",
      decoding: "async",
      width: 56,
      height: 56,
    }),
    make(
      "span",
      {},
      make("strong", {}, picture.label || "No label"),
      make("span", { class: "muted" }, picture.filename),
      make("span", { class: "muted number" }, `id ${picture.id}`),
    ),
  );
  button.addEventListener("click", () => open(picture.id));
  return button;
}

/** Show what is in view as text: `ids` of all, `counts` [[name, count]…]. */
export function showListing({ ids, counts, open }) {
  const body = document.getElementById("listing-body");
  const words = counts.map(([name, count]) => `${name}: ${number(count)}`).join(", ");
  body.replaceChildren(
    make(
      "p",
      { class: "small" },
      ids.length
        ? `${plural(ids.length, "picture")}${words ? `. ${words}.` : "."}`
        : "Nothing is in view: show everything with the key 0, or choose more in the legend.",
    ),
    pagedList(ids, { open, label: "Pictures in view" }),
  );
}
