// Explore: which network, layer, distance and pooling find what. The state is one value, the address says it, and every
// change goes through `choose`: state -> address -> everything shown, in one synchronous step where the answers are here already.
import {
  addressOf,
  best,
  CONFIGURATION,
  experiments,
  forget,
  linkSections,
  match,
  METRICS,
  models,
  ofImage,
  POOLINGS,
  readState,
  writeState,
} from "../shared/url-state.js";
import { showAnswer, showPending } from "./answer.js";
import { showControls } from "./controls.js";
import { showDetails } from "./details.js";
import { PictureGrid } from "./grid.js";
import { listenForKeys } from "./keys.js";
import { followJobs, showNotices } from "./notices.js";
import { drawRail, showRail } from "./rail.js";

const root = document.getElementById("explore");
const at = (id) => document.getElementById(id);
const QUICK_WALK_MS = 1500;
const BETWEEN_PX = 12;

/** All that is shown: `state` is what was chosen; `row` the experiment of it, or null; `answer` the neighbours of the query. */
const page = {
  state: null,
  staff: Boolean(root && "staff" in root.dataset),
  networks: [],
  rows: [],
  row: null,
  answer: null,
  loaded: false,
  grid: null,
  choose,
  refresh,
  address: (changes) => addressOf(settled({ ...page.state, ...changes })),
};
let lastWalk = 0;

const datasetLink = (slug) =>
  [...document.querySelectorAll("#datasets a")].find((link) => link.dataset.dataset === slug);

// --- state ------------------------------------------------------------------------------------

/** Fill in what the state leaves open, and give up what was not computed; `page.rows` are those of its dataset. */
function settled(state) {
  if (!page.networks.length || state.dataset !== page.state.dataset) return state;
  const network = page.networks.find((candidate) => candidate.name === state.model);
  if (state.model && !network) state = { ...state, model: "", layer: "" };
  const asked = CONFIGURATION.filter((name) => state[name]);
  const fitting = network ? [] : page.rows.filter((row) => asked.every((name) => row[name] === state[name]));
  const row = network ? match(page.rows, state) : best(fitting.length ? fitting : page.rows);
  return row
    ? { ...state, ...Object.fromEntries(CONFIGURATION.map((name) => [name, row[name]])) }
    : uncomputed(state);
}

/** A network that nothing was computed with yet can be looked at all the same: its layers, and what they see. */
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

/** The layer of another network that lies as deep among its eight as this one among its own. */
function layerAsDeep(model) {
  const layersOf = (name) => page.networks.find((network) => network.name === name)?.layers ?? [];
  const [from, to] = [layersOf(page.state.model), layersOf(model)];
  const position = from.findIndex((layer) => layer.name === page.state.layer);
  if (position < 0 || !to.length) return to.at(-1)?.name ?? "";
  return to[from.length > 1 ? Math.round((position * (to.length - 1)) / (from.length - 1)) : to.length - 1]
    .name;
}

/** Change some of the state. `walking`: one of many quick steps, which share an entry of the history. */
function choose(
  changes,
  { since = performance.now(), walking = false, origin = null, replace = false } = {},
) {
  if (changes.model && changes.model !== page.state.model)
    changes = { layer: layerAsDeep(changes.model), ...changes };
  at("failure").hidden = true;
  const before = page.state;
  const wasQuery = page.state.image;
  page.state = settled({ ...page.state, ...changes });
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
  root.dataset.switchMs = took.toFixed(1);
  performance.measure("explore:switch", { start: since, end: since + took });
}

// --- what is shown ----------------------------------------------------------------------------

function show({ origin = null, left = null } = {}) {
  const { state } = page;
  page.row = page.rows.find((row) => CONFIGURATION.every((name) => row[name] === state[name])) ?? null;
  for (const link of document.querySelectorAll("#datasets a")) {
    if (link.dataset.dataset === state.dataset) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  showRail(page);
  showControls(page);
  showNotices(page);
  showQuery(origin);
  const isQuery = state.image !== null;
  const returning = isQuery === false && !at("answer").hidden;
  at("answer").hidden = !isQuery;
  at("pictures").hidden = isQuery;
  if (!isQuery) {
    page.grid.show(state.dataset, state.order);
    if (returning && left !== null) page.grid.returnTo(left);
  }
  showDetails(page);
  drawRail(page);
  titled();
}

/** Say in words whose pictures these are. */
function titled() {
  const name = datasetLink(page.state.dataset)?.dataset.name ?? page.state.dataset;
  at("pictures-of").textContent = name;
  at("on-map").href = addressOf({ ...page.state, image: null }, { path: root.dataset.map });
  const query = page.state.image !== null ? `Picture ${page.state.image} · ` : "";
  document.title = `${query}${name} · Search visualization · semsearch`;
}

/** Show the neighbours of the query at once where they are here, else when they come. */
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
  showPending(page, page.grid.picture(image), origin);
  ofImage(image).then(
    (answer) => {
      if (page.state.image !== image) return;
      // an address may name a picture of another dataset than its own, or than the one shown without any
      const dataset = decodeURIComponent(answer.image.page_url.split("/")[2]);
      if (dataset !== page.state.dataset && datasetLink(dataset)) {
        choose({ dataset }, { replace: true });
        return;
      }
      page.answer = answer;
      showAnswer(page, origin);
      showDetails(page);
    },
    (error) => {
      if (page.state.image !== image) return;
      choose({ image: null }, { replace: true });
      fail(error);
    },
  );
}

