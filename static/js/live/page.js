// Live search: what is asked (query and filters), what the address bar says, and what is shown stay the same
// thing.
/** @import { Category, DatasetDetail, SearchResponse } from "../shared/types.js" */
/** @import { Filters, Query, Uploads } from "./types.js" */
import { ApiError, call } from "../shared/api.js";
import { byId, closest, elementIn, isPlainClick } from "../shared/elements.js";
import { hideFailure, showFailure } from "../shared/failure.js";
import { plural } from "../shared/format.js";
import { listenForImages } from "./input.js";
import { showQuery } from "./query.js";
import { showsNow } from "../explain/screen.js";
import { appendHits, clearHits, hitCount, showSummary, showTimings } from "./results.js";
import { siteAddress } from "../shared/site.js";

const live = document.getElementById("live");
const SPINNER_AFTER_MS = 150;
const UPLOADS_KEPT = 20;

// uploaded pictures live as long as the page: the history entry holds the key, this map the file
/** @type {Uploads} */
const uploads = new Map();
/** @type {Map<string, Category[]>} */
const categories = new Map();
// `query` is null, {kind: "file", key}, {kind: "url", url} or {kind: "image", image, thumbnail?, name?}
/** @type {Query | null} */
let query = null;
/** @type {Filters} */
let filters = { dataset: "", label: "", k: 10 };
let page = 1;
/** @type {AbortController | null} */
let running = null;

/** @param {"dataset" | "label" | "k"} name */
const selectOf = (name) => byId(name, HTMLSelectElement);

/** What the server allows. */
const limits = () => byId("live").dataset;

/** How many results there are where the address does not say. */
const usualK = () => Number(selectOf("k").options[0]?.value ?? 10);

// --- the address bar ----------------------------------------------------------------------------

function readAddress() {
  const asked = new URLSearchParams(location.search);
  const k = Number(asked.get("k"));
  const most = Number(limits().mostResults);
  filters = {
    // one that is not there is said above the page
    dataset: document.querySelector("[data-unknown-dataset]") ? "" : (asked.get("dataset") ?? ""),
    label: asked.get("label") ?? "",
    k: Number.isInteger(k) && k > 0 ? Math.min(k, most) : usualK(),
  };
  const [image, url] = [asked.get("image") ?? "", asked.get("url")];
  if (/^\d+$/.test(image)) query = { kind: "image", image: Number(image) };
  else if (url) query = { kind: "url", url };
  else if (history.state?.upload) query = { kind: "file", key: history.state.upload };
  else query = null;
}

function address() {
  const asked = new URLSearchParams();
  if (query?.kind === "image") asked.set("image", String(query.image));
  if (query?.kind === "url") asked.set("url", query.url);
  if (filters.dataset) asked.set("dataset", filters.dataset);
  if (filters.label) asked.set("label", filters.label);
  if (filters.k !== usualK()) asked.set("k", String(filters.k));
  const text = asked.toString();
  return location.pathname + (text && `?${text}`);
}

function remember() {
  const state = query?.kind === "file" ? { upload: query.key } : {};
  const same = address() === location.pathname + location.search && history.state?.upload === state.upload;
  if (same) history.replaceState(state, "", address());
  else history.pushState(state, "", address());
}

// --- the controls -------------------------------------------------------------------------------

/**
 * @param {HTMLSelectElement} select
 * @param {string | number} value
 */
function ensureOption(select, value) {
  if (value !== "" && ![...select.options].some((option) => option.value === String(value))) {
    select.add(new Option(String(value)));
  }
  select.value = String(value);
}

async function showControls() {
  const label = selectOf("label");
  ensureOption(selectOf("dataset"), filters.dataset);
  ensureOption(selectOf("k"), filters.k);
  byId("url", HTMLInputElement).value = query?.kind === "url" ? query.url : "";
  const slug = filters.dataset;
  label.replaceChildren(new Option("Any label", ""));
  ensureOption(label, filters.label);
  label.disabled = !slug && !filters.label;
  if (!slug) return;
  /** @type {Category[]} */
  let found;
  try {
    found = await categoriesOf(slug);
  } catch {
    return; // the search itself will say what is wrong with the dataset
  }
  if (filters.dataset !== slug) return;
  const named = found.filter((category) => category.name);
  label.replaceChildren(
    new Option(named.length ? "Any label" : "No labels", ""),
    ...named.map((category) => new Option(`${category.name} (${category.images})`, category.name)),
  );
  label.disabled = !named.length && !filters.label;
  ensureOption(label, filters.label);
}

/** @param {string} slug */
async function categoriesOf(slug) {
  const known = categories.get(slug);
  if (known) return known;
  /** @type {DatasetDetail} */
  const dataset = await call(siteAddress(`/api/v1/datasets/${encodeURIComponent(slug)}/`));
  categories.set(slug, dataset.categories);
  return dataset.categories;
}

// --- one search ---------------------------------------------------------------------------------

/**
 * @param {Query} wanted
 * @param {number} asked
 */
function bodyOf(wanted, asked) {
  /** @type {Record<string, string | number>} */
  const options = { k: filters.k, page: asked };
  if (filters.dataset) options.dataset = filters.dataset;
  if (filters.label) options.label = filters.label;
  if (wanted.kind === "url") return { url: wanted.url, ...options };
  if (wanted.kind === "image") return { image: wanted.image, ...options };
  const form = new FormData();
  form.append("file", uploads.get(wanted.key) ?? "");
  for (const [name, value] of Object.entries(options)) form.append(name, String(value));
  return form;
}

/** @param {string} message */
function say(message) {
  showFailure(message.charAt(0).toUpperCase() + message.slice(1));
}

