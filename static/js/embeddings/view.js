// What is on the map: the points of a layer, their colours, which are shown, which are lit, and the panels
// beside it.
/** @import { MapPoints } from "../map/types.js" */
/** @import { ColouredBy, MapRow } from "../shared/types.js" */
/** @import { Colouring, MapPage, ShownColouring, SimilarImages } from "./types.js" */
import { NO_CATEGORY } from "../map/data.js";
import { MapUnavailableError } from "../map/drawing/renderer.js";
import { shownImage, showsNow } from "../explain/screen.js";
import { byId, elementsIn } from "../shared/elements.js";
import { fail } from "../shared/failure.js";
import { number, plural } from "../shared/format.js";
import { showCard, spoken } from "./panels/card.js";
import { coloursOf, watchTheme } from "./colours.js";
import { colouringOf, imagesOf, legendOf, pointsOf, spriteSheetOf } from "./data.js";
import { matches } from "./panels/find.js";
import { closeImage, showImage, showPending, similarTo } from "./image.js";
import { maskOf, NONE, showLegend } from "./panels/legend.js";
import { showListing } from "./panels/list.js";
import { PageMap } from "./map.js";
import { closeSelection, showSelection } from "./panels/selection.js";
import { writeMapState } from "./state.js";
import { listenToTools } from "./tools.js";

const VIEWED_MS = 200;
const PREFETCH_MOST = 100_000; // points of which the other layers are fetched before they are asked for
const CARDS_MOST = 400; // pictures whose cards are fetched before they are asked for
const PICKED_MOST = 100; // pictures of a selection that the address tells
const nothing = new Uint32Array(0);

/** @type {PageMap | null} */
let map = null;
/** @type {MapPoints | null} */
let points = null;
/** @type {ShownColouring | null} */
let shown = null;
let turn = 0;
let viewing = 0;
// whichever was changed last is lit up
/** @type {Map<string, Uint32Array>} */
const lit = new Map([
  ["found", nothing],
  ["selection", nothing],
  ["image", nothing],
  ["neighbour", nothing],
]);

/**
 * Return the image of a point, 0 where there are no points.
 * @param {number} index
 */
const idAt = (index) => points?.ids[index] ?? 0;

/**
 * Return the point of an image, -1 where it has none; ids ascend.
 * @param {number} id
 */
const indexOf = (id) => {
  const ids = points?.ids ?? nothing;
  let [low, high] = [0, ids.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ids[middle] < id) low = middle + 1;
    else high = middle;
  }
  return ids[low] === id ? low : -1;
};

/** @param {string} kind */
const litOf = (kind) => lit.get(kind) ?? nothing;

/**
 * Light up points; whichever was changed last is seen.
 * @param {string} kind
 * @param {Uint32Array} indices
 */
function light(kind, indices) {
  const last = litOf(kind);
  lit.delete(kind);
  // what is empty steps back behind the others
  if (indices.length) lit.set(kind, indices);
  else {
    const others = [...lit];
    lit.clear();
    lit.set(kind, indices);
    for (const [name, set] of others) lit.set(name, set);
  }
  if (last.length || indices.length)
    map?.renderer.highlight([...lit.values()].findLast((set) => set.length) ?? nothing);
}

// --- the map ----------------------------------------------------------------------------------

/**
 * Make the map; where it cannot be drawn, say so and open the list.
 * @param {MapPage} page
 */
