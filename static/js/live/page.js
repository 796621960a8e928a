// Live search: what is asked (query and filters), what the address bar says, and what is shown stay the same thing.
import { call } from "../shared/api.js";
import { plural } from "../shared/elements.js";
import { listenForPictures } from "./input.js";
import { showQuery } from "./query.js";
import { appendHits, clearHits, hitCount, showSummary, showTimings } from "./results.js";

const live = document.getElementById("live");
const at = (id) => document.getElementById(id);
const controls = live && { dataset: at("dataset"), label: at("label"), k: at("k"), url: at("url") };
const SPINNER_AFTER_MS = 150;
const UPLOADS_KEPT = 20;

// uploaded pictures live as long as the page: the history entry holds the key, this map the file
const uploads = new Map();
const categories = new Map();
// `query` is null, {kind: "file", key}, {kind: "url", url} or {kind: "image", image, thumbnail?, name?}
let query = null;
let filters = { dataset: "", label: "", k: 10 };
let page = 1;
let running = null;

// --- the address bar ----------------------------------------------------------------------------

function readAddress() {
  const asked = new URLSearchParams(location.search);
  const k = Number(asked.get("k"));
  const most = Number(live.dataset.mostResults);
  filters = {
    dataset: asked.get("dataset") ?? "",
    label: asked.get("label") ?? "",
    k: Number.isInteger(k) && k > 0 ? Math.min(k, most) : Number(controls.k.options[0]?.value ?? 10),
  };
  const image = asked.get("image");
  if (/^\d+$/.test(image ?? "")) query = { kind: "image", image: Number(image) };
  else if (asked.get("url")) query = { kind: "url", url: asked.get("url") };
  else if (history.state?.upload) query = { kind: "file", key: history.state.upload };
  else query = null;
}

function address() {
  const asked = new URLSearchParams();
  if (query?.kind === "image") asked.set("image", query.image);
  if (query?.kind === "url") asked.set("url", query.url);
  if (filters.dataset) asked.set("dataset", filters.dataset);
  if (filters.label) asked.set("label", filters.label);
  if (filters.k !== Number(controls.k.options[0]?.value)) asked.set("k", filters.k);
  const text = asked.toString();
  return location.pathname + (text && `?${text}`);
}

function remember() {
  const state = query?.kind === "file" ? { upload: query.key } : {};
  const same = address() === location.pathname + location.search && history.state?.upload === state.upload;
  history[same ? "replaceState" : "pushState"](state, "", address());
}

// --- the controls -------------------------------------------------------------------------------

function ensureOption(select, value, text = value) {
  if (value !== "" && ![...select.options].some((option) => option.value === String(value))) {
    select.add(new Option(text, value));
  }
  select.value = String(value);
}

async function showControls() {
  ensureOption(controls.dataset, filters.dataset);
  ensureOption(controls.k, filters.k);
  controls.url.value = query?.kind === "url" ? query.url : "";
  const slug = filters.dataset;
  controls.label.replaceChildren(new Option("Any label", ""));
  ensureOption(controls.label, filters.label);
  controls.label.disabled = !slug && !filters.label;
  if (!slug) return;
  try {
    if (!categories.has(slug))
      categories.set(slug, (await call(`/api/v1/datasets/${encodeURIComponent(slug)}/`)).categories);
  } catch {
    return; // the search itself will say what is wrong with the dataset
  }
  if (filters.dataset !== slug) return;
  const named = categories.get(slug).filter((category) => category.name);
  controls.label.replaceChildren(
    new Option(named.length ? "Any label" : "No labels", ""),
    ...named.map((category) => new Option(`${category.name} (${category.images})`, category.name)),
  );
  controls.label.disabled = !named.length && !filters.label;
  ensureOption(controls.label, filters.label);
}

// --- one search ---------------------------------------------------------------------------------

function bodyOf(asked) {
  const options = { k: filters.k, page: asked };
  if (filters.dataset) options.dataset = filters.dataset;
  if (filters.label) options.label = filters.label;
  if (query.kind === "file") {
    const form = new FormData();
    form.append("file", uploads.get(query.key));
    for (const [name, value] of Object.entries(options)) form.append(name, value);
    return form;
  }
  return query.kind === "url" ? { url: query.url, ...options } : { image: query.image, ...options };
}

function fail(message) {
  at("failure").textContent = message.charAt(0).toUpperCase() + message.slice(1);
  at("failure").hidden = false;
}

