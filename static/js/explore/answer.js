// The query and its neighbours, ranked; whatever changes moves to its new place.
import { addressOf } from "../shared/url-state.js";
import { make, makeSvg, plural } from "../shared/elements.js";
import { showScores } from "./scores.js";

const at = (id) => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)");
const MOVE = { duration: 320, easing: "cubic-bezier(0.2, 0.8, 0.2, 1)" };
const APPEAR = { duration: 220, easing: "ease-out" };
const PATHS = { true: "m5 12.5 4.5 4.5L19 7.5", false: "M6.5 6.5l11 11m0-11-11 11" };
const items = new Map();
let pending = null;

/** Show the query while its neighbours are still asked for: the old ones stay, dimmed, if that takes a moment. */
export function showPending(page, picture, origin) {
  at("answer").setAttribute("aria-busy", "true");
  pending = page.state.image;
  if (picture) showQueryPicture(page, picture, origin);
  else {
    at("query-image").removeAttribute("src");
    at("answer-title").textContent = "";
    at("query-name").textContent = "";
  }
  linkSteps(page);
}

/** Show query, neighbours, marks and scores of the chosen experiment. */
export function showAnswer(page, origin = null) {
  const { answer, state, row } = page;
  at("answer").removeAttribute("aria-busy");
  if (at("query-image").dataset.image !== String(answer.image.id))
    showQueryPicture(page, answer.image, pending === answer.image.id ? origin : null);
  pending = null;
  linkSteps(page);
  const result = row && answer.found.get(row.id);
  const found = result ? neighboursOf(answer, result, state.k) : [];
  const labelled = Boolean(answer.image.label) && row?.weighted_precision !== null;
  showNeighbours(page, found, labelled);
  const right = found.filter((neighbour) => neighbour.label === answer.image.label).length;
  at("neighbours-title").textContent = found.length
    ? `The ${plural(found.length, "most similar picture")}`
    : "";
  at("neighbours-note").textContent = note({ row, result, labelled, right, found });
  showScores(page, result, labelled, found);
  at("status").textContent =
    row && result
      ? `${row.model}, ${row.layer}. ${labelled ? `${right} of ${found.length} right.` : ""}`
      : "";
}

function note({ row, result, labelled, right, found }) {
  if (!row) return "";
  if (!result) return "This picture is newer than the experiment: it has no neighbours yet.";
  if (!labelled)
    return row.weighted_precision === null
      ? ""
      : "This picture has no label, so nothing says which neighbour is right.";
  return `${right} of ${found.length} in its category`;
}

/** Return the first k neighbours that still exist, with rank and score. */
function neighboursOf(answer, result, k) {
  const found = [];
  for (const [id, score] of result.neighbours) {
    const picture = answer.pictures[id];
    if (picture) found.push({ ...picture, score, rank: found.length + 1 });
    if (found.length === k) break;
  }
  return found;
}

function linkSteps(page) {
  at("back").href = page.address({ image: null });
  const { image, dataset } = page.state;
  at("search-with").href = `/live/?image=${image}&dataset=${encodeURIComponent(dataset)}`;
  at("compare-with").href = addressOf(page.state, { path: "/compare/" });
  at("map-with").href = addressOf(page.state, { path: at("explore").dataset.map });
}

function showQueryPicture(page, picture, origin) {
  const image = at("query-image");
  image.dataset.image = String(picture.id);
  image.src = picture.url ?? picture.thumbnail;
  image.alt = picture.label ? `Query: ${picture.label}, ${picture.filename}` : `Query: ${picture.filename}`;
  at("answer-title").textContent = picture.label || picture.filename;
  at("query-name").textContent = picture.label ? picture.filename : "";
  at("picture-page").href = picture.page_url;
  if (origin && !still.matches) requestAnimationFrame(() => fly(image, origin.rect));
}

/** Let an element come from where it, or its likeness, was. */
function fly(element, from) {
  const to = element.getBoundingClientRect();
  if (!to.width) return;
  const scale = Math.min(from.width / to.width, from.height / to.height);
  const [dx, dy] = [
    from.left + from.width / 2 - to.left - to.width / 2,
    from.top + from.height / 2 - to.top - to.height / 2,
  ];
  element.animate(
    [{ transform: `translate(${dx}px, ${dy}px) scale(${scale})` }, { transform: "none" }],
    MOVE,
  );
}