export function openMap(page) {
  const listing = byId("listing", HTMLDetailsElement);
  try {
    map = new PageMap(byId("map"), {
      onHover: (index, left, top) =>
        index < 0
          ? showCard(0)
          : showCard(idAt(index), left, top, { label: labelOf(index), reach: map?.renderer.reach ?? 0 }),
      onFocus: (index) => say(index),
      onOpen: (index) => page.choose({ image: idAt(index) }, { focus: true }),
      onSelect: (indices) => select(page, indices),
      onView: () => viewed(page),
    });
  } catch (error) {
    if (!(error instanceof MapUnavailableError)) throw error;
    byId("canvas").replaceWith(
      Object.assign(document.createElement("p"), {
        className: "map-unavailable",
        textContent: `${error.message} All images are in the list below.`,
      }),
    );
    byId("map").removeAttribute("tabindex");
    listing.open = true;
  }
  if (map)
    listenToTools(
      map,
      () => `${page.row?.dataset}-${page.row?.method}-${page.row?.model}-${page.row?.layer}.png`,
    );
  watchTheme(() => {
    map?.theme();
    if (shown) colour(page, shown);
  });
  listing.addEventListener("toggle", () => points && showInView(page));
}

/** @param {number} index */
const labelOf = (index) => {
  if (shown?.by !== "category") return "";
  const line = shown.numbers[index];
  return line === NO_CATEGORY ? "" : shown.legend.names[line];
};

/** @param {number} index */
async function say(index) {
  if (index < 0) return;
  const words = await spoken(idAt(index), labelOf(index)).catch(() => labelOf(index));
  byId("status").textContent = words;
}

/** Forget the points: another dataset comes, or nothing. */
export function clearScene() {
  turn += 1;
  points = shown = null;
  for (const kind of lit.keys()) lit.set(kind, nothing);
  closeImage();
  closeSelection();
  showCard(0);
}

/**
 * Show the map `page.row`: points that are the same glide, others are put there; `elsewhere` means another
 * view, too.
 * @param {MapPage} page
 */
export async function showRow(page, { duration = 0, elsewhere = false, focus = false } = {}) {
  const { row } = page;
  if (!row) return;
  turn += 1;
  const mine = turn;
  const late = setTimeout(() => (byId("busy").hidden = mine !== turn), VIEWED_MS);
  /** @type {[MapPoints, Colouring]} */
  let found;
  try {
    found = await Promise.all([pointsOf(row), coloured(page, row)]);
  } finally {
    clearTimeout(late);
    if (mine === turn) byId("busy").hidden = true;
  }
  if (mine !== turn) return;
  const [next, colouring] = found;
  const before = points;
  const stay = next.count === before?.count && next.ids.every((id, index) => id === before.ids[index]);
  points = next;
  if (!stay) await arrive(page, next, colouring);
  else {
    const arrived = before === next ? null : map?.glide(next, duration);
    colour(page, colouring);
    showOpened(page, { focus });
    await arrived;
    if (elsewhere && mine === turn) restoreView(page);
  }
  byId("map").dataset.layer = row.layer;
  showInView(page);
  prefetch(page);
}

/**
 * Show points that were not here before, and all that belongs to them.
 * @param {MapPage} page
 * @param {MapPoints} arrived
 * @param {Colouring} colouring
 */
async function arrive(page, arrived, colouring) {
  const { dataset } = page.state;
  for (const kind of lit.keys()) lit.set(kind, nothing);
  closeSelection();
  shown = { ...colouring, colours: coloursOf(colouring.legend) };
  map?.setPoints(arrived, shown.numbers, Uint8Array.from(shown.colours.flat()));
  colour(page, colouring);
  restoreView(page);
  showOpened(page);
  restorePicked(page);
  find(page);
  // a failure is no loss: cards ask again when they are needed
  if (arrived.count <= CARDS_MOST) imagesOf([...arrived.ids]).catch(() => {});
  const sheet = map && (await spriteSheetOf(dataset).catch(() => null)); // without it points stay points
  if (!sheet || !points || page.row?.dataset !== dataset) return;
  map?.renderer.setSprites({
    ...sheet.sheet,
    numbers: Uint32Array.from(points.ids, (id) => sheet.spriteOf.get(id) ?? NO_SPRITE),
  });
}

const NO_SPRITE = 2 ** 32 - 1;

/**
 * Look at the map as the address says.
 * @param {MapPage} page
 */
export const restoreView = (page) => points && map?.lookAt(page.state.view);