async function search({ asked = 1, focus = false } = {}) {
  running?.abort();
  running = null;
  at("failure").hidden = true;
  const answer = live.querySelector(".answer");
  if (query?.kind === "file" && !uploads.has(query.key)) {
    showQuery(null);
    showNothing();
    fail("The picture you uploaded was kept only while the page was open. Choose it again.");
    return;
  }
  if (asked === 1) showQuery(query, uploads);
  if (!query) {
    showNothing();
    return;
  }
  const mine = new AbortController();
  running = mine;
  answer.setAttribute("aria-busy", "true");
  at("more").disabled = true;
  const waiting = setTimeout(() => {
    at("spinner").hidden = false;
    at("start").hidden = true;
    at("status").textContent = "Searching";
  }, SPINNER_AFTER_MS);
  try {
    const found = await call("/api/v1/search/", { method: "POST", body: bodyOf(asked), signal: mine.signal });
    if (running === mine) showFound(found, asked, focus);
  } catch (error) {
    if (running !== mine) return; // a newer search has taken over, or this one was left
    if (error.name === "ApiError") fail(error.message);
    else fail("The answer could not be shown. Reload the page and try again.");
    if (asked === 1) showNothing();
    if (error.name !== "ApiError") throw error;
  } finally {
    clearTimeout(waiting);
    if (running === mine) {
      running = null;
      settle();
    }
  }
}

function settle() {
  live.querySelector(".answer").removeAttribute("aria-busy");
  at("spinner").hidden = true;
  at("more").disabled = false;
}

function showNothing() {
  settle();
  clearHits();
  at("results").hidden = true;
  at("start").hidden = false;
  at("status").textContent = "";
  document.title = "Live search · semsearch";
}

function showFound(found, asked, focus) {
  page = asked;
  at("start").hidden = true;
  at("results").hidden = false;
  if (asked === 1) {
    clearHits();
    showQuery(query, uploads, found.query);
  }
  const firstNew = appendHits(found.hits);
  const words = showSummary(found);
  showTimings(found.timings_ms);
  at("more").hidden = !found.has_next;
  at("status").textContent = hitCount() ? `${plural(hitCount(), "result")} shown. ${words}` : words;
  document.title = "Results · Live search · semsearch";
  if (asked > 1) firstNew?.querySelector("a").focus({ preventScroll: true });
  else if (focus) {
    scrollTo({ top: matchMedia("(max-width: 860px)").matches ? at("results").offsetTop - 80 : 0 });
    at("results-title").focus({ preventScroll: true });
  }
}

/** Ask something new: it becomes the state of the page and an entry of the history. */
function ask(next, options = {}) {
  query = next;
  remember();
  showControls();
  search(options);
}

// --- what people do -----------------------------------------------------------------------------

function takeFile(file) {
  const most = Number(live.dataset.mostBytes);
  if (file.size === 0 || file.size > most) {
    const size = Math.floor(most / 2 ** 20);
    fail(
      file.size === 0 ? "This file is empty." : `This file is too large: pictures may have up to ${size} MB.`,
    );
    return;
  }
  const key = crypto.getRandomValues(new Uint32Array(2)).join("-");
  uploads.set(key, file);
  if (uploads.size > UPLOADS_KEPT) uploads.delete(uploads.keys().next().value);
  ask({ kind: "file", key }, { focus: true });
}

function takeAddress(url) {
  if (!/^https?:\/\/\S+$/i.test(url)) {
    fail("A picture's address starts with http:// or https://.");
    return;
  }
  ask({ kind: "url", url }, { focus: true });
}

function takeLink(event) {
  const link = event.target.closest("a[data-image]");
  if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const shown = link.closest("li").querySelector("img");
  ask(
    { kind: "image", image: Number(link.dataset.image), thumbnail: shown?.currentSrc || shown?.src },
    { focus: true },
  );
}

function changeFilters() {
  const slug = controls.dataset.value;
  filters = {
    dataset: slug,
    label: slug === filters.dataset ? controls.label.value : "",
    k: Number(controls.k.value),
  };
  ask(query);
}

function restore() {
  readAddress();
  showControls();
  search();
}

if (live) {
  listenForPictures({ file: at("file"), overlay: at("overlay"), takeFile, takeAddress, fail });
  at("query").addEventListener("submit", (event) => {
    event.preventDefault();
    takeAddress(controls.url.value.trim());
  });
  controls.url.addEventListener("input", () => controls.url.setCustomValidity(""));
  for (const name of ["dataset", "label", "k"]) controls[name].addEventListener("change", changeFilters);
  live.addEventListener("click", takeLink);
  at("more").addEventListener("click", () => search({ asked: page + 1 }));
  addEventListener("popstate", restore);
  restore();
}
