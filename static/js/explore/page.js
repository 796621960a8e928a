// Explore: which network, layer, distance and pooling find what. The state is one value, the address says it,
// and every change goes through `choose`: state -> address -> everything shown, in one synchronous step where
// the answers are here already.
/** @import { State } from "../shared/types.js" */
/** @import { ChoiceOptions, ExplorePage, Origin, SearchOptions } from "./types.js" */
import { byId, closest, elementIn, elementsIn, isPlainClick } from "../shared/elements.js";
import {
  best,
  everyNetwork,
  experiments,
  forget,
  match,
  METRICS,
  ofImage,
  POOLINGS,
} from "../shared/experiments/experiments.js";
import { neighboursIn, shownImage, showsNow } from "../explain/screen.js";
import { fail, hideFailure } from "../shared/failure.js";
import {
  addressOf,
  CONFIGURATION,
  configurationOf,
  linkSections,
  readState,
  writeState,
} from "../shared/experiments/url-state.js";
import { showAnswer, showPending } from "./answer.js";
import { showControls } from "./controls.js";
import { showDetails } from "./details.js";
import { ImageGrid } from "./grid.js";
import { listenForKeys } from "./keys.js";
import { followJobs, showNotices } from "./notices.js";
import { drawRail, showRail } from "./rail.js";

const root = document.getElementById("explore");
const CHOICES = "a[data-dataset], a[data-model], a[data-layer], a[data-image]";
const QUICK_WALK_MS = 1500;
const BETWEEN_PX = 12;

/** @type {ExplorePage} */
const page = {
  state: readState(),
  mayCompute: Boolean(root && "mayCompute" in root.dataset),
  networks: [],
  rows: [],
  row: null,
  answer: null,
  loaded: false,
  grid: null,
  choose,
  search,
  refresh,
  address: (changes) => addressOf(settled({ ...page.state, ...changes })),
};
let lastWalk = 0;

const datasetLinks = () => elementsIn(document, "#datasets a", HTMLAnchorElement);

/** @param {string} slug */
const datasetLink = (slug) => datasetLinks().find((link) => link.dataset.dataset === slug);

// --- state ------------------------------------------------------------------------------------

/**
 * Fill in what the state leaves open, and give up what was not computed; `page.rows` are those of its
 * dataset.
 * @param {State} state
 */
function settled(state) {
  if (!page.networks.length || state.dataset !== page.state.dataset) return state;
  const network = page.networks.find((candidate) => candidate.name === state.model);
  const wanted = state.model && !network ? { ...state, model: "", layer: "" } : state;
  const asked = CONFIGURATION.filter((name) => wanted[name]);
  const fitting = network ? [] : page.rows.filter((row) => asked.every((name) => row[name] === wanted[name]));
  const row = network ? match(page.rows, wanted) : best(fitting.length ? fitting : page.rows);
  return row ? { ...wanted, ...configurationOf(row) } : uncomputed(wanted);
}

/**
 * A network that nothing was computed with yet can be looked at all the same: its layers, and what they see.
 * @param {State} state
 */
function uncomputed(state) {
  const network =
    page.networks.find((candidate) => candidate.name === state.model) ??
    page.networks.find((candidate) => candidate.available) ??
    page.networks[0];
  const layer = network.layers.some((candidate) => candidate.name === state.layer)
    ? state.layer
    : (network.layers.at(-1)?.name ?? "");
  const usual = best(page.rows) ?? { metric: Object.keys(METRICS)[0], pooling: Object.keys(POOLINGS)[0] };
  return {
    ...state,
    model: network.name,
    layer,
    metric: state.metric || usual.metric,
    pooling: state.pooling || usual.pooling,
  };
}

/**
 * The layer of another network that lies as deep among its eight as this one among its own.
 * @param {string} model
 */
function layerAsDeep(model) {
  /** @param {string} name */
  const layersOf = (name) => page.networks.find((network) => network.name === name)?.layers ?? [];
  const [from, to] = [layersOf(page.state.model), layersOf(model)];
  const position = from.findIndex((layer) => layer.name === page.state.layer);
  if (position < 0 || !to.length) return to.at(-1)?.name ?? "";
  return to[from.length > 1 ? Math.round((position * (to.length - 1)) / (from.length - 1)) : to.length - 1]
    .name;
}

/**
 * Change some of the state. `walking`: one of many quick steps, which share an entry of the history.
 * @param {Partial<State>} changes
 * @param {ChoiceOptions} options
 */
