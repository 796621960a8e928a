// The leaderboard: what the address says, what the server knows, and the views that show it stay the same
// thing.
/** @import { Experiment, FeatureSpec, Job } from "../shared/types.js" */
/** @import { Leaderboard, LeaderboardRow, Page, SearchIndex } from "../shared/types.js" */
/** @import { BoardRow, BoardState, Sort } from "./types.js" */
import { showComputing } from "../jobs/computing.js";
import { showsNow } from "../explain/screen.js";
import { watchJobs } from "../jobs/watch.js";
import { call } from "../shared/api.js";
import { byId, closest, elementIn, hasModifier, hasOption, make } from "../shared/elements.js";
import {
  best as bestOf,
  everyNetwork,
  experiments,
  forget,
  METRICS,
  POOLINGS,
  SCORE_NAMES,
} from "../shared/experiments/experiments.js";
import { fail, hideFailure } from "../shared/failure.js";
import { number, percent, plural } from "../shared/format.js";
import { once } from "../shared/once.js";
import { recommendation } from "../shared/experiments/recommendation.js";
import {
  addressOf,
  configurationOf,
  linkSections,
  readState,
  writeState,
} from "../shared/experiments/url-state.js";
import { linkViews } from "./card.js";
import { forgetDetails, showChosen } from "./chosen.js";
import { called, COSTS, front, named, SHORT_SCORES } from "./figures.js";
import { chooseCell, showHeat, showScale, walkHeat } from "./heat.js";
import { showNothing, showNotices } from "./notices.js";
import { showJob } from "./promote.js";
import { choosePoint, showScatter, walkScatter } from "./scatter.js";
import { showSegments } from "./segments.js";
import { chooseRow, readSort, showTable, sortText, turned } from "./table.js";
import { siteAddress } from "../shared/site.js";

const form = document.getElementById("choices");
/** @type {Map<string, Promise<any>>} */
const answers = new Map();
const VIEWS = ["heat", "scatter", "table"];
const LONG_FROM = 6; // networks: from here the heat map is longer than the scatter
let state = readBoardState(); // what shared/experiments/url-state.js shares, with score, cost and sort
/** @type {BoardRow[]} */
let rows = [];
/** @type {BoardRow | null} */
let live = null; // what answers live searches; where it is none of the rows, a line of the table all the same
/** @type {Map<string, string>} */
let titles = new Map(); // network -> how people call it
/** @type {BoardRow | null} */
let chosen = null;
/** @type {Job[]} */
let jobs = [];
/** @type {SearchIndex[]} */
let indexes = []; // of the dataset; one is live
let stopWatching = () => {};
let asking = 0;

// --- the address ----------------------------------------------------------------------------------

/** @returns {BoardState} */
function readBoardState() {
  const asked = new URLSearchParams(location.search);
  return {
    ...readState(),
    score: SCORE_NAMES.find((name) => name === asked.get("score")) ?? "weighted_precision",
    cost: asked.get("cost") === "bytes_per_vector" ? "bytes_per_vector" : "extract_ms",
    sort: readSort(asked.get("sort")),
  };
}

const datasetSelect = () => elementIn(byId("choices"), 'select[name="dataset"]', HTMLSelectElement);

function readAddress() {
  state = readBoardState();
  if (!hasOption(datasetSelect(), state.dataset)) state.dataset = datasetSelect().options[0].value;
}

const extra = () => ({
  score: state.score === "weighted_precision" ? "" : state.score,
  cost: state.cost === "extract_ms" ? "" : state.cost,
  sort: state.sort ? sortText(state.sort) : "",
});

/** @param {BoardRow} row */
const link = (row) => addressOf({ ...state, ...configurationOf(row) }, { extra: extra() });

function remember({ replace = false } = {}) {
  writeState(state, { replace, extra: extra() });
  linkSections(state);
}

// --- what the server knows ------------------------------------------------------------------------

/** @returns {Promise<Leaderboard>} */
async function leaderboard() {
  const asked = new URLSearchParams({
    dataset: state.dataset,
    metric: state.metric,
    pooling: state.pooling,
    score: state.score,
  });
  const address = siteAddress(`/api/v1/experiments/leaderboard/?${asked}`);
  byId("csv", HTMLAnchorElement).href = `${address}&format=csv`;
  return once(answers, address, () => call(address));
}

/**
 * Return what live search could use, whatever its pooling: what it does use is among it once it is measured.
 * @returns {Promise<Leaderboard>}
 */