function fail(error) {
  if (error.name !== "ApiError") throw error;
  at("failure").textContent = error.message;
  at("failure").hidden = false;
}

// --- what the server knows --------------------------------------------------------------------

/** Read everything about the dataset of the state, then show it. */
async function load() {
  const slug = page.state.dataset;
  at("failure").hidden = true;
  page.answer = null;
  page.rows = [];
  page.loaded = false;
  page.grid.show(slug, page.state.order);
  try {
    const [networks, rows] = await Promise.all([models(), experiments(slug)]);
    if (page.state.dataset !== slug) return;
    Object.assign(page, { networks, rows, loaded: true });
  } catch (error) {
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

const plain = (event) =>
  event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;

function follow(event) {
  const link = event.target.closest("a[data-dataset], a[data-model], a[data-layer], a[data-image]");
  if (!link || !plain(event)) return;
  event.preventDefault();
  const since = performance.now();
  const { dataset, model, layer, image } = link.dataset;
  if (dataset !== undefined) {
    if (dataset !== page.state.dataset) choose({ dataset, image: null }, { since });
  } else if (image !== undefined) search(Number(image), { since, from: link });
  else choose(model === undefined ? { layer } : { model }, { since });
}

/** Make a picture the query: it flies from where it was to its new place. */
function search(image, { since = performance.now(), from = null, walking = false } = {}) {
  const picture = from?.querySelector("img");
  const origin = picture && { rect: picture.getBoundingClientRect(), src: picture.currentSrc || picture.src };
  choose({ image }, { since, origin, walking });
  if (walking) return;
  bringIntoView();
  at("answer-title").focus({ preventScroll: true });
}

/** The layers and the query are both to be seen; where they lie one below the other, the layers stick to the top. */
function bringIntoView() {
  const header = document.querySelector(".top").offsetHeight;
  const layers = document.querySelector(".layers");
  const sticks = getComputedStyle(layers).position === "sticky";
  const shown = at("answer").getBoundingClientRect().top;
  const goal = sticks
    ? shown - layers.offsetHeight - header - BETWEEN_PX
    : root.getBoundingClientRect().top - header - BETWEEN_PX;
  if (goal < 0 || shown > innerHeight / 2)
    scrollTo({ top: Math.max(0, goal + scrollY), behavior: "instant" });
}

/** Links say where they lead under the choices of now: made right when somebody comes near them. */
function pointLink(event) {
  const link = event.target.closest?.("a[data-dataset], a[data-model], a[data-layer], a[data-image]");
  if (!link) return;
  const { dataset, model, layer, image } = link.dataset;
  if (dataset !== undefined) link.href = addressOf({ ...page.state, dataset, image: null });
  else if (image !== undefined) link.href = addressOf({ ...page.state, image: Number(image) });
  else link.href = page.address(model === undefined ? { layer } : { model, layer: layerAsDeep(model) });
}

function restore() {
  const { dataset } = page.state;
  const left = page.state.image;
  page.state = { ...readState() };
  if (!page.state.dataset || !datasetLink(page.state.dataset)) page.state.dataset = root.dataset.dataset;
  if (page.state.dataset !== dataset) {
    linkSections(page.state);
    load();
    return;
  }
  page.state = settled(page.state);
  linkSections(page.state);
  at("failure").hidden = true;
  show({ left });
}

if (root) {
  page.state = readState();
  // the server has chosen a dataset where the address names none, or one that is gone
  page.state.dataset = root.dataset.dataset;
  page.search = search;
  page.grid = new PictureGrid(at("grid"), page);
  document.getElementById("datasets").addEventListener("click", follow);
  root.addEventListener("click", follow);
  for (const kind of ["pointerover", "focusin"])
    document.getElementById("main").addEventListener(kind, pointLink);
  at("back").addEventListener("click", (event) => {
    if (!plain(event)) return;
    event.preventDefault();
    choose({ image: null });
  });
  listenForKeys(page);
  addEventListener("popstate", restore);
  document.addEventListener("visibilitychange", () => !document.hidden && page.loaded && followJobs(page));
  load();
}