// --- neighbours -------------------------------------------------------------------------------

function showNeighbours(page, found, labelled) {
  const list = at("neighbours");
  const before = still.matches
    ? null
    : new Map([...items].map(([id, item]) => [id, item.getBoundingClientRect()]));
  const focused = list.contains(document.activeElement) ? document.activeElement.closest("li") : null;
  const wanted = new Set(found.map((neighbour) => neighbour.id));
  for (const [id, item] of items) {
    if (wanted.has(id)) continue;
    item.remove();
    items.delete(id);
  }
  const query = page.answer.image;
  found.forEach((neighbour, index) => {
    const known = items.get(neighbour.id);
    const item = known ?? makeItem(page, neighbour);
    fill(page, item, neighbour, labelled && neighbour.label ? neighbour.label === query.label : null);
    items.set(neighbour.id, item);
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
  if (focused?.isConnected && !focused.contains(document.activeElement))
    focused.querySelector("a").focus({ preventScroll: true });
  if (before) move(before);
}

/** First, last, invert, play: what was there already glides to its new rank, what is new appears. */
function move(before) {
  const places = [...items].map(([id, item]) => [item, before.get(id), item.getBoundingClientRect()]);
  for (const [item, from, to] of places) {
    if (!from)
      item.animate(
        [
          { opacity: 0, transform: "scale(0.85)" },
          { opacity: 1, transform: "none" },
        ],
        APPEAR,
      );
    else if (from.left !== to.left || from.top !== to.top) {
      item.animate(
        [{ transform: `translate(${from.left - to.left}px, ${from.top - to.top}px)` }, { transform: "none" }],
        MOVE,
      );
    }
  }
}

function makeItem(page, neighbour) {
  const name = neighbour.label ? `${neighbour.label}, ${neighbour.filename}` : neighbour.filename;
  return make(
    "li",
    { class: "neighbour" },
    make(
      "a",
      {
        class: "neighbour-link",
        href: addressOf({ ...page.state, image: neighbour.id }),
        "data-image": neighbour.id,
        title: name,
      },
      make(
        "span",
        { class: "neighbour-picture" },
        make("img", { src: neighbour.thumbnail, alt: name, decoding: "async", draggable: "false" }),
        make("span", { class: "neighbour-rank number" }),
      ),
      make(
        "span",
        { class: "neighbour-facts" },
        make("span", { class: "mark-place" }),
        make("span", { class: "neighbour-label" }, neighbour.label || neighbour.filename),
        make("span", { class: "neighbour-score number muted" }),
      ),
    ),
  );
}

function fill(page, item, neighbour, right) {
  const part = (name) => item.querySelector(name);
  part(".neighbour-rank").textContent = String(neighbour.rank);
  part(".neighbour-score").textContent = scoreText(neighbour.score);
  part(".neighbour-score").title =
    page.row.metric === "cosine"
      ? "Cosine similarity: 1 is the same direction"
      : page.row.metric === "inner_product"
        ? "Inner product: higher is nearer"
        : "Minus the distance: higher is nearer";
  const said = right === null ? "" : String(right);
  if (item.dataset.right === said) return;
  item.dataset.right = said;
  part(".mark-place").replaceChildren(...(right === null ? [] : [markOf(right)]));
}

const scoreText = (score) =>
  (Math.abs(score) >= 1000
    ? score.toFixed(0)
    : Math.abs(score) >= 100
      ? score.toFixed(1)
      : Math.abs(score) >= 10
        ? score.toFixed(2)
        : score.toFixed(3)
  ).replace("-", "−");

function markOf(right) {
  const words = right ? "right: " : "wrong: ";
  const sign = makeSvg(
    "svg",
    {
      viewBox: "0 0 24 24",
      fill: "none",
      stroke: "currentColor",
      "stroke-width": 3.2,
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
      "aria-hidden": "true",
    },
    makeSvg("path", { d: PATHS[right] }),
  );
  return make(
    "span",
    { class: "mark", "data-right": String(right) },
    sign,
    make("span", { class: "visually-hidden" }, words),
  );
}