function everyPooling() {
  const asked = new URLSearchParams({ dataset: state.dataset, metric: "cosine", score: state.score });
  const address = siteAddress(`/api/v1/experiments/leaderboard/?${asked}`);
  return once(answers, address, () => call(address));
}

/** @param {Experiment[]} known */
function offer(known) {
  const metrics = Object.keys(METRICS).filter((metric) => known.some((row) => row.metric === metric));
  if (!metrics.includes(state.metric)) state.metric = metrics[0];
  const ofMetric = known.filter((row) => row.metric === state.metric);
  const poolings = [...new Set(ofMetric.map((row) => row.pooling))];
  if (!poolings.includes(state.pooling))
    state.pooling = poolings.includes("average") ? "average" : poolings[0];
  const labelled = known.some((row) => row.weighted_precision !== null);
  segments("score", labelled ? Object.entries(SHORT_SCORES) : []);
  segments(
    "metric",
    metrics.map((metric) => [metric, METRICS[metric]]),
  );
  segments(
    "pooling",
    poolings.map((pooling) => [pooling, named(POOLINGS, pooling)]),
  );
  segments(
    "cost",
    Object.entries(COSTS).map(([value, { name }]) => [value, name]),
  );
}

/**
 * @param {"score" | "metric" | "pooling" | "cost"} name
 * @param {[value: string, text: string][]} options
 */
const segments = (name, options) =>
  showSegments(elementIn(document, `[data-segments="${name}"]`), options, state[name]);

/** Ask for what the state says and show it; `refresh` asks again for what is known already. */
async function load({ refresh = false } = {}) {
  asking += 1;
  const mine = asking;
  if (refresh) {
    answers.clear();
    forget(state.dataset);
    forgetDetails();
  }
  hideFailure();
  try {
    /** @type {Promise<Page<SearchIndex>>} */
    const indexed = call(
      siteAddress(`/api/v1/indexes/?page_size=500&dataset=${encodeURIComponent(state.dataset)}`),
    );
    const [known, networks, there] = await Promise.all([experiments(state.dataset), everyNetwork(), indexed]);
    if (mine !== asking) return;
    indexes = there.results;
    if (!known.length) {
      showEmpty();
      return;
    }
    offer(known);
    const answer = await leaderboard();
    if (mine !== asking) return;
    titles = new Map(networks.map((network) => [network.name, network.title]));
    const baselines = new Set(networks.filter((network) => network.baseline).map((network) => network.name));
    /**
     * @param {LeaderboardRow} row
     * @param {boolean} apart
     * @returns {BoardRow}
     */
    const ofBoard = (row, apart) => ({
      ...row,
      baseline: baselines.has(row.model),
      front: false,
      best: false,
      apart,
    });
    rows = answer.rows.map((row) => ofBoard(row, false));
    live = rows.find((row) => row.live) ?? null;
    const apart = live ? undefined : (await everyPooling()).rows.find((row) => row.live);
    if (mine !== asking) return;
    if (apart) live = ofBoard(apart, true);
    show(known);
  } catch (error) {
    if (mine !== asking) return;
    byId("found").hidden = true;
    fail(error);
  }
}

// --- showing --------------------------------------------------------------------------------------

const datasetShown = () => ({
  slug: state.dataset,
  name: datasetSelect().selectedOptions[0]?.text ?? state.dataset,
});
const labelled = () => rows.some((row) => row[state.score] !== null);
const lines = () => (live?.apart ? [...rows, live] : rows);
const best = () => (labelled() ? rows[0] : null);

function showEmpty() {
  rows = [];
  live = null;
  byId("found").hidden = true;
  for (const name of /** @type {const} */ (["score", "metric", "pooling"])) segments(name, []);
  showNotices(byId("notices"), []);
  showNothing(byId("nothing"), {
    dataset: datasetShown(),
    jobs,
    mayCompute: "mayCompute" in byId("board").dataset,
    started: watch,
  });
}