function choose(
  changes,
  { since = performance.now(), walking = false, origin = null, replace = false } = {},
) {
  const { model } = changes;
  const layer = model && model !== page.state.model ? { layer: layerAsDeep(model) } : {};
  hideFailure();
  const before = page.state;
  const wasQuery = page.state.image;
  page.state = settled({ ...page.state, ...layer, ...changes });
  const now = performance.now();
  const quick = walking && now - lastWalk < QUICK_WALK_MS;
  lastWalk = walking ? now : 0;
  writeState(page.state, { replace: replace || quick });
  if (page.state.dataset !== before.dataset) {
    load();
    return;
  }
  show({ origin, left: wasQuery !== page.state.image ? wasQuery : null });
  const took = performance.now() - since;
  byId("explore").dataset.switchMs = took.toFixed(1);
  performance.measure("explore:switch", { start: since, end: since + took });
}

// --- what is shown ----------------------------------------------------------------------------

/** @param {{ origin?: Origin | null, left?: number | null }} how */
function show({ origin = null, left = null } = {}) {
  const { state } = page;
  page.row = page.rows.find((row) => CONFIGURATION.every((name) => row[name] === state[name])) ?? null;
  for (const link of datasetLinks()) {
    if (link.dataset.dataset === state.dataset) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  showRail(page);
  showControls(page);
  showNotices(page);
  showQuery(origin);
  const isQuery = state.image !== null;
  const returning = isQuery === false && !byId("answer").hidden;
  byId("answer").hidden = !isQuery;
  byId("pictures").hidden = isQuery;
  if (!isQuery) {
    page.grid?.show(state.dataset, state.order);
    if (returning && left !== null) page.grid?.returnTo(left);
  }
  showDetails(page);
  drawRail();
  titled();
  tell();
}

/** Tell those who explain what is on the screen. */
function tell() {
  const { state, answer, row } = page;
  const network = page.networks.find((candidate) => candidate.name === state.model) ?? null;
  const baselines = new Set(page.networks.filter((one) => one.baseline).map((one) => one.name));
  showsNow({
    network,
    layer: network?.layers.find((candidate) => candidate.name === state.layer) ?? null,
    pooling: state.pooling,
    metric: state.metric,
    k: state.k,
    image: answer ? shownImage(answer.image) : null,
    found: answer && row ? neighboursIn(answer, answer.found.get(row.id), state.k) : [],
    rows: page.rows.filter((one) => !baselines.has(one.model)),
  });
}

/** Say in words whose pictures these are. */
function titled() {
  const name = datasetLink(page.state.dataset)?.dataset.name ?? page.state.dataset;
  byId("pictures-of").textContent = name;
  byId("pictures-of").title = name;
  byId("pictures-about").textContent = datasetLink(page.state.dataset)?.dataset.about ?? "";
  byId("on-map", HTMLAnchorElement).href = addressOf(
    { ...page.state, image: null },
    { path: byId("explore").dataset.map },
  );
  const query = page.state.image !== null ? `Image ${page.state.image} · ` : "";
  document.title = `${query}${name} · Search visualization · semsearch`;
}

/**
 * Show the neighbours of the query at once where they are here, else when they come.
 * @param {Origin | null} origin
 */
function showQuery(origin) {
  const { image } = page.state;
  if (image === null) {
    page.answer = null;
    return;
  }
  if (page.answer?.image.id === image) {
    showAnswer(page);
    return;
  }
  page.answer = null;
  showPending(page, page.grid?.image(image), origin);
  ofImage(image).then(
    (answer) => {
      if (page.state.image !== image) return;
      // an address may name a picture of another dataset than its own, or than the one shown without any
      const dataset = decodeURIComponent(answer.image.page_url.split("/").at(-4) ?? "");
      if (dataset !== page.state.dataset && datasetLink(dataset)) {
        choose({ dataset }, { replace: true });
        return;
      }
      page.answer = answer;
      showAnswer(page, origin);
      showDetails(page);
      tell();
    },
    (error) => {
      if (page.state.image !== image) return;
      choose({ image: null }, { replace: true });
      fail(error);
    },
  );
}

// --- what the server knows --------------------------------------------------------------------

/** Read everything about the dataset of the state, then show it. */
async function load() {
  const slug = page.state.dataset;
  hideFailure();
  page.answer = null;
  page.rows = [];
  page.loaded = false;
  page.grid?.show(slug, page.state.order);
  try {
    const [networks, rows] = await Promise.all([everyNetwork(), experiments(slug)]);
    if (page.state.dataset !== slug) return;
    Object.assign(page, { networks, rows, loaded: true });
    delete root?.dataset.loading;
  } catch (error) {
    delete root?.dataset.loading;
    if (page.state.dataset === slug) fail(error);
    return;
  }
  page.state = settled(page.state);
  writeState(page.state, { replace: true });
  show();
  followJobs(page);
}

/** Ask again: something was computed. What is shown stays until the new answer is here. */
async function refresh() {
  const { dataset, image } = page.state;
  forget(dataset);
  try {
    const [rows, answer] = await Promise.all([experiments(dataset), image === null ? null : ofImage(image)]);
    if (page.state.dataset !== dataset) return;
    // the first results of all are shown, whatever was looked at before there were any
    if (!page.rows.length && !rows.some((row) => row.model === page.state.model))
      page.state = { ...page.state, model: "", layer: "" };
    page.rows = rows;
    if (page.state.image === image) page.answer = answer;
  } catch (error) {
    fail(error);
    return;
  }
  page.state = settled(page.state);
  writeState(page.state, { replace: true });
  show();
}

// --- what people do ---------------------------------------------------------------------------

/** @param {MouseEvent} event */
/** @param {MouseEvent} event */
function follow(event) {
  const link = closest(event, CHOICES);
  if (!link || !isPlainClick(event)) return;
  event.preventDefault();
  const since = performance.now();
  const { dataset, model, layer, image } = link.dataset;
  if (dataset !== undefined) {
    if (dataset !== page.state.dataset) choose({ dataset, image: null }, { since });
  } else if (image !== undefined) search(Number(image), { since, from: link });
  else choose({ ...(model !== undefined && { model }), ...(layer !== undefined && { layer }) }, { since });
}

/**
 * Make a picture the query: it flies from where it was to its new place.
 * @param {number} image
 * @param {SearchOptions} options
 */
function search(image, { since = performance.now(), from = null, walking = false } = {}) {
  const thumbnail = from?.querySelector("img");
  const origin = thumbnail ? { rect: thumbnail.getBoundingClientRect() } : null;
  choose({ image }, { since, origin, walking });
  if (walking) return;
  bringIntoView();
  byId("answer-title").focus({ preventScroll: true });
}

/**
 * The layers and the query are both to be seen; where they lie one below the other, the layers stick to the
 * top.
 */
function bringIntoView() {
  const header = elementIn(document, ".top").offsetHeight;
  const layers = elementIn(document, ".layers");
  const sticks = getComputedStyle(layers).position === "sticky";
  const shown = byId("answer").getBoundingClientRect().top;
  const goal = sticks
    ? shown - layers.offsetHeight - header - BETWEEN_PX
    : byId("explore").getBoundingClientRect().top - header - BETWEEN_PX;
  if (goal < 0 || shown > innerHeight / 2)
    scrollTo({ top: Math.max(0, goal + scrollY), behavior: "instant" });
}

/**
 * Links say where they lead under the choices of now: made right when somebody comes near them.
 * @param {Event} event
 */
function pointLink(event) {
  const link = closest(event, CHOICES);
  if (!(link instanceof HTMLAnchorElement)) return;
  const { dataset, model, layer, image } = link.dataset;
  if (dataset !== undefined) link.href = addressOf({ ...page.state, dataset, image: null });
  else if (image !== undefined) link.href = addressOf({ ...page.state, image: Number(image) });
  else
    link.href = page.address(model === undefined ? { layer } : { model, layer: layer ?? layerAsDeep(model) });
}

/** The server has chosen a dataset where the address names none, or one that is gone. */
const datasetOfPage = () => byId("explore").dataset.dataset ?? "";

function restore() {
  const { dataset } = page.state;
  const left = page.state.image;
  page.state = readState();
  if (!datasetLink(page.state.dataset)) page.state.dataset = datasetOfPage();
  if (page.state.dataset !== dataset) {
    linkSections(page.state);
    load();
    return;
  }
  page.state = settled(page.state);
  linkSections(page.state);
  hideFailure();
  show({ left });
}

if (root) {
  page.state.dataset = datasetOfPage();
  page.grid = new ImageGrid(byId("grid"), page);
  byId("datasets").addEventListener("click", follow);
  root.addEventListener("click", follow);
  for (const kind of ["pointerover", "focusin"]) byId("main").addEventListener(kind, pointLink);
  byId("back").addEventListener("click", (event) => {
    if (!isPlainClick(event)) return;
    event.preventDefault();
    choose({ image: null });
  });
  listenForKeys(page);
  addEventListener("popstate", restore);
  document.addEventListener("visibilitychange", () => !document.hidden && page.loaded && followJobs(page));
  load();
}
