// Compare: one query, two configurations; the address, the choices and what is shown stay the same thing.
/** @import { Configuration, Experiment, Found, ImageSummary, Job, Network } from "../shared/types.js" */
/** @import { Side, SideResult } from "./types.js" */
import { showComputing } from "../jobs/computing.js";
import { watchJobs } from "../jobs/watch.js";
import { byId, closest, elementIn, hasModifier, hasOption, isPlainClick, make } from "../shared/elements.js";
import { neighboursIn, shownImage, showsNow } from "../explain/screen.js";
import {
  best,
  everyNetwork,
  experiments,
  forget,
  match,
  ofImage,
} from "../shared/experiments/experiments.js";
import { fail, hideFailure } from "../shared/failure.js";
import { percent, plural } from "../shared/format.js";
import {
  addressOf,
  CONFIGURATION,
  configurationOf,
  linkSections,
  readConfiguration,
  readState,
  same,
  writeState,
} from "../shared/experiments/url-state.js";
import { typed } from "../shared/site.js";
import { drawLinks, showList } from "./lists.js";
import { common, foundBy } from "./results.js";
import { showChoice, showHead } from "./sides.js";
import { Strip } from "./strip.js";

const form = document.getElementById("asked");
/**
 * @param {string} kind
 * @param {Side} side
 */
const part = (kind, side) => elementIn(byId("found"), `.${kind}[data-side="${side}"]`);
const SIDES = /** @type {const} */ ({ a: "b", b: "a" }); // with the opposite one
/** @type {Record<string, number>} */
const STEPS = { ArrowLeft: -1, ArrowRight: 1 };
let state = readState(); // what the address says of dataset, image, k, order, and of A
let other = readConfiguration(); // of B
/** @type {Experiment[]} */
let rows = [];
/** @type {Network[]} */
let networks = [];
/** @type {Record<Side, Experiment> | null} */
let compared = null;
/** @type {Set<number>} */
let both = new Set();
let asking = 0;
/** @type {Job[]} */
let jobs = []; // that compute experiments of the dataset
/** @type {string | null} */
let watched = null;
let stopWatching = () => {};

/** @type {Strip | null} */
let strip = null;

/** @param {string} name */
const selectOf = (name) => elementIn(byId("asked"), `select[name="${name}"]`, HTMLSelectElement);

function readAddress() {
  state = readState();
  other = readConfiguration();
  const [dataset, k] = [selectOf("dataset"), selectOf("k")];
  if (!hasOption(dataset, state.dataset)) state.dataset = dataset.options[0].value;
  dataset.value = state.dataset;
  if (!hasOption(k, String(state.k))) k.add(new Option(String(state.k)));
  k.value = String(state.k);
}

/**
 * Return the best other configuration: of the same leaderboard as A, where there is another.
 * @param {Experiment} row
 */
function bestBeside(row) {
  const others = rows.filter((one) => one !== row);
  const alike = others.filter((one) => one.metric === row.metric && one.pooling === row.pooling);
  return best(alike.length ? alike : others) ?? row;
}

/** @param {Configuration} wanted */
const named = (wanted) => CONFIGURATION.some((name) => wanted[name]);

/** Choose the two experiments, of which there are some. */
function settle() {
  // equal scores are common between cosine and euclidean: the one that live search can use comes first
  const cosine = rows.filter((row) => row.metric === "cosine");
  const a = (named(state) ? match(rows, state) : null) ?? best(cosine.length ? cosine : rows) ?? rows[0];
  const b = (named(other) ? match(rows, other) : null) ?? bestBeside(a);
  const found = { a, b };
  compared = found;
  state = { ...state, ...configurationOf(a) };
  other = configurationOf(b);
  return found;
}

/** Follow what is being computed of the dataset, and show it as it comes. */
function watch() {
  if (watched === state.dataset) return;
  const slug = state.dataset;
  watched = slug;
  jobs = [];
  stopWatching();
  stopWatching = watchJobs(
    slug,
    (active, progressed) => {
      if (slug !== state.dataset) return;
      jobs = active;
      showComputing(byId("notices"), jobs);
      if (progressed) {
        forget(slug);
        load();
      } else if (!byId("nothing").hidden) showNothing();
    },
    ["experiment"],
  );
}