/** @param {Experiment[]} known */
function show(known) {
  byId("nothing").hidden = true;
  byId("found").hidden = false;
  markFront();
  const asked = lines().find((row) => row.model === state.model && row.layer === state.layer);
  chosen = asked ?? (labelled() ? rows[0] : bestOf(rows));
  if (!chosen) return;
  for (const view of ["heat-panel", "scatter-panel"]) byId(view).hidden = !labelled();
  byId("found").toggleAttribute("data-unlabelled", !labelled());
  byId("found").toggleAttribute("data-long", new Set(rows.map((row) => row.model)).size > LONG_FROM);
  if (labelled())
    showScale(
      byId("heat-scale"),
      showHeat(byId("heat"), rows, { score: state.score, chosen: chosen.experiment }),
    );
  drawScatter();
  drawTable();
  showSummary();
  const inView = known.filter((row) => row.metric === state.metric && row.pooling === state.pooling);
  showNotices(byId("notices"), [
    labelled()
      ? null
      : [
          "The images of this dataset have no labels, so there is nothing to tell right from wrong by: only sizes and times are shown.",
        ],
    inView.some((row) => row.stale)
      ? [
          "Images were added, removed or relabelled since these were computed. ",
          make(
            "a",
            { href: addressOf(state, { path: byId("board").dataset.explore }) },
            "Update them on the Explore page",
          ),
        ]
      : null,
  ]);
  detail();
  remember({ replace: true });
  tell(known);
}

/**
 * Tell those who explain what is on the screen.
 * @param {Experiment[]} known
 */
async function tell(known) {
  const networks = await everyNetwork();
  const network = networks.find((one) => one.name === chosen?.model) ?? null;
  const baselines = new Set(networks.filter((one) => one.baseline).map((one) => one.name));
  showsNow({
    network,
    layer: network?.layers.find((one) => one.name === chosen?.layer) ?? null,
    pooling: chosen?.pooling ?? "",
    metric: chosen?.metric ?? "",
    rows: known.filter((row) => !baselines.has(row.model)),
    score: state.score,
  });
}

function markFront() {
  const onFront = front(rows, state.score, state.cost);
  for (const row of rows) row.front = onFront.has(row);
  for (const row of rows) row.best = row === best();
}

function drawScatter() {
  if (!chosen || !labelled()) return;
  const left = showScatter(byId("scatter"), rows, {
    score: state.score,
    cost: state.cost,
    chosen: chosen.experiment,
  });
  const words = ["The line is the Pareto front: on it, nothing is both better and cheaper."];
  if (rows.some((row) => row.baseline)) words.push("Diamonds are baselines.");
  if (left) words.push(`${plural(left, "configuration")} without a measured cost left out.`);
  byId("scatter-words").textContent = words.join(" ");
}

/** @returns {Sort} */
const sorting = () =>
  state.sort ??
  (labelled() ? { key: state.score, direction: -1 } : { key: "bytes_per_vector", direction: 1 });

function drawTable() {
  if (!chosen) return;
  showTable(byId("table"), lines(), {
    sort: sorting(),
    chosen: chosen.experiment,
    link,
    scores: labelled(),
    best: best(),
  });
  byId("table-count").textContent = number(lines().length);
}

/**
 * Return the words for the configuration of an index, which need not be that of an experiment.
 * @param {FeatureSpec} spec
 */
function specWords({ model, layer, pooling, dims, reduction }) {
  const reduced = reduction ? `, reduced to ${number(dims)}` : "";
  return `${titles.get(model) ?? model}, ${layer}, ${pooling}${reduced}`;
}

/** Return in words what answers live searches now, or "" where nothing does. */
function liveWords() {
  const index = indexes.find((one) => one.live);
  if (live && !live.apart) return called(live);
  return index ? specWords(index.spec) : "";
}

function showSummary() {
  /**
   * @param {string} name
   * @param {string | Node} words
   * @param {BoardRow} [row]
   */
  const line = (name, words, row) =>
    make(
      "div",
      {},
      make("dt", {}, name),
      make(
        "dd",
        {},
        words,
        row && row[state.score] !== null
          ? make("b", { class: "number" }, ` ${percent(row[state.score])}`)
          : null,
      ),
    );
  const parts = [];
  const top = best();
  if (top) parts.push(line("Best", called(top), top));
  const advised = recommendation(
    rows.filter((row) => !row.baseline),
    state.score,
  );
  if (advised && advised.taken !== advised.best && advised.saved >= 0.05)
    parts.push(
      line(
        "As good, and cheaper",
        `${called(/** @type {BoardRow} */ (advised.taken))}, ${Math.round(100 * advised.saved)} % less time`,
        /** @type {BoardRow} */ (advised.taken),
      ),
    );
  if (liveWords()) parts.push(line("Live now", liveWords(), live ?? undefined));
  const switchable = indexes.filter((index) => !index.live);
  if (switchable.length && "mayPromote" in byId("board").dataset)
    parts.push(line("Switch back to", earlierButtons(switchable)));
  byId("summary").replaceChildren(...parts);
}

