// The picture that was opened: what it is, and its neighbours in the full space, lit up on the map and
// listed.
/** @import { Experiment, MapRow, SearchResponse } from "../shared/types.js" */
/** @import { ListedImage, MapState, SimilarImages } from "./types.js" */
import { ApiError, call } from "../shared/api.js";
import { byId, make } from "../shared/elements.js";
import { match, ofImage } from "../shared/experiments/experiments.js";
import { decimal, plural } from "../shared/format.js";
import { addressOf, same } from "../shared/experiments/url-state.js";
import { imagesOf } from "./data.js";
import { siteAddress } from "../shared/site.js";

/**
 * What can be done with an opened image; `point` is told the neighbour that is pointed at, null for none.
 * @typedef {{ open: (id: number) => void, close: () => void, point: (id: number | null) => void }} Opened
 */

/**
 * Return an image and its neighbours: by the experiment of the map's features, else by live search.
 * @param {number} id
 * @param {{ row: MapRow, experiments: Experiment[], k: number }} features
 * @returns {Promise<SimilarImages>}
 */
export async function similarTo(id, { row, experiments, k }) {
  const wanted = { model: row.model, layer: row.layer, pooling: row.pooling, metric: "cosine" };
  const experiment = match(experiments, wanted);
  if (experiment && same(experiment, wanted)) {
    const answer = await ofImage(id);
    const result = answer.found.get(experiment.id);
    if (result) {
      const neighbours = result.neighbours
        .filter(([other]) => answer.pictures[other])
        .map(([other, score]) => ({ ...answer.pictures[other], score }));
      return { image: answer.image, neighbours: neighbours.slice(0, k), from: "features" };
    }
  }
  const [[image], neighbours] = await Promise.all([imagesOf([id]), liveSearch(id, row.dataset, k)]);
  if (!image) throw new ApiError("This image does not exist any more.", { code: "not_found", status: 404 });
  return { image, neighbours, from: "live" };
}

/**
 * @param {number} id
 * @param {string} dataset
 * @param {number} k
 */
async function liveSearch(id, dataset, k) {
  // the picture finds itself, too
  /** @type {SearchResponse} */
  const { hits } = await call(siteAddress("/api/v1/search/"), {
    method: "POST",
    body: { image: id, dataset, k: k + 1 },
  });
  return hits
    .filter((hit) => hit.image !== id)
    .slice(0, k)
    .map((hit) => ({ ...hit, id: hit.image }));
}

/** Take the panel away. */
export function closeImage() {
  const root = byId("picture");
  root.hidden = true;
  root.replaceChildren();
}

/**
 * Show that the neighbours of a picture are asked for.
 * @param {number} id
 */
export function showPending(id) {
  const root = byId("picture");
  root.hidden = false;
  root.setAttribute("aria-busy", "true");
  root.dataset.image = String(id);
}

/**
 * Show an answer of `similarTo`; `onMap` says whether the image has a point.
 * @param {SimilarImages} similar
 * @param {{ state: MapState, row: MapRow, onMap: boolean, on: Opened, focus: boolean }} how
 */
export function showImage({ image, neighbours, from }, { state, row, onMap, on, focus }) {
  const root = byId("picture");
  const kept = root.contains(document.activeElement);
  root.hidden = false;
  root.removeAttribute("aria-busy");
  root.dataset.image = String(image.id);
  const close = make(
    "button",
    { type: "button", class: "icon-button", "aria-label": "Close the image" },
    "✕",
  );
  close.addEventListener("click", on.close);
  const heading = make(
    "h2",
    {
      id: "picture-title",
      class: "named",
      tabindex: "-1",
      title: image.label || image.filename,
    },
    image.label || image.filename,
  );
  const right = neighbours.filter((neighbour) => image.label && neighbour.label === image.label).length;
  root.replaceChildren(
    make("div", { class: "side-head" }, heading, close),
    make(
      "div",
      { class: "opened" },
      make(
        "a",
        { href: image.page_url },
        make("img", {
          src: image.thumbnail,
          alt: image.label ? `${image.label}, ${image.filename}` : image.filename,
        }),
      ),
      make(
        "div",
        {},
        make("p", { class: "small breakable" }, image.filename),
        onMap ? null : make("p", { class: "small muted" }, "Newer than this map: it has no point yet."),
        links(image, state),
      ),
    ),
    make("h3", {}, `The ${plural(neighbours.length, "most similar image")}`),
    make("p", { class: "small muted" }, source({ from, row, image, right, count: neighbours.length })),
    make("ol", { class: "similar" }, ...neighbours.map((neighbour) => itemOf(neighbour, image, on))),
  );
  if (focus) heading.focus({ preventScroll: true });
  else if (kept) heading.focus({ preventScroll: true });
}

/** @param {{ from: string, row: MapRow, image: ListedImage, right: number, count: number }} found */
function source({ from, row, image, right, count }) {
  const where =
    from === "features"
      ? `By the cosine of the full features of ${row.layer}, not by the map.`
      : "By live search with its own network; this layer has no experiment yet.";
  return image.label ? `${where} ${right} of ${count} in its category.` : where;
}

/**
 * @param {ListedImage} image
 * @param {MapState} state
 */
function links(image, state) {
  const { explore: path, liveSearch: page } = byId("atlas").dataset;
  const explore = addressOf({ ...state, image: image.id, metric: "cosine" }, { path });
  const live = `${page}?image=${image.id}&dataset=${encodeURIComponent(state.dataset)}`;
  return make(
    "p",
    { class: "opened-links small" },
    make("a", { href: image.page_url }, "Its page"),
    make("a", { href: live }, "Live search"),
    make("a", { href: explore }, "Explore"),
  );
}

/**
 * @param {SimilarImages["neighbours"][number]} neighbour
 * @param {ListedImage} query
 * @param {Opened} on
 */
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
    make("span", { class: "muted number" }, decimal(neighbour.score, 3)),
    make("span", { class: "visually-hidden" }, words),
  );
  button.addEventListener("click", () => on.open(neighbour.id));
  for (const name of ["pointerenter", "focus"]) button.addEventListener(name, () => on.point(neighbour.id));
  for (const name of ["pointerleave", "blur"]) button.addEventListener(name, () => on.point(null));
  return make("li", {}, button);
}
