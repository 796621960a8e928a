// The map of a dataset. The state is one value and the address says it; every change goes through `choose`, and `show`
// brings the page up to it. What is on the map itself is in view.js.
import { experiments, forget, models } from "../shared/url-state.js";
import { make, number, plural } from "../shared/elements.js";
import { forgetMaps, projections } from "./data.js";
import { showFigures } from "./figures.js";
import { goTo, listenToPlaybar, showLayers } from "./layers.js";
import { inWords, showJobs, showMaking, showNothing } from "./making.js";
import { clearScene, find, openMap, restorePicked, restoreView, showOpened, showRow } from "./view.js";
import { familyOf, mapAddress, METHODS, readMapState, settled, variantsOf, writeMapState } from "./state.js";
import { watchJobs } from "../jobs/watch.js";

const atlas = document.getElementById("atlas");
const at = (id) => document.getElementById(id);
const GLIDE_MS = 900;
const TYPING_MS = 250;

/** All that is shown: `family` are the maps of all layers of the chosen network, `row` that of the chosen layer. */
const page = {
  state: null,
  staff: "staff" in atlas.dataset,
  networks: [],
  rows: [],
  experiments: [],
  family: [],
  row: null,
  jobs: [],
  choose,
  fail,
};
let stopWatching = null;

// --- state ------------------------------------------------------------------------------------

/** Change some of the state; `replace` for what is no step one would go back to, `focus` where a picture was opened. */
function choose(changes, { replace = false, focus = false } = {}) {
  const before = page.state;
  page.state = { ...before, ...changes };
  const elsewhere = page.state.dataset !== before.dataset;
  if (!elsewhere) page.state = settle(page.state);
  writeMapState(page.state, { replace });
  if (elsewhere) load();
  else show(before, { focus });
}

const settle = (state) => settled(state, page.rows, page.networks, atlas.dataset.defaultModel);

const titleOf = (model) => page.networks.find((network) => network.name === model)?.title ?? model;

/** The layer of another network that lies as deep among its layers as the chosen one among its own. */
function layerAsDeep(model) {
  const family = familyOf(page.rows, { ...page.state, model });
  return family.find((row) => row.layer_position === page.row?.layer_position)?.layer ?? "";
}

function fail(error) {
  if (error.name !== "ApiError") throw error;
  at("failure").textContent = error.message;
  at("failure").hidden = false;
}

// --- loading ----------------------------------------------------------------------------------

