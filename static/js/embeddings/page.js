// The map of a dataset. The state is one value and the address says it; every change goes through `choose`,
// and `show` brings the page up to it. What is on the map itself is in view.js.
/** @import { Job, MapRow } from "../shared/types.js" */
/** @import { ChoiceOptions, MapPage, MapState } from "./types.js" */
import { showsNow } from "../explain/screen.js";
import { watchJobs } from "../jobs/watch.js";
import { byId, elementIn, elementsIn, hasOption, make } from "../shared/elements.js";
import { everyNetwork, experiments, forget } from "../shared/experiments/experiments.js";
import { fail, hideFailure } from "../shared/failure.js";
import { number, plural } from "../shared/format.js";
import { typed } from "../shared/site.js";
import { forgetMaps, mapsOf } from "./data.js";
import { showFigures } from "./panels/figures.js";
import { goTo, listenToPlaybar, showLayers } from "./layers.js";
import { inWords, showJobs, showMaking, showNothing } from "./making.js";
import { familyOf, mapAddress, METHODS, readMapState, settled, variantsOf, writeMapState } from "./state.js";
import { clearScene, find, openMap, restorePicked, restoreView, showOpened, showRow } from "./view.js";

const root = byId("atlas");
const GLIDE_MS = 900;
const TYPING_MS = 250;

/**
 * All that is shown: `family` are the maps of all layers of the chosen network, `row` that of the chosen
 * layer.
 * @type {MapPage}
 */
const page = {
  state: readMapState(),
  mayCompute: "mayCompute" in root.dataset,
  mayCollect: "mayCollect" in root.dataset,
  networks: [],
  rows: [],
  experiments: [],
  family: [],
  row: null,
  jobs: [],
  choose,
};
/** @type {(() => void) | null} */
let stopWatching = null;

/** @param {string} name */
const selectOf = (name) => elementIn(byId("choices"), `select[name="${name}"]`, HTMLSelectElement);

// --- state ------------------------------------------------------------------------------------

/**
 * Change some of the state; `replace` for what is no step one would go back to, `focus` where a picture was
 * opened.
 * @param {Partial<MapState>} changes
 * @param {ChoiceOptions} options
 */
function choose(changes, { replace = false, focus = false } = {}) {
  const before = page.state;
  page.state = { ...before, ...changes };
  const elsewhere = page.state.dataset !== before.dataset;
  if (!elsewhere) page.state = settle(page.state);
  writeMapState(page.state, { replace });
  if (elsewhere) load();
  else show(before, { focus });
}

/** @param {MapState} state */
const settle = (state) => settled(state, page.rows, page.networks, root.dataset.defaultModel ?? "");

/** @param {string} model */
const titleOf = (model) => page.networks.find((network) => network.name === model)?.title ?? model;

/**
 * The layer of another network that lies as deep among its layers as the chosen one among its own.
 * @param {string} model
 */
function layerAsDeep(model) {
  const family = familyOf(page.rows, { ...page.state, model });
  return family.find((row) => row.layer_position === page.row?.layer_position)?.layer ?? "";
}

// --- loading ----------------------------------------------------------------------------------

/** Fetch what there is of the dataset of the state, show it, and watch what is being computed. */
async function load() {
  const { dataset } = page.state;
  stopWatching?.();
  clearScene();
  forgetMaps();
  hideFailure();
  try {
    const [networks, rows, computed] = await Promise.all([
      everyNetwork(),
      mapsOf(dataset),
      experiments(dataset),
    ]);
    if (page.state.dataset !== dataset) return;
    Object.assign(page, { networks, rows, experiments: computed, jobs: [], row: null });
  } catch (error) {
    fail(error);
    return;
  }
  page.state = settle(page.state);
  writeMapState(page.state, { replace: true });
  show(null);
  stopWatching = watchJobs(dataset, jobsChanged, ["project"]);
}

/**
 * @param {Job[]} jobs
 * @param {boolean} progressed
 */
async function jobsChanged(jobs, progressed) {
  const { dataset } = page.state;
  page.jobs = jobs;
  showJobs(jobs);
  if (progressed) {
    const rows = await mapsOf(dataset).catch(() => page.rows);
    forget(dataset);
    const computed = await experiments(dataset).catch(() => page.experiments);
    if (page.state.dataset !== dataset) return;
    Object.assign(page, { rows, experiments: computed });
    page.state = settle(page.state);
  }
  show(page.state);
}

