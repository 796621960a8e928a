// The picture that was opened: what it is, and its neighbours in the full space, lit up on the map and listed.
import { ApiError, call } from "../shared/api.js";
import { addressOf, match, ofImage } from "../shared/url-state.js";
import { make, plural } from "../shared/elements.js";
import { picturesOf } from "./data.js";

const root = document.getElementById("picture");
const atlas = document.getElementById("atlas");

/** Return {picture, neighbours: [PICTURE with score], from}: by the experiment of the map's features, else by live search. */
export async function similarTo(id, { row, experiments, k }) {
  const wanted = { model: row.model, layer: row.layer, pooling: row.pooling, metric: "cosine" };
  const experiment = match(experiments, wanted);
  const own = experiment && Object.entries(wanted).every(([name, value]) => experiment[name] === value);
  if (own) {
    const answer = await ofImage(id);
    const result = answer.found.get(experiment.id);
    if (result) {
      const neighbours = result.neighbours
        .map(([other, score]) => answer.pictures[other] && { ...answer.pictures[other], score })
        .filter(Boolean);
      return { picture: answer.image, neighbours: neighbours.slice(0, k), from: "features" };
    }
  }
  const [[picture], neighbours] = await Promise.all([picturesOf([id]), liveSearch(id, row.dataset, k)]);
  if (!picture)
    throw new ApiError("This picture does not exist any more.", { code: "not_found", status: 404 });
  return { picture, neighbours, from: "live" };
}

async function liveSearch(image, dataset, k) {
  // the picture finds itself, too
  const { hits } = await call("/api/v1/search/", { method: "POST", body: { image, dataset, k: k + 1 } });
  return hits
    .filter((hit) => hit.image !== image)
    .slice(0, k)
    .map((hit) => ({ ...hit, id: hit.image }));
}

/** Take the panel away. */
export function closePicture() {
  root.hidden = true;
  root.replaceChildren();
}

/** Show that the neighbours of a picture are asked for. */
export function showPending(id) {
  root.hidden = false;
  root.setAttribute("aria-busy", "true");
  root.dataset.image = String(id);
}

/** Show an answer of `similarTo`; `on` is {open(id), close(), point(id or 0)}. */
export function showPicture({ picture, neighbours, from }, { state, row, placed, on, focus }) {
  const kept = root.contains(document.activeElement);
  root.hidden = false;
  root.removeAttribute("aria-busy");
  root.dataset.image = String(picture.id);
  const close = make(
    "button",
    { type: "button", class: "icon-button", "aria-label": "Close the picture" },
    "✕",
  );
  close.addEventListener("click", on.close);
  const heading = make("h2", { id: "picture-title", tabindex: "-1" }, picture.label || picture.filename);
  const right = neighbours.filter((neighbour) => picture.label && neighbour.label === picture.label).length;
  root.replaceChildren(
    make("div", { class: "side-head" }, heading, close),
    make(
      "div",
      { class: "opened" },
      make(
        "a",
        { href: picture.page_url },
        make("img", {
          src: picture.thumbnail,
          alt: picture.label ? `${picture.label}, ${picture.filename}` : picture.filename,
        }),
      ),
      make(
        "div",
        {},
        make("p", { class: "small breakable" }, picture.filename),
        placed ? null : make("p", { class: "small muted" }, "Newer than this map: it has no point yet."),
        links(picture, state),
      ),
    ),
    make("h3", {}, `The ${plural(neighbours.length, "most similar picture")}`),
    make("p", { class: "small muted" }, source({ from, row, picture, right, count: neighbours.length })),
    make("ol", { class: "similar" }, ...neighbours.map((neighbour) => itemOf(neighbour, picture, on))),
  );
  if (focus) heading.focus({ preventScroll: true });
  else if (kept) root.querySelector("h2").focus({ preventScroll: true });
}

function source({ from, row, picture, right, count }) {
  const where =
    from === "features"
      ? `By the cosine of the full features of ${row.layer}, not by the map.`
      : "By live search with its own network; this layer has no experiment yet.";
  return picture.label ? `${where} ${right} of ${count} in its category.` : where;
}

function links(picture, state) {
  const explore = addressOf(
    { ...state, image: picture.id, metric: "cosine" },
    { path: atlas.dataset.explore },
  );
  const live = `${atlas.dataset.liveSearch}?image=${picture.id}&dataset=${encodeURIComponent(state.dataset)}`;
  return make(
    "p",
    { class: "opened-links small" },
    make("a", { href: picture.page_url }, "Its page"),
    make("a", { href: live }, "Live search"),
    make("a", { href: explore }, "Explore"),
  );
}

function itemOf(neighbour, query, on) {
  const right = query.label ? neighbour.label === query.label : null;
  const words = right === null ? "" : right ? "same category" : "another category";
  const button = make(
    "button",
    {
      type: "button",
      "data-image": neighbour.id,
      "data-right": right === null ? null : String(right),
      title: neighbour.filename,
    },
    make("img", { src: neighbour.thumbnail, alt: "", loading: "lazy", decoding: "async" }),
    make("span", { class: "similar-label" }, neighbour.label || neighbour.filename),
    make("span", { class: "muted number" }, neighbour.score.toFixed(3)),
    make("span", { class: "visually-hidden" }, words),
  );
  button.addEventListener("click", () => on.open(neighbour.id));
  return make("li", {}, button);
}
