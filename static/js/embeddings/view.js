// What is on the map: the points of a layer, their colours, which are shown, which are lit, and the panels beside it.
import { number, plural } from "../shared/elements.js";
import { showCard, spoken } from "./card.js";
import { coloursOf, watchTheme } from "./colours.js";
import { atlasOf, colouringOf, legendOf, picturesOf, pointsOf } from "./data.js";
import { matches } from "./find.js";
import { maskOf, NONE, showLegend } from "./legend.js";
import { showListing } from "./list.js";
import { PageMap } from "./map.js";
import { closePicture, showPending, showPicture, similarTo } from "./picture.js";
import { showSelection } from "./selection.js";
import { writeMapState } from "./state.js";
import { listenToTools } from "./tools.js";
import { NO_CATEGORY } from "../map/data.js";
import { MapUnavailableError } from "../map/drawing/renderer.js";

const at = (id) => document.getElementById(id);
const VIEWED_MS = 200;
const PREFETCH_MOST = 100_000; // points of which the other layers are fetched before they are asked for
const CARDS_MOST = 400; // pictures whose cards are fetched before they are asked for
const PICKED_MOST = 100; // pictures of a selection that the address tells
const nothing = new Uint32Array(0);

let map = null;
let points = null;
let shown = null; // the colouring: {by, legend, numbers, colours}
let turn = 0;
let viewing = 0;
// whichever was changed last is lit up
const lit = new Map([
  ["found", nothing],
  ["selection", nothing],
  ["picture", nothing],
]);

const indexOf = (id) => {
  let [low, high] = [0, points.count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points.ids[middle] < id) low = middle + 1;
    else high = middle;
  }
  return points.ids[low] === id ? low : -1;
};

function light(kind, indices) {
  const last = lit.get(kind);
  lit.delete(kind);
  // what is empty steps back behind the others
  if (indices.length) lit.set(kind, indices);
  else {
    const others = [...lit];
    lit.clear();
    [[kind, indices], ...others].forEach(([name, set]) => lit.set(name, set));
  }
  if (last.length || indices.length)
    map?.renderer.highlight([...lit.values()].findLast((set) => set.length) ?? nothing);
}

// --- the map ----------------------------------------------------------------------------------

/** Make the map; where it cannot be drawn, say so and open the list. */
export function openMap(page) {
  try {
    map = new PageMap(at("map"), {
      onHover: (index, left, top) =>
        index < 0
          ? showCard(0)
          : showCard(points.ids[index], left, top, { label: labelOf(index), reach: map.renderer.reach }),
      onFocus: (index) => say(index),
      onOpen: (index) => page.choose({ image: points.ids[index] }, { focus: true }),
      onSelect: (indices) => select(page, indices),
      onView: () => viewed(page),
    });
  } catch (error) {
    if (!(error instanceof MapUnavailableError)) throw error;
    at("canvas").replaceWith(
      Object.assign(document.createElement("p"), {
        className: "map-unavailable",
        textContent: `${error.message} All pictures are in the list below.`,
      }),
    );
    at("map").removeAttribute("tabindex");
    at("listing").open = true;
  }
  if (map)
    listenToTools(
      map,
      () => `${page.row.dataset}-${page.row.method}-${page.row.model}-${page.row.layer}.png`,
    );
  watchTheme(() => {
    map?.theme();
    if (shown) colour(page, shown);
  });
  at("listing").addEventListener("toggle", () => points && showInView(page));
}

const labelOf = (index) => {
  const line = shown?.by === "category" ? shown.numbers[index] : NO_CATEGORY;
  return line === NO_CATEGORY ? "" : shown.legend.names[line];
};

async function say(index) {
  if (index < 0) return;
  const words = await spoken(points.ids[index], labelOf(index)).catch(() => labelOf(index));
  at("status").textContent = words;
}