// --- what is shown ----------------------------------------------------------------------------

/**
 * Bring the page up to the state; `before` is the one it showed, null for none.
 * @param {MapState | null} before
 */
function show(before, { focus = false } = {}) {
  const { state } = page;
  const last = page.row;
  page.family = familyOf(page.rows, state);
  page.row = page.family.find((row) => row.layer === state.layer) ?? null;
  showControls();
  byId("nothing").hidden = Boolean(page.row);
  byId("stage").hidden = byId("more").hidden = !page.row;
  if (!page.row) {
    showMissing();
    return;
  }
  showAbout(page.row);
  const inSight = last && same(last, page.row);
  const stays =
    before &&
    last?.id === page.row.id &&
    last.computed_at === page.row.computed_at &&
    before.by === state.by &&
    sameNames(before.only, state.only);
  if (!stays) showRow(page, { duration: inSight ? GLIDE_MS : 0, elsewhere: !inSight, focus }).catch(fail);
  else if (before.image !== state.image) showOpened(page, { focus });
}

/**
 * Whether two maps are of the same layers, so that the points can glide from one to the other.
 * @param {MapRow} one
 * @param {MapRow} other
 */
const same = (one, other) =>
  one.method === other.method &&
  one.model === other.model &&
  one.digest === other.digest &&
  one.pooling === other.pooling;

/**
 * @param {string[]} one
 * @param {string[]} other
 */
const sameNames = (one, other) => one.length === other.length && one.every((name, at) => name === other[at]);

/**
 * Show a layer that the player asks for.
 * @param {MapRow} row
 * @param {{ duration: number }} how
 */
function playTo(row, { duration }) {
  page.state = { ...page.state, layer: row.layer };
  page.row = row;
  writeMapState(page.state, { replace: true });
  showAbout(row);
  return showRow(page, { duration });
}

/** @param {MapRow} row */
const addressOfLayer = (row) => mapAddress({ ...page.state, layer: row.layer });

/**
 * Show everything about the chosen map but the map itself.
 * @param {MapRow} row
 */
function showAbout(row) {
  const { family, state } = page;
  const layers = page.networks.find((network) => network.name === row.model)?.layers ?? [];
  showLayers({ family, layers, row, show: playTo, failed: fail, address: addressOfLayer });
  showFigures({
    family,
    row,
    total: Math.max(layers.length, family.length),
    address: addressOfLayer,
    choose: goTo,
  });
  showMaking({ row, state, mayCompute: page.mayCompute, started });
  const network = page.networks.find((one) => one.name === row.model) ?? null;
  showsNow({
    network,
    layer: layers.find((one) => one.name === row.layer) ?? null,
    pooling: row.pooling,
    metric: "cosine",
  });
  const scored = page.experiments.some(
    (one) =>
      one.metric === "cosine" &&
      one.weighted_precision !== null &&
      one.model === row.model &&
      one.layer === row.layer &&
      one.pooling === row.pooling,
  );
  const score = elementIn(byId("choices"), '[name="by"][value="score"]', HTMLInputElement);
  score.disabled = !scored;
  score.title = scored ? "" : "No experiment with these features and the metric cosine has been computed";
  const sample =
    row.fitted < row.count
      ? ` Fitted on ${plural(row.fitted, "image")} of ${number(row.count)}, which cover all; the others were placed on it.`
      : "";
  byId("summary").textContent =
    `${plural(row.count, "image")} by ${METHODS[row.method]} of ${titleOf(row.model)}.${sample}`;
  const named = selectOf("dataset").selectedOptions[0]?.text ?? row.dataset;
  document.title = `${METHODS[row.method]} of ${named} · Embedding visualization · semsearch`;
  showStale(row);
}

/** @param {MapRow} row */
function showStale(row) {
  const shown = byId("notices").querySelector("[data-stale]");
  if (!row.stale) shown?.remove();
  if (!row.stale || shown) return;
  const words =
    "Images were added, removed or relabelled since this map was made. When it is made again, new ones are placed without moving the old. ";
  const way = page.mayCompute
    ? make("a", { href: "#making" }, "Make it again")
    : make("span", {}, typed(`project_embeddings --dataset ${row.dataset}`));
  way.addEventListener("click", () => (byId("making", HTMLDetailsElement).open = true));
  byId("notices").prepend(
    make("p", { class: "notice plain", "data-stale": "" }, make("span", {}, words), way),
  );
}

