// The leaderboard: what the address says, what the server knows, and the views that show it stay the same thing.
import { call } from "../shared/api.js";
import {
  addressOf,
  best as bestOf,
  experiments,
  forget,
  linkSections,
  METRICS,
  models,
  percent,
  POOLINGS,
  readState,
  SCORES,
  writeState,
} from "../shared/url-state.js";
import { make, number, plural } from "../shared/elements.js";
import { linkViews } from "./card.js";
import { forgetDetails, showChosen } from "./chosen.js";
import { called, COSTS, front, named, SHORT_SCORES } from "./figures.js";
import { chooseCell, showHeat, showScale, walkHeat } from "./heat.js";
import { watchJobs } from "../jobs/watch.js";
import { showComputing, showNothing, showNotices } from "./notices.js";
import { choosePoint, showScatter, walkScatter } from "./scatter.js";
import { showJob } from "./promote.js";
import { showSegments } from "./segments.js";
import { chooseRow, readSort, showTable, sortText, turned } from "./table.js";

const at = (id) => document.getElementById(id);
const form = at("choices");
const answers = new Map();
const VIEWS = ["heat", "scatter", "table"];
const LONG_FROM = 6; // networks: from here the heat map is longer than the scatter
let state = null; // what shared/url-state.js shares, with score, cost and sort
let rows = [];
let titles = new Map(); // network -> how people call it
let chosen = null;
let jobs = [];
let indexes = []; // of the dataset; one is live
let stopWatching = () => {};
let asking = 0;

// --- the address ----------------------------------------------------------------------------------

function readAddress() {
  const asked = new URLSearchParams(location.search);
  const offered = [...form.elements.dataset.options].map((option) => option.value);
  const shared = readState();
  state = {
    ...shared,
    dataset: offered.includes(shared.dataset) || shared.dataset ? shared.dataset : offered[0],
    score: asked.get("score") in SCORES ? asked.get("score") : "weighted_precision",
    cost: asked.get("cost") in COSTS ? asked.get("cost") : "extract_ms",
    sort: readSort(asked.get("sort")),
  };
}

const extra = () => ({
  score: state.score === "weighted_precision" ? "" : state.score,
  cost: state.cost === "extract_ms" ? "" : state.cost,
  sort: state.sort ? sortText(state.sort) : "",
});

const link = (row) =>
  addressOf(
    { ...state, model: row.model, layer: row.layer, pooling: row.pooling, metric: row.metric },
    { extra: extra() },
  );

function remember({ replace = false } = {}) {
  writeState(state, { replace, extra: extra() });
  linkSections(state);
}

// --- what the server knows ------------------------------------------------------------------------

async function leaderboard() {
  const asked = new URLSearchParams({
    dataset: state.dataset,
    metric: state.metric,
    pooling: state.pooling,
    score: state.score,
  });
  const address = `/api/v1/experiments/leaderboard/?${asked}`;
  if (!answers.has(address)) {
    const answer = call(address);
    answers.set(address, answer);
    answer.catch(() => answers.delete(address));
  }
  at("csv").href = `${address}&format=csv`;
  return answers.get(address);
}