async function load({ replace = true } = {}) {
  asking += 1;
  const mine = asking;
  hideFailure();
  watch();
  try {
    [rows, networks] = await Promise.all([experiments(state.dataset), everyNetwork()]);
    if (mine !== asking) return;
    if (!rows.length) {
      showNothing();
      return;
    }
    const found = settle();
    const first = await strip?.open(state.dataset, state.order);
    if (mine !== asking) return;
    if (state.image === null) state = { ...state, image: first?.id ?? null };
    const answer = state.image === null ? null : await ofImage(state.image);
    if (mine !== asking) return;
    if (answer) show(answer, found);
    writeState(state, { other, replace });
    linkSections(state, other);
  } catch (error) {
    if (mine !== asking) return;
    fail(error);
  }
}

function showNothing() {
  byId("found").hidden = true;
  byId("nothing").hidden = false;
  if (jobs.length) {
    const words = make(
      "p",
      { class: "muted" },
      "Two configurations can be compared as soon as there are two.",
    );
    byId("nothing").replaceChildren(
      make("div", {}, make("h2", {}, "The first experiments are being computed"), words),
    );
    return;
  }
  const command = typed(`run_experiments --dataset ${state.dataset}`);
  const explore = addressOf(state, { path: byId("compare").dataset.explore });
  byId("nothing").replaceChildren(
    make(
      "div",
      {},
      make("h2", {}, "No experiments have been computed for this dataset yet"),
      make(
        "p",
        { class: "muted" },
        "An experiment lets every image search among the others with one network, layer and distance. ",
        "Compute some on the ",
        make("a", { href: explore }, "Explore page"),
        " or on the command line:",
      ),
      make("pre", {}, make("code", {}, command)),
    ),
  );
}

/**
 * @param {Found} answer
 * @param {Record<Side, Experiment>} sides
 */
function show(answer, sides) {
  byId("nothing").hidden = true;
  byId("found").hidden = false;
  showQuery(answer.image);
  const found = { a: foundBy(answer, sides.a, state.k), b: foundBy(answer, sides.b, state.k) };
  both = common(found.a, found.b);
  for (const side of /** @type {Side[]} */ (["a", "b"])) {
    showChoice(part("side-choice", side), sides[side], rows, networks);
    showHead(part("side-head", side), side, sides[side], found[side].result, networks);
    showList(part("ranked", side), side, found[side], found[SIDES[side]], { shared: state, other });
  }
  drawLines();
  showOverlap(found, sides);
  strip?.choose(state.image);
  strip?.keepFocus();
  const network = networks.find((one) => one.name === sides.a.model) ?? null;
  showsNow({
    image: shownImage(answer.image),
    network,
    layer: network?.layers.find((one) => one.name === sides.a.layer) ?? null,
    pooling: sides.a.pooling,
    metric: sides.a.metric,
    k: state.k,
    found: neighboursIn(answer, answer.found.get(sides.a.id), state.k),
    rows,
  });
}

/** Join what both found. */
function drawLines() {
  drawLinks(byId("links", SVGSVGElement), [part("ranked", "a"), part("ranked", "b")], both);
}

/** @param {ImageSummary} image */
function showQuery(image) {
  const figure = byId("query");
  if (figure.dataset.image === String(image.id)) return;
  figure.dataset.image = String(image.id);
  const name = image.label || image.filename;
  figure.replaceChildren(
    make("img", {
      src: image.shown_url,
      alt: `Query: ${name}, ${image.filename}`,
      width: image.width,
      height: image.height,
    }),
    make(
      "figcaption",
      {},
      make("strong", {}, name),
      image.label ? make("span", { class: "small muted" }, image.filename) : null,
      make("a", { class: "small", href: image.page_url }, "Its page"),
    ),
  );
}

/**
 * @param {Record<Side, SideResult>} found
 * @param {Record<Side, Experiment>} sides
 */