/** @param {MapPage} page */
async function prefetch({ family, row }) {
  if (!row || row.count > PREFETCH_MOST) return;
  for (const other of family) await pointsOf(other).catch(() => {}); // asked for again when it is shown
}

// --- colours ----------------------------------------------------------------------------------

/**
 * Return {by, legend, numbers} as the state wants it; where there are no scores, categories or clusters.
 * @param {MapPage} page
 * @param {MapRow} row
 * @returns {Promise<Colouring>}
 */
async function coloured(page, row) {
  const usual = row.separation === null ? "cluster" : "category";
  const by = /** @type {ColouredBy} */ (page.state.by || usual); // the server refuses anything else
  if (by === "category") {
    const [{ categories }, legend] = await Promise.all([pointsOf(row), legendOf(row, by)]);
    return { by, legend, numbers: categories };
  }
  try {
    return { by, ...(await colouringOf(row, by)) };
  } catch (error) {
    if (by === usual) throw error;
    fail(error);
    page.state = { ...page.state, by: "" };
    writeMapState(page.state, { replace: true });
    return coloured(page, row);
  }
}

/**
 * @param {MapPage} page
 * @param {Colouring} colouring
 */
function colour(page, colouring) {
  shown = { ...colouring, colours: coloursOf(colouring.legend) };
  const { by, legend, numbers, colours } = shown;
  map?.colour(numbers, Uint8Array.from(colours.flat()));
  const { mask, none } = maskOf(legend, page.state.only);
  map?.filter(mask, none);
  for (const radio of elementsIn(byId("choices"), '[name="by"]', HTMLInputElement))
    radio.checked = radio.value === by;
  showLegend(byId("legend"), {
    legend,
    colours,
    only: page.state.only,
    choose: (only) => page.choose({ only }, { replace: true }),
  });
  showSelected(page);
  showInView(page);
}

/**
 * Return the shown points in view; without a map all that the legend leaves.
 * @param {MapPage} page
 */
function inView(page) {
  if (map) return map.inView();
  if (!shown) return nothing;
  const { legend, numbers } = shown;
  const { mask, none } = maskOf(legend, page.state.only);
  /** @param {number} line */
  const keep = (line) => (line === NO_CATEGORY ? none : !mask || mask[line]);
  return Uint32Array.from(numbers.keys()).filter((index) => keep(numbers[index]));
}

/** @param {MapPage} page */
function showInView(page) {
  if (!points || !shown) return;
  const indices = inView(page);
  byId("in-view").textContent = `${number(indices.length)} of ${plural(points.count, "image")} in view.`;
  byId("listing-count").textContent = number(indices.length);
  if (!byId("listing", HTMLDetailsElement).open) return;
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const index of indices) {
    const name = shown.legend.names[shown.numbers[index]] ?? NONE;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const ids = Array.from(indices, idAt);
  showListing({
    ids,
    counts: [...counts].sort((a, b) => b[1] - a[1]),
    open: (id) => page.choose({ image: id }, { focus: true }),
  });
}

/** @param {MapPage} page */
function viewed(page) {
  clearTimeout(viewing);
  viewing = setTimeout(() => {
    if (!points || !map) return;
    page.state = { ...page.state, view: map.view };
    writeMapState(page.state, { replace: true });
    showInView(page);
  }, VIEWED_MS);
}

// --- what is lit ------------------------------------------------------------------------------

/** @param {string} q */
const nothingWords = (q) =>
  q.startsWith("saved:") ? "It has no image of this dataset." : `Nothing is called “${q}”.`;

/**
 * Light up what the search box says; with `look` go there.
 * @param {MapPage} page
 */
export async function find(page, { look = false } = {}) {
  const { q } = page.state;
  const { row } = page;
  if (!points || !row) return;
  const labels = q ? (await legendOf(row, "category")).names : [];
  const found = await matches(q, { points, row, labels }).catch((error) => {
    fail(error);
    return nothing;
  });
  if (q !== page.state.q || row.dataset !== page.row?.dataset) return;
  light("found", found);
  byId("found").textContent = q ? (found.length ? `${number(found.length)} found.` : nothingWords(q)) : "";
  if (look && found.length) map?.lookAtPoints(found);
}

