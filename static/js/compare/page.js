// Compare: one query, two configurations; the address, the choices and what is shown stay the same thing.
import {
  addressOf,
  best,
  CONFIGURATION,
  experiments,
  linkSections,
  match,
  models,
  ofImage,
  percent,
  readState,
  same,
  writeState,
} from "../shared/url-state.js";
import { common, drawLinks, foundBy, showList } from "./lists.js";
import { showChoice, showHead } from "./sides.js";
import { Strip } from "./strip.js";
import { make, plural } from "../shared/elements.js";

const at = (id) => document.getElementById(id);
const form = at("asked");
const part = (kind, side) => at("found").querySelector(`.${kind}[data-side="${side}"]`);
let state = null; // what the address says of dataset, image, k, order, and of A
let other = null; // the configuration of B
let rows = [];
let networks = [];
let sides = null; // {a, b}: the two experiments
let both = new Set();
let asking = 0;

const strip = form && new Strip(at("strip"), (image) => addressOf({ ...state, image }, { other }));

const configuration = (row) => Object.fromEntries(CONFIGURATION.map((name) => [name, row[name]]));

function readAddress() {
  state = readState();
  other = readState({ prefix: "b_" });
  if (!state.dataset) state.dataset = form.elements.dataset.options[0].value;
  const { dataset, k } = form.elements;
  dataset.value = state.dataset;
  if (![...k.options].some((option) => option.value === String(state.k))) k.add(new Option(String(state.k)));
  k.value = String(state.k);
}

/** Return the best other configuration: of the same leaderboard as A, where there is another. */
function bestBeside(row) {
  const others = rows.filter((one) => one !== row);
  const alike = others.filter((one) => one.metric === row.metric && one.pooling === row.pooling);
  return best(alike.length ? alike : others) ?? row;
}

const named = (wanted) => CONFIGURATION.some((name) => wanted[name]);

function settle() {
  // equal scores are common between cosine and euclidean: the one that live search can use comes first
  const cosine = rows.filter((row) => row.metric === "cosine");
  const a = (named(state) ? match(rows, state) : null) ?? best(cosine.length ? cosine : rows);
  const b = (named(other) ? match(rows, other) : null) ?? bestBeside(a);
  sides = { a, b };
  state = { ...state, ...configuration(a) };
  other = configuration(b);
}

async function load({ replace = true } = {}) {
  asking += 1;
  const mine = asking;
  at("failure").hidden = true;
  try {
    [rows, networks] = await Promise.all([experiments(state.dataset), models()]);
    if (mine !== asking) return;
    if (!rows.length) {
      showNothing();
      return;
    }
    settle();
    const first = await strip.open(state.dataset, state.order);
    if (mine !== asking) return;
    if (state.image === null) state = { ...state, image: first?.id ?? null };
    const answer = state.image === null ? null : await ofImage(state.image);
    if (mine !== asking) return;
    if (answer) show(answer);
    writeState(state, { other, replace });
    linkSections(state, other);
  } catch (error) {
    if (mine !== asking) return;
    at("failure").textContent = error.message;
    at("failure").hidden = false;
    if (error.name !== "ApiError") throw error;
  }
}

function showNothing() {
  at("found").hidden = true;
  at("nothing").hidden = false;
  const command = `python manage.py run_experiments --dataset ${state.dataset}`;
  const explore = addressOf(state, { path: at("compare").dataset.explore });
  at("nothing").replaceChildren(
    make(
      "div",
      {},
      make("h2", {}, "No experiments have been computed for this dataset yet"),
      make(
        "p",
        { class: "muted" },
        "An experiment lets every picture search among the others with one network, layer and distance. Compute some on the ",
        make("a", { href: explore }, "Explore page"),
        " or on the command line:",
      ),
      make("pre", {}, make("code", {}, command)),
    ),
  );
}