/** Forget the points: another dataset comes, or nothing. */
export function clearScene() {
  turn += 1;
  points = shown = null;
  for (const kind of lit.keys()) lit.set(kind, nothing);
  closePicture();
  showSelection({ indices: nothing });
  showCard(0);
}

/** Show the map `page.row`: points that are the same glide, others are put there; `elsewhere` means another view, too. */
export async function showRow(page, { duration = 0, elsewhere = false, focus = false } = {}) {
  const { row } = page;
  const mine = (turn += 1);
  const late = setTimeout(() => (at("busy").hidden = mine !== turn), VIEWED_MS);
  let found;
  try {
    found = await Promise.all([pointsOf(row), coloured(page, row)]);
  } finally {
    clearTimeout(late);
    if (mine === turn) at("busy").hidden = true;
  }
  if (mine !== turn) return;
  const [next, colouring] = found;
  const stay =
    points && next.count === points.count && next.ids.every((id, index) => id === points.ids[index]);
  const before = points;
  points = next;
  if (!stay) await arrive(page, colouring);
  else {
    const arrived = before === next ? null : map?.glide(next, duration);
    colour(page, colouring);
    showOpened(page, { focus });
    await arrived;
    if (elsewhere && mine === turn) restoreView(page);
  }
  at("map").dataset.layer = row.layer;
  showInView(page);
  prefetch(page);
}

/** Show points that were not here before, and all that belongs to them. */
async function arrive(page, colouring) {
  const { row, state } = page;
  for (const kind of lit.keys()) lit.set(kind, nothing);
  showSelection({ indices: nothing });
  shown = { ...colouring, colours: coloursOf(colouring.legend) };
  map?.setPoints(points, shown.numbers, Uint8Array.from(shown.colours.flat()));
  colour(page, colouring);
  restoreView(page);
  showOpened(page);
  restorePicked(page);
  find(page);
  if (points.count <= CARDS_MOST) picturesOf([...points.ids]).catch(() => {}); // they are asked for again when needed
  const sheet = map && (await atlasOf(state.dataset).catch(() => null)); // without it points stay points
  if (!sheet || page.row.dataset !== row.dataset) return;
  map.renderer.setSprites({
    ...sheet.atlas,
    numbers: Uint32Array.from(points.ids, (id) => sheet.spriteOf.get(id) ?? NO_SPRITE),
  });
}

const NO_SPRITE = 2 ** 32 - 1;

/** Look at the map as the address says. */
export const restoreView = (page) => points && map?.lookAt(page.state.view);

async function prefetch({ family, row }) {
  if (row.count > PREFETCH_MOST) return;
  for (const other of family) await pointsOf(other).catch(() => {}); // asked for again when it is shown
}

// --- colours ----------------------------------------------------------------------------------

/** Return {by, legend, numbers} as the state wants it; where there are no scores, categories or clusters. */
async function coloured(page, row) {
  const usual = row.separation === null ? "cluster" : "category";
  const by = page.state.by || usual;
  if (by === "category") {
    const [{ categories }, legend] = await Promise.all([pointsOf(row), legendOf(row, by)]);
    return { by, legend, numbers: categories };
  }
  try {
    return { by, ...(await colouringOf(row, by)) };
  } catch (error) {
    if (by === usual) throw error;
    page.fail(error);
    page.state = { ...page.state, by: "" };
    writeMapState(page.state, { replace: true });
    return coloured(page, row);
  }
}

function colour(page, colouring) {
  shown = { ...colouring, colours: coloursOf(colouring.legend) };
  const { by, legend, numbers, colours } = shown;
  map?.colour(numbers, Uint8Array.from(colours.flat()));
  const { mask, none } = maskOf(legend, page.state.only);
  map?.filter(mask, none);
  for (const radio of at("choices").querySelectorAll('[name="by"]')) radio.checked = radio.value === by;
  showLegend(at("legend"), {
    legend,
    colours,
    only: page.state.only,
    choose: (only) => page.choose({ only }, { replace: true }),
  });
  showSelected(page);
  showInView(page);
}