/**
 * @param {MapPage} page
 * @param {Uint32Array} indices
 */
function select(page, indices) {
  light("selection", indices);
  const picked = indices.length <= PICKED_MOST ? Array.from(indices, idAt) : [];
  page.state = { ...page.state, picked };
  writeMapState(page.state, { replace: true });
  showSelected(page);
}

/**
 * Select the pictures that the address names.
 * @param {MapPage} page
 */
export function restorePicked(page) {
  if (!points) return;
  const indices = page.state.picked.map(indexOf).filter((index) => index >= 0);
  map?.interaction.setSelection(indices);
  light("selection", Uint32Array.from(indices));
  showSelected(page);
}

/** @param {MapPage} page */
function showSelected(page) {
  const clear = () => {
    map?.interaction.setSelection([]);
    select(page, nothing);
    byId("map").focus({ preventScroll: true });
  };
  const { row } = page;
  const indices = litOf("selection");
  if (!shown || !points || !row) {
    closeSelection();
    return;
  }
  showSelection({
    ...shown,
    indices,
    points,
    row,
    mayCollect: page.mayCollect,
    on: { open: (id) => page.choose({ image: id }, { focus: true }), clear },
  });
}

/**
 * Show the picture of the state with its neighbours in the full space, or none.
 * @param {MapPage} page
 */
export async function showOpened(page, { focus = false } = {}) {
  const { row, state } = page;
  const id = state.image;
  if (id === null || !row) {
    closeImage();
    pointAtNeighbour(null);
    light("image", nothing);
    showsNow({ image: null, found: [], beside: [] });
    return;
  }
  showPending(id);
  /** @type {SimilarImages} */
  let answer;
  try {
    answer = await similarTo(id, { row, experiments: page.experiments, k: state.k });
  } catch (error) {
    closeImage();
    fail(error);
    return;
  }
  if (page.state.image !== id || page.row !== row || !points) return;
  const on = {
    /** @param {number} other */
    open: (other) => page.choose({ image: other }, { focus: true }),
    close: () => {
      page.choose({ image: null });
      byId("map").focus({ preventScroll: true });
    },
    point: pointAtNeighbour,
  };
  const similar = [answer.image, ...answer.neighbours]
    .map((image) => indexOf(image.id))
    .filter((index) => index >= 0);
  showImage(answer, { state, row, onMap: indexOf(id) >= 0, on, focus });
  light("image", Uint32Array.from(similar));
  pointAtNeighbour(null); // the one pointed at went with its list
  tellBeside(answer);
}

/**
 * Light up a neighbour alone while it is pointed at in the list.
 * @param {number | null} id
 */
function pointAtNeighbour(id) {
  const index = id === null ? -1 : indexOf(id);
  light("neighbour", index < 0 ? nothing : Uint32Array.of(index));
}

/**
 * Tell those who explain which images lie nearest to the opened one on the map.
 * @param {SimilarImages} answer
 */
async function tellBeside({ image, neighbours }) {
  const ids = nearestPoints(indexOf(image.id), neighbours.length).map(idAt);
  const beside = await imagesOf(ids).catch(() => []);
  showsNow({
    image: shownImage(image),
    found: neighbours.map((one) => ({ ...shownImage(one), score: one.score })),
    beside: beside.map(shownImage),
  });
}

/**
 * Return the points nearest to one on the map, nearest first.
 * @param {number} index
 * @param {number} count
 */
function nearestPoints(index, count) {
  if (!points || index < 0) return [];
  const { xy } = points;
  const distances = Float32Array.from(points.ids, (_, n) =>
    Math.hypot(xy[2 * n] - xy[2 * index], xy[2 * n + 1] - xy[2 * index + 1]),
  );
  return [...distances.keys()]
    .filter((n) => n !== index)
    .sort((one, other) => distances[one] - distances[other])
    .slice(0, count);
}