function showOverlap({ a, b }, sides) {
  const shown = Math.max(a.list.length, b.list.length);
  byId("overlap").replaceChildren(
    make("strong", { class: "number" }, String(both.size)),
    make("span", { class: "small" }, make("span", { class: "of" }, "of "), String(shown)),
    make("span", { class: "small muted overlap-words" }, "in common"),
  );
  byId("overlap").title = `Both found ${both.size} of the first ${shown}`;
  const judged = [...a.list, ...b.list].some((image) => image.right !== null);
  const words = [
    "Lines join what both found; ▲ and ▼ say how many places higher or lower than on the other side.",
  ];
  if (same(sides.a, sides.b)) words.unshift("A and B are the same configuration.");
  if (judged)
    words.push(
      "The figure at the head is the weighted precision of this query; the mean is that of the dataset.",
    );
  else
    words.push(
      sides.a.weighted_precision === null
        ? "This dataset has no labels, so nothing says which result is right."
        : "This image has no label, so nothing says which result is right.",
    );
  byId("legend").textContent = words.join(" ");
  /** @param {SideResult} side */
  const score = (side) =>
    side.result?.weighted_precision == null ? "" : ` ${percent(side.result.weighted_precision * 100)}`;
  byId("status").textContent =
    `${plural(both.size, "image")} of ${shown} in common.${judged ? ` A${score(a)}, B${score(b)}.` : ""}`;
}

// --- what one does --------------------------------------------------------------------------------

/** @param {number | null} image */
function searchWith(image) {
  if (image === null || image === state.image) return;
  state = { ...state, image };
  load({ replace: false });
}

/** @param {Event} event */
function changed({ target }) {
  if (!(target instanceof HTMLSelectElement)) return;
  const { name, value, form: within } = target;
  const side = within?.dataset.side;
  if (side && compared) {
    const row = match(rows, { ...configurationOf(side === "a" ? compared.a : compared.b), [name]: value });
    if (!row) return;
    if (side === "a") state = { ...state, ...configurationOf(row) };
    else other = configurationOf(row);
  } else if (name === "dataset") {
    state = { ...state, dataset: value, image: null };
  } else state = { ...state, k: Number(value) };
  load({ replace: false });
}

function swap() {
  if (!compared) return;
  state = { ...state, ...configurationOf(compared.b) };
  other = configurationOf(compared.a);
  load({ replace: false });
}

/** @param {MouseEvent} event */
function clicked(event) {
  const link = closest(event, "a[data-image]");
  if (!link || !isPlainClick(event)) return;
  event.preventDefault();
  searchWith(Number(link.dataset.image));
}

/** @param {KeyboardEvent} event */
async function pressed(event) {
  const step = STEPS[event.key];
  if (!step || !compared || !strip || hasModifier(event)) return;
  if (closest(event, "input, select, textarea, [contenteditable]")) return;
  event.preventDefault();
  try {
    searchWith(await strip.step(state.image, step));
  } catch (error) {
    fail(error);
  }
}

/**
 * Bring out a picture on both sides, with the line between.
 * @param {Event} event
 */
function highlight(event) {
  const id =
    event.type === "pointerleave" || event.type === "focusout"
      ? null
      : closest(event, ".ranked [data-image], .links path")?.dataset.image;
  for (const element of byId("sides").querySelectorAll("[data-lit]")) element.removeAttribute("data-lit");
  byId("sides").toggleAttribute("data-lighting", Boolean(id && both.has(Number(id))));
  if (!id) return;
  for (const element of byId("sides").querySelectorAll(`li[data-image="${id}"], path[data-image="${id}"]`))
    element.setAttribute("data-lit", "");
}

function restore() {
  readAddress();
  load();
}

if (form) {
  strip = new Strip(byId("strip"), (image) => addressOf({ ...state, image }, { other }));
  for (const one of [form, part("side-choice", "a"), part("side-choice", "b")]) {
    one.addEventListener("change", changed);
    one.addEventListener("submit", (event) => event.preventDefault());
  }
  byId("swap").addEventListener("click", swap);
  byId("found").addEventListener("click", clicked);
  addEventListener("keydown", pressed);
  addEventListener("popstate", restore);
  for (const type of ["pointerover", "pointerleave", "focusin", "focusout"])
    byId("sides").addEventListener(type, highlight);
  new ResizeObserver(() => compared && drawLines()).observe(byId("sides"));
  restore();
}