function offer(known) {
  const having = (name, among) => [...new Set(among.map((row) => row[name]))];
  const metrics = Object.keys(METRICS).filter((metric) => known.some((row) => row.metric === metric));
  if (!metrics.includes(state.metric)) state.metric = metrics[0];
  const poolings = having(
    "pooling",
    known.filter((row) => row.metric === state.metric),
  );
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

const segments = (name, options) =>
  showSegments(document.querySelector(`[data-segments="${name}"]`), options, state[name]);

/** Ask for what the state says and show it; `refresh` asks again for what is known already. */
async function load({ refresh = false } = {}) {
  asking += 1;
  const mine = asking;
  if (refresh) {
    answers.clear();
    forget(state.dataset);
    forgetDetails();
  }
  at("failure").hidden = true;
  try {
    const indexed = call(`/api/v1/indexes/?page_size=500&dataset=${encodeURIComponent(state.dataset)}`);
    const [known, networks, there] = await Promise.all([experiments(state.dataset), models(), indexed]);
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
    rows = answer.rows.map((row) => ({ ...row, baseline: baselines.has(row.model) }));
    show(known);
  } catch (error) {
    if (mine !== asking) return;
    at("failure").textContent = error.message;
    at("failure").hidden = false;
    at("found").hidden = true;
    if (error.name !== "ApiError") throw error;
  }
}

// --- showing --------------------------------------------------------------------------------------

const datasetShown = () => ({
  slug: state.dataset,
  name: form.elements.dataset.selectedOptions[0]?.text ?? state.dataset,
});
const labelled = () => rows.some((row) => row[state.score] !== null);
const best = () => (labelled() ? rows[0] : null);

function showEmpty() {
  rows = [];
  at("found").hidden = true;
  for (const name of ["score", "metric", "pooling"]) segments(name, []);
  showNotices(at("notices"), []);
  showNothing(at("nothing"), {
    dataset: datasetShown(),
    jobs,
    staff: "staff" in at("board").dataset,
    started: watch,
  });
}

function show(known) {
  at("nothing").hidden = true;
  at("found").hidden = false;
  markFront();
  const asked = rows.find((row) => row.model === state.model && row.layer === state.layer);
  chosen = asked ?? (labelled() ? rows[0] : bestOf(rows));
  for (const view of ["heat-panel", "scatter-panel"]) at(view).hidden = !labelled();
  at("found").toggleAttribute("data-unlabelled", !labelled());
  at("found").toggleAttribute("data-long", new Set(rows.map((row) => row.model)).size > LONG_FROM);
  if (labelled())
    showScale(at("heat-scale"), {
      score: state.score,
      ...showHeat(at("heat"), rows, { score: state.score, chosen: chosen.experiment }),
    });
  drawScatter();
  drawTable();
  showSummary();
  const inView = known.filter((row) => row.metric === state.metric && row.pooling === state.pooling);
  showNotices(at("notices"), [
    labelled()
      ? ""
      : "The pictures of this dataset have no labels, so there is nothing to tell right from wrong by: only sizes and times are shown.",
    inView.some((row) => row.stale)
      ? "Pictures were added, removed or relabelled since these were computed. Their update is on the Explore page."
      : "",
  ]);
  detail();
  remember({ replace: true });
}

function markFront() {
  const onFront = front(rows, state.score, state.cost);
  for (const row of rows) row.front = onFront.has(row);
  for (const row of rows) row.best = row === best();
}

function drawScatter() {
  if (!labelled()) return;
  const left = showScatter(at("scatter"), rows, {
    score: state.score,
    cost: state.cost,
    chosen: chosen.experiment,
  });
  const words = ["The line is the Pareto front: on it, nothing is both better and cheaper."];
  if (rows.some((row) => row.baseline)) words.push("Diamonds are baselines.");
  if (left) words.push(`${plural(left, "configuration")} without a measured cost left out.`);
  at("scatter-words").textContent = words.join(" ");
}

const sorting = () =>
  state.sort ??
  (labelled() ? { key: state.score, direction: -1 } : { key: "bytes_per_vector", direction: 1 });

function drawTable() {
  showTable(at("table"), rows, {
    sort: sorting(),
    chosen: chosen.experiment,
    link,
    scores: labelled(),
    best: best(),
  });
  at("table-count").textContent = number(rows.length);
}

/** Return the words for the configuration of an index, which need not be that of an experiment. */
function specWords({ model, layer, pooling, dims, reduction }) {
  return `${titles.get(model) ?? model}, ${layer}, ${pooling}${reduction ? `, reduced to ${number(dims)}` : ""}`;
}

/** Return in words what answers live searches now, or "" where nothing does. */
function liveWords() {
  const row = rows.find((one) => one.live);
  const live = indexes.find((index) => index.live);
  if (row) return called(row);
  return live ? specWords(live.spec) : "";
}

function showSummary() {
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
  if (best()) parts.push(line("Best", called(best()), best()));
  if (liveWords())
    parts.push(
      line(
        "Live now",
        liveWords(),
        rows.find((row) => row.live),
      ),
    );
  const switchable = indexes.filter((index) => !index.live && index.generation);
  if (switchable.length && "staff" in at("board").dataset)
    parts.push(line("Switch back to", earlierButtons(switchable)));
  at("summary").replaceChildren(...parts);
}

/** Return a button for each index that live search could be switched back to. */
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
        const job = await call(`/api/v1/indexes/${index.id}/promote/`, { method: "POST" });
        showJob(at("chosen").querySelector(".chosen-live"), state.dataset, job, { done: switched });
      } catch (error) {
        at("failure").textContent = error.message;
        at("failure").hidden = false;
        button.disabled = false;
      }
    });
    list.append(button);
  }
  return list;
}

function detail() {
  showChosen(at("chosen"), chosen, {
    state,
    score: state.score,
    best: best(),
    count: rows.length,
    dataset: datasetShown(),
    live: liveWords(),
    jobs,
    link,
    done: switched,
  });
}

function switched(job) {
  if (job.state === "succeeded") {
    at("status").textContent = `Live search in ${datasetShown().name} was switched.`;
    load({ refresh: true });
  } else watch();
}

function choose(id) {
  const row = rows.find((one) => one.experiment === id);
  if (!row) return;
  chosen = row;
  state = { ...state, model: row.model, layer: row.layer };
  chooseCell(at("heat"), id);
  choosePoint(at("scatter"), id);
  chooseRow(at("table"), id);
  at("status").textContent = `${called(row)} chosen${labelled() ? `, ${percent(row[state.score])}` : ""}.`;
  remember();
  detail();
}

// --- the controls ---------------------------------------------------------------------------------

function watch() {
  stopWatching();
  const slug = state.dataset;
  stopWatching = watchJobs(slug, (active, progressed) => {
    if (slug !== state.dataset) return;
    jobs = active;
    showComputing(
      at("notices"),
      jobs.filter((job) => job.kind === "experiment"),
    );
    if (progressed) load({ refresh: true });
    else if (rows.length) detail();
    else if (!at("nothing").hidden) showEmpty();
  });
}

function changed(event) {
  const { name, value } = event.target;
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

function clicked(event) {
  const sorter = event.target.closest("[data-sort]");
  if (sorter) {
    state = { ...state, sort: turned(sorting(), sorter.dataset.sort) };
    remember({ replace: true });
    drawTable();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.target.closest(".actions"))
    return;
  const metric = event.target.closest("[data-choose-metric]")?.dataset.chooseMetric;
  const row = event.target.closest("[data-experiment]");
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
  form.elements.dataset.value = state.dataset;
  watch();
  load();
}

if (form) {
  for (const part of [form, at("cost")]) part.addEventListener("change", changed);
  for (const part of [form, at("cost")]) part.addEventListener("submit", (event) => event.preventDefault());
  at("found").addEventListener("click", clicked);
  walkHeat(at("heat"), choose);
  walkScatter(at("scatter"), choose);
  linkViews(VIEWS.map(at), (id) => rows.find((row) => String(row.experiment) === id));
  addEventListener("popstate", restore);
  let width = 0;
  new ResizeObserver(([entry]) => {
    if (Math.abs(entry.contentRect.width - width) < 1) return;
    width = entry.contentRect.width;
    if (rows.length) drawScatter();
  }).observe(at("scatter"));
  restore();
}