/**
 * Return a button for each index that live search could be switched back to.
 * @param {SearchIndex[]} switchable
 */
function earlierButtons(switchable) {
  const list = make("span", { class: "board-earlier" });
  for (const index of switchable) {
    const button = make(
      "button",
      { type: "button", class: "button", "data-index": index.id },
      specWords(index.spec),
    );
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        /** @type {Job} */
        const job = await call(siteAddress(`/api/v1/indexes/${index.id}/promote/`), { method: "POST" });
        showJob(elementIn(byId("chosen"), ".chosen-live"), state.dataset, job, { done: switched });
      } catch (error) {
        button.disabled = false;
        fail(error);
      }
    });
    list.append(button);
  }
  return list;
}

function detail() {
  if (!chosen) return;
  showChosen(byId("chosen"), chosen, {
    state,
    score: state.score,
    best: best(),
    count: rows.length,
    dataset: datasetShown(),
    live: liveWords(),
    liveRow: live,
    jobs,
    link,
    done: switched,
  });
}

/** @param {Job} job */
function switched(job) {
  if (job.state === "succeeded") {
    byId("status").textContent = `Live search in ${datasetShown().name} was switched.`;
    load({ refresh: true });
  } else watch();
}

/** @param {number} id */
function choose(id) {
  const row = lines().find((one) => one.experiment === id);
  if (!row) return;
  chosen = row;
  state = { ...state, model: row.model, layer: row.layer };
  chooseCell(byId("heat"), id);
  choosePoint(byId("scatter"), id);
  chooseRow(byId("table"), id);
  byId("status").textContent = `${called(row)} chosen${labelled() ? `, ${percent(row[state.score])}` : ""}.`;
  remember();
  detail();
  experiments(state.dataset).then(tell, () => {});
}

// --- the controls ---------------------------------------------------------------------------------

function watch() {
  stopWatching();
  const slug = state.dataset;
  stopWatching = watchJobs(slug, (active, progressed) => {
    if (slug !== state.dataset) return;
    jobs = active;
    showComputing(
      byId("notices"),
      jobs.filter((job) => job.kind === "experiment"),
    );
    if (progressed) load({ refresh: true });
    else if (rows.length) detail();
    else if (!byId("nothing").hidden) showEmpty();
  });
}

/** @param {Event} event */
function changed(event) {
  const { target } = event;
  if (!(target instanceof HTMLInputElement || target instanceof HTMLSelectElement)) return;
  const { name, value } = target;
  if (!(name in state)) return;
  state = { ...state, [name]: value };
  if (name === "dataset") {
    state = { ...state, image: null };
    jobs = [];
    watch();
  }
  remember();
  if (name === "cost") {
    markFront();
    drawScatter();
    drawTable();
    detail();
  } else load();
}

/** @param {MouseEvent} event */
function clicked(event) {
  const sorter = closest(event, "[data-sort]");
  if (sorter) {
    state = { ...state, sort: turned(sorting(), sorter.dataset.sort ?? "") };
    remember({ replace: true });
    drawTable();
    return;
  }
  if (hasModifier(event) || closest(event, ".actions")) return;
  const metric = closest(event, "[data-choose-metric]")?.dataset.chooseMetric;
  const row = closest(event, "[data-experiment]");
  if (metric) {
    event.preventDefault();
    state = { ...state, metric };
    remember();
    load();
  } else if (row) {
    event.preventDefault();
    choose(Number(row.dataset.experiment));
  }
}

function restore() {
  readAddress();
  datasetSelect().value = state.dataset;
  watch();
  load();
}

if (form) {
  for (const part of [form, byId("cost")]) part.addEventListener("change", changed);
  for (const part of [form, byId("cost")]) part.addEventListener("submit", (event) => event.preventDefault());
  byId("found").addEventListener("click", clicked);
  walkHeat(byId("heat"), choose);
  walkScatter(byId("scatter"), choose);
  linkViews(
    VIEWS.map((id) => byId(id)),
    (id) => lines().find((row) => String(row.experiment) === id),
  );
  addEventListener("popstate", restore);
  let width = 0;
  new ResizeObserver(([entry]) => {
    if (Math.abs(entry.contentRect.width - width) < 1) return;
    width = entry.contentRect.width;
    if (rows.length) drawScatter();
  }).observe(byId("scatter"));
  restore();
}