/** Fetch what there is of the dataset of the state, show it, and watch what is being computed. */
async function load() {
  const { dataset } = page.state;
  stopWatching?.();
  clearScene();
  forgetMaps();
  at("failure").hidden = true;
  try {
    const [networks, rows, computed] = await Promise.all([
      models(),
      projections(dataset),
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

async function jobsChanged(jobs, progressed) {
  const { dataset } = page.state;
  page.jobs = jobs;
  showJobs(jobs);
  if (progressed) {
    const rows = await projections(dataset).catch(() => page.rows);
    forget(dataset);
    const computed = await experiments(dataset).catch(() => page.experiments);
    if (page.state.dataset !== dataset) return;
    Object.assign(page, { rows, experiments: computed });
    page.state = settle(page.state);
  }
  show(page.state);
}

// --- what is shown ----------------------------------------------------------------------------

/** Bring the page up to the state; `before` is the one it showed, null for none. */
function show(before, { focus = false } = {}) {
  const { state } = page;
  const last = page.row;
  page.family = familyOf(page.rows, state);
  page.row = page.family.find((row) => row.layer === state.layer) ?? null;
  showControls();
  at("nothing").hidden = Boolean(page.row);
  at("stage").hidden = at("more").hidden = !page.row;
  if (!page.row) {
    showMissing();
    return;
  }
  showAbout();
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

/** Whether two maps are of the same layers, so that the points can glide from one to the other. */
const same = (one, other) =>
  one.method === other.method &&
  one.model === other.model &&
  one.digest === other.digest &&
  one.pooling === other.pooling;

const sameNames = (one, other) =>
  one.length === other.length && one.every((name, number) => name === other[number]);

/** Show a layer that the player asks for. */
function playTo(row, { duration }) {
  page.state = { ...page.state, layer: row.layer };
  page.row = row;
  writeMapState(page.state, { replace: true });
  showAbout();
  return showRow(page, { duration });
}

const addressOfLayer = (row) => mapAddress({ ...page.state, layer: row.layer });

/** Show everything about the chosen map but the map itself. */
function showAbout() {
  const { family, row, state } = page;
  const layers = page.networks.find((network) => network.name === row.model)?.layers ?? [];
  showLayers({ family, layers, row, show: playTo, failed: fail, address: addressOfLayer });
  showFigures({
    family,
    row,
    total: Math.max(layers.length, family.length),
    address: addressOfLayer,
    choose: goTo,
  });
  showMaking({ row, state, staff: page.staff, started });
  const scored = page.experiments.some(
    (one) =>
      one.metric === "cosine" &&
      one.weighted_precision !== null &&
      ["model", "layer", "pooling"].every((name) => one[name] === row[name]),
  );
  const score = at("choices").querySelector('[name="by"][value="score"]');
  score.disabled = !scored;
  score.title = scored ? "" : "No experiment with these features and the metric cosine has been computed";
  const sample =
    row.fitted < row.count
      ? ` Fitted on ${plural(row.fitted, "picture")} of ${number(row.count)}, which cover all; the others were placed on it.`
      : "";
  at("summary").textContent =
    `${plural(row.count, "picture")} by ${METHODS[row.method]} of ${titleOf(row.model)}.${sample}`;
  document.title = `${METHODS[row.method]} of ${at("choices").elements.dataset.selectedOptions[0]?.text ?? row.dataset} · Embedding visualization · semsearch`;
  showStale(row);
}

function showStale(row) {
  const shown = at("notices").querySelector("[data-stale]");
  if (!row.stale) shown?.remove();
  if (!row.stale || shown) return;
  const how = page.staff ? "Compute it again below: new pictures" : "When it is made again, new pictures";
  const words = `Pictures were added, removed or relabelled since this map was made. ${how} are placed without moving the old.`;
  at("notices").prepend(make("p", { class: "notice plain", "data-stale": "" }, make("span", {}, words)));
}

function showControls() {
  const { state } = page;
  const { dataset, model, digest, q } = at("choices").elements;
  dataset.value = state.dataset;
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
  at("variant").hidden = variants.length < 2;
  digest.replaceChildren(
    ...variants.map((variant) => new Option(inWords(variant.parameters), variant.digest)),
  );
  digest.value = page.family[0]?.digest ?? "";
  if (document.activeElement !== q) q.value = state.q;
  for (const radio of at("choices").querySelectorAll('[name="method"]'))
    radio.checked = radio.value === state.method;
}

function showMissing() {
  const { state } = page;
  clearScene();
  at("notices").querySelector("[data-stale]")?.remove();
  const others = new Map(
    page.rows.map((row) => [
      `${row.method} ${row.model}`,
      { method: row.method, model: row.model, title: titleOf(row.model) },
    ]),
  );
  const images = Number(at("choices").elements.dataset.selectedOptions[0]?.dataset.images);
  at("summary").textContent =
    "Every picture is a point; pictures that a network sees as alike lie side by side.";
  showNothing({
    state,
    title: titleOf(state.model),
    pictures: images,
    jobs: page.jobs,
    others: [...others.values()],
    staff: page.staff,
    started,
    choose: ({ method, model }) => choose({ method, model, view: null }),
  });
}

/** Staff began to compute a map: it is what is looked at from now on. */
function started(jobs) {
  page.jobs = jobs;
  showJobs(jobs);
  at("notices").scrollIntoView({ block: "nearest" });
  stopWatching?.();
  stopWatching = watchJobs(
    page.state.dataset,
    (now, progressed) => jobsChanged(now, progressed || !now.length),
    ["project"],
  );
  if (!page.row) show(page.state);
}

// --- listening --------------------------------------------------------------------------------

function listen() {
  const form = at("choices");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    find(page, { look: true });
  });
  form.addEventListener("change", ({ target: { name, value } }) => {
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
  });
  let typing = 0;
  at("find").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      choose({ q: at("find").value.trim() }, { replace: true });
      find(page);
    }, TYPING_MS);
  });
  addEventListener("popstate", () => {
    const before = page.state;
    const asked = readMapState();
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

if (at("choices")) {
  page.state = readMapState();
  page.state.dataset ||= at("choices").elements.dataset.value;
  openMap(page);
  listen();
  load();
}