function showControls() {
  const { state } = page;
  const [model, digest] = [selectOf("model"), selectOf("digest")];
  const q = byId("find", HTMLInputElement);
  selectOf("dataset").value = state.dataset;
  const there = new Set(page.rows.filter((row) => row.method === state.method).map((row) => row.model));
  const offered = page.networks.filter((network) => network.available || there.has(network.name));
  model.replaceChildren(
    ...offered.map(
      (network) =>
        new Option(there.has(network.name) ? network.title : `${network.title} (no map yet)`, network.name),
    ),
  );
  model.value = state.model;
  const variants = variantsOf(page.rows, state);
  byId("variant").hidden = variants.length < 2;
  digest.replaceChildren(
    ...variants.map((variant) => new Option(inWords(variant.parameters), variant.digest)),
  );
  digest.value = page.family[0]?.digest ?? "";
  if (document.activeElement !== q) q.value = state.q;
  const saved = byId("choices").querySelector('[name="saved"]');
  if (saved instanceof HTMLSelectElement) saved.value = hasOption(saved, state.q) ? state.q : "";
  for (const radio of elementsIn(byId("choices"), '[name="method"]', HTMLInputElement))
    radio.checked = radio.value === state.method;
}

function showMissing() {
  const { state } = page;
  clearScene();
  byId("notices").querySelector("[data-stale]")?.remove();
  const others = new Map(
    page.rows.map((row) => [
      `${row.method} ${row.model}`,
      { method: row.method, model: row.model, title: titleOf(row.model) },
    ]),
  );
  const images = Number(selectOf("dataset").selectedOptions[0]?.dataset.images);
  byId("summary").textContent =
    "Every image is a point; images that a network sees as alike lie side by side.";
  showNothing({
    state,
    title: titleOf(state.model),
    images,
    jobs: page.jobs,
    others: [...others.values()],
    mayCompute: page.mayCompute,
    started,
    choose: ({ method, model }) => choose({ method, model, view: null }),
  });
}

/**
 * Staff began to compute a map: it is what is looked at from now on.
 * @param {Job[]} jobs
 */
function started(jobs) {
  page.jobs = jobs;
  showJobs(jobs);
  byId("notices").scrollIntoView({ block: "nearest" });
  stopWatching?.();
  stopWatching = watchJobs(
    page.state.dataset,
    (now, progressed) => jobsChanged(now, progressed || !now.length),
    ["project"],
  );
  if (!page.row) show(page.state);
}

/**
 * Return a state with the dataset that is shown first where the address names none that there is.
 * @param {MapState} state
 */
const withDataset = (state) =>
  hasOption(selectOf("dataset"), state.dataset)
    ? state
    : { ...state, dataset: selectOf("dataset").options[0].value };

// --- listening --------------------------------------------------------------------------------

function listen() {
  const form = byId("choices");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    find(page, { look: true });
  });
  form.addEventListener("change", ({ target }) => {
    if (!(target instanceof HTMLSelectElement || target instanceof HTMLInputElement)) return;
    const { name, value } = target;
    if (name === "dataset")
      choose({
        dataset: value,
        model: "",
        layer: "",
        digest: "",
        image: null,
        picked: [],
        only: [],
        by: "",
        view: null,
      });
    else if (name === "model") choose({ model: value, layer: layerAsDeep(value), view: null });
    else if (name === "method" || name === "digest") choose({ [name]: value, view: null });
    else if (name === "by") choose({ by: value, only: [] });
    else if (name === "saved") {
      choose({ q: value });
      find(page, { look: true });
    }
  });
  let typing = 0;
  const search = byId("find", HTMLInputElement);
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      choose({ q: search.value.trim() }, { replace: true });
      find(page);
    }, TYPING_MS);
  });
  addEventListener("popstate", () => {
    const before = page.state;
    const asked = withDataset(readMapState());
    if (asked.dataset !== before.dataset) {
      page.state = asked;
      load();
      return;
    }
    page.state = settle(asked);
    show(before);
    restoreView(page);
    restorePicked(page);
    find(page);
  });
  listenToPlaybar();
}

if (document.getElementById("choices")) {
  page.state = withDataset(page.state);
  openMap(page);
  listen();
  load();
}