async function search({ asked = 1, focus = false } = {}) {
  running?.abort();
  running = null;
  hideFailure();
  if (query?.kind === "file" && !uploads.has(query.key)) {
    showQuery(null, uploads);
    showNothing();
    say("The picture you uploaded was kept only while the page was open. Choose it again.");
    return;
  }
  if (asked === 1) showQuery(query, uploads);
  if (!query) {
    showNothing();
    return;
  }
  const mine = new AbortController();
  running = mine;
  setBusy(true);
  const waiting = setTimeout(() => {
    byId("spinner").hidden = false;
    byId("start").hidden = true;
    byId("status").textContent = "Searching";
  }, SPINNER_AFTER_MS);
  try {
    /** @type {SearchResponse} */
    const found = await call(siteAddress("/api/v1/search/"), {
      method: "POST",
      body: bodyOf(query, asked),
      signal: mine.signal,
    });
    if (running === mine) showFound(found, asked, focus);
  } catch (error) {
    if (running !== mine) return; // a newer search has taken over, or this one was left
    const known = error instanceof ApiError;
    say(known ? error.message : "The answer could not be shown. Reload the page and try again.");
    if (asked === 1) showNothing();
    if (!known) throw error;
  } finally {
    clearTimeout(waiting);
    if (running === mine) {
      running = null;
      settle();
    }
  }
}

/** @param {boolean} busy */
function setBusy(busy) {
  const answer = elementIn(byId("live"), ".answer");
  if (busy) answer.setAttribute("aria-busy", "true");
  else answer.removeAttribute("aria-busy");
  byId("more", HTMLButtonElement).disabled = busy;
}

function settle() {
  setBusy(false);
  byId("spinner").hidden = true;
}

function showNothing() {
  settle();
  clearHits();
  byId("results").hidden = true;
  byId("start").hidden = false;
  byId("status").textContent = "";
  document.title = "Live search · semsearch";
}

/**
 * @param {SearchResponse} found
 * @param {number} asked
 * @param {boolean} focus
 */
function showFound(found, asked, focus) {
  page = asked;
  const stored = found.query.image;
  showsNow({ image: stored ? { ...stored, name: stored.label || stored.filename } : null });
  byId("start").hidden = true;
  byId("results").hidden = false;
  if (asked === 1) {
    clearHits();
    showQuery(query, uploads, found.query);
  }
  const firstNew = appendHits(found.hits);
  const words = showSummary(found);
  showTimings(found.timings_ms);
  byId("more").hidden = !found.has_next;
  byId("status").textContent = hitCount() ? `${plural(hitCount(), "result")} shown. ${words}` : words;
  document.title = "Results · Live search · semsearch";
  if (asked > 1 && firstNew) elementIn(firstNew, "a").focus({ preventScroll: true });
  else if (asked === 1 && focus) {
    scrollTo({ top: matchMedia("(max-width: 860px)").matches ? byId("results").offsetTop - 80 : 0 });
    byId("results-title").focus({ preventScroll: true });
  }
}

/**
 * Ask something new: it becomes the state of the page and an entry of the history.
 * @param {Query | null} next
 * @param {{ focus?: boolean }} [options]
 */
function ask(next, options = {}) {
  query = next;
  remember();
  showControls();
  search(options);
}

// --- what people do -----------------------------------------------------------------------------

/** @param {File} file */
function takeFile(file) {
  const most = Number(limits().mostBytes);
  if (file.size === 0 || file.size > most) {
    const size = Math.floor(most / 2 ** 20);
    say(
      file.size === 0 ? "This file is empty." : `This file is too large: pictures may have up to ${size} MB.`,
    );
    return;
  }
  const key = crypto.getRandomValues(new Uint32Array(2)).join("-");
  uploads.set(key, file);
  for (const old of [...uploads.keys()].slice(0, -UPLOADS_KEPT)) uploads.delete(old);
  ask({ kind: "file", key }, { focus: true });
}

/** @param {string} url */
function takeAddress(url) {
  if (!/^https?:\/\/\S+$/i.test(url)) {
    say("A picture's address starts with http:// or https://.");
    return;
  }
  ask({ kind: "url", url }, { focus: true });
}

/** @param {MouseEvent} event */
function takeLink(event) {
  const link = closest(event, "a[data-image]");
  if (!link || !isPlainClick(event)) return;
  event.preventDefault();
  const shown = link.closest("li")?.querySelector("img");
  ask(
    { kind: "image", image: Number(link.dataset.image), thumbnail: shown?.currentSrc || shown?.src },
    { focus: true },
  );
}

function changeFilters() {
  const slug = selectOf("dataset").value;
  filters = {
    dataset: slug,
    label: slug === filters.dataset ? selectOf("label").value : "",
    k: Number(selectOf("k").value),
  };
  ask(query);
}

function restore() {
  readAddress();
  showControls();
  search();
}

if (live) {
  const url = byId("url", HTMLInputElement);
  listenForImages({
    file: byId("file", HTMLInputElement),
    overlay: byId("overlay"),
    takeFile,
    takeAddress,
    fail: say,
  });
  byId("query").addEventListener("submit", (event) => {
    event.preventDefault();
    takeAddress(url.value.trim());
  });
  url.addEventListener("input", () => url.setCustomValidity(""));
  for (const select of [selectOf("dataset"), selectOf("label"), selectOf("k")])
    select.addEventListener("change", changeFilters);
  live.addEventListener("click", takeLink);
  byId("more").addEventListener("click", () => search({ asked: page + 1 }));
  addEventListener("popstate", restore);
  restore();
}