/** Return the shown points in view; without a map all that the legend leaves. */
function inView(page) {
  if (map) return map.inView();
  const { mask, none } = maskOf(shown.legend, page.state.only);
  const keep = (line) => (line === NO_CATEGORY ? none : !mask || mask[line]);
  return Uint32Array.from(shown.numbers.keys()).filter((index) => keep(shown.numbers[index]));
}

function showInView(page) {
  if (!points || !shown) return;
  const indices = inView(page);
  at("in-view").textContent = `${number(indices.length)} of ${plural(points.count, "picture")} in view.`;
  at("listing-count").textContent = number(indices.length);
  if (!at("listing").open) return;
  const counts = new Map();
  for (const index of indices) {
    const name = shown.legend.names[shown.numbers[index]] ?? NONE;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const ids = Array.from(indices, (index) => points.ids[index]);
  showListing({
    ids,
    counts: [...counts].sort((a, b) => b[1] - a[1]),
    open: (id) => page.choose({ image: id }, { focus: true }),
  });
}

function viewed(page) {
  clearTimeout(viewing);
  viewing = setTimeout(() => {
    if (!points) return;
    page.state = { ...page.state, view: map.view };
    writeMapState(page.state, { replace: true });
    showInView(page);
  }, VIEWED_MS);
}

// --- what is lit ------------------------------------------------------------------------------

/** Light up what the search box says; with `look` go there. */
export async function find(page, { look = false } = {}) {
  const { q } = page.state;
  const { row } = page;
  if (!points) return;
  const labels = q ? (await legendOf(row, "category")).names : [];
  const found = await matches(q, { points, row, labels }).catch((error) => {
    page.fail(error);
    return nothing;
  });
  if (q !== page.state.q || row.dataset !== page.row?.dataset) return;
  light("found", found);
  at("found").textContent = q
    ? found.length
      ? `${number(found.length)} found.`
      : `Nothing is called “${q}”.`
    : "";
  if (look && found.length) map?.lookAtPoints(found);
}

function select(page, indices) {
  light("selection", indices);
  const picked = indices.length <= PICKED_MOST ? Array.from(indices, (index) => points.ids[index]) : [];
  page.state = { ...page.state, picked };
  writeMapState(page.state, { replace: true });
  showSelected(page);
}

/** Select the pictures that the address names. */
export function restorePicked(page) {
  if (!points) return;
  const indices = page.state.picked.map(indexOf).filter((index) => index >= 0);
  map?.interaction.setSelection(indices);
  light("selection", Uint32Array.from(indices));
  showSelected(page);
}

function showSelected(page) {
  const clear = () => {
    map?.interaction.setSelection([]);
    select(page, nothing);
    at("map").focus({ preventScroll: true });
  };
  showSelection({
    ...shown,
    indices: lit.get("selection"),
    points,
    row: page.row,
    staff: page.staff,
    on: { open: (id) => page.choose({ image: id }, { focus: true }), clear },
  });
}

/** Show the picture of the state with its neighbours in the full space, or none. */
export async function showOpened(page, { focus = false } = {}) {
  const { row, state } = page;
  const id = state.image;
  if (id === null) {
    closePicture();
    light("picture", nothing);
    return;
  }
  showPending(id);
  let answer;
  try {
    answer = await similarTo(id, { row, experiments: page.experiments, k: state.k });
  } catch (error) {
    closePicture();
    page.fail(error);
    return;
  }
  if (page.state.image !== id || page.row !== row || !points) return;
  const on = {
    open: (other) => page.choose({ image: other }, { focus: true }),
    close: () => {
      page.choose({ image: null });
      at("map").focus({ preventScroll: true });
    },
  };
  const similar = [answer.picture, ...answer.neighbours]
    .map((picture) => indexOf(picture.id))
    .filter((index) => index >= 0);
  showPicture(answer, { state, row, placed: indexOf(id) >= 0, on, focus });
  light("picture", Uint32Array.from(similar));
}