function show(answer) {
  at("nothing").hidden = true;
  at("found").hidden = false;
  showQuery(answer.image);
  const found = { a: foundBy(answer, sides.a, state.k), b: foundBy(answer, sides.b, state.k) };
  both = common(found.a, found.b);
  for (const [side, opposite] of [
    ["a", "b"],
    ["b", "a"],
  ]) {
    showChoice(part("side-choice", side), sides[side], rows, networks);
    showHead(part("side-head", side), side, sides[side], found[side].result, networks);
    showList(part("ranked", side), side, found[side], found[opposite], { shared: state, other });
  }
  drawLinks(at("links"), [part("ranked", "a"), part("ranked", "b")], both);
  showOverlap(found);
  strip.choose(state.image);
  strip.keepFocus();
}

function showQuery(image) {
  const figure = at("query");
  if (figure.dataset.image === String(image.id)) return;
  figure.dataset.image = String(image.id);
  const name = image.label || image.filename;
  figure.replaceChildren(
    make("img", {
      src: image.url,
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

function showOverlap({ a, b }) {
  const shown = Math.max(a.list.length, b.list.length);
  at("overlap").replaceChildren(
    make("strong", { class: "number" }, String(both.size)),
    make("span", { class: "small" }, make("span", { class: "of" }, "of "), String(shown)),
    make("span", { class: "small muted overlap-words" }, "in common"),
  );
  at("overlap").title = `Both found ${both.size} of the first ${shown}`;
  const judged = [...a.list, ...b.list].some((picture) => picture.right !== null);
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
        : "This picture has no label, so nothing says which result is right.",
    );
  at("legend").textContent = words.join(" ");
  const score = (side) =>
    side.result?.weighted_precision == null ? "" : ` ${percent(side.result.weighted_precision * 100)}`;
  at("status").textContent =
    `${plural(both.size, "picture")} of ${shown} in common.${judged ? ` A${score(a)}, B${score(b)}.` : ""}`;
}

// --- what one does --------------------------------------------------------------------------------

function searchWith(image) {
  if (image === null || image === state.image) return;
  state = { ...state, image };
  load({ replace: false });
}

function changed(event) {
  const side = event.target.form.dataset.side;
  const { name, value } = event.target;
  if (side) {
    const wanted = { ...configuration(sides[side]), [name]: value };
    const row = match(rows, wanted);
    if (side === "a") state = { ...state, ...configuration(row) };
    else other = configuration(row);
  } else if (name === "dataset") {
    state = { ...state, dataset: value, image: null };
  } else state = { ...state, k: Number(value) };
  load({ replace: false });
}

function swap() {
  const a = configuration(sides.a);
  state = { ...state, ...configuration(sides.b) };
  other = a;
  load({ replace: false });
}

function clicked(event) {
  const link = event.target.closest("a[data-image]");
  if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  searchWith(Number(link.dataset.image));
}

async function pressed(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step || !sides || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (event.target.closest("input, select, textarea, [contenteditable]")) return;
  event.preventDefault();
  try {
    searchWith(await strip.step(state.image, step));
  } catch (error) {
    if (error.name !== "ApiError") throw error;
    at("failure").textContent = error.message;
    at("failure").hidden = false;
  }
}

/** Bring out a picture on both sides, with the line between. */
function highlight(event) {
  const id =
    event.type === "pointerleave" || event.type === "focusout"
      ? null
      : event.target.closest(".ranked [data-image], .links path")?.dataset.image;
  for (const element of at("sides").querySelectorAll("[data-lit]")) element.removeAttribute("data-lit");
  at("sides").toggleAttribute("data-lighting", Boolean(id && both.has(Number(id))));
  if (!id) return;
  for (const element of at("sides").querySelectorAll(`li[data-image="${id}"], path[data-image="${id}"]`))
    element.setAttribute("data-lit", "");
}

function restore() {
  readAddress();
  load();
}

if (form) {
  for (const one of [form, part("side-choice", "a"), part("side-choice", "b")]) {
    one.addEventListener("change", changed);
    one.addEventListener("submit", (event) => event.preventDefault());
  }
  at("swap").addEventListener("click", swap);
  at("found").addEventListener("click", clicked);
  addEventListener("keydown", pressed);
  addEventListener("popstate", restore);
  for (const type of ["pointerover", "pointerleave", "focusin", "focusout"])
    at("sides").addEventListener(type, highlight);
  new ResizeObserver(
    () => sides && drawLinks(at("links"), [part("ranked", "a"), part("ranked", "b")], both),
  ).observe(at("sides"));
  restore();
}
