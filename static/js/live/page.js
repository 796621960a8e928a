// Live search: what is asked (query, examples and filters), what the address bar says, and what is shown stay
// the same thing.
/** @import { AskedIndex, FoundResponse, KeptUpload } from "../shared/types.js" */
/** @import { Box, Cutoff, Query, State, Verdict } from "./types.js" */
import { call } from "../shared/api.js";
import { byId, closest, elementIn, isPlainClick } from "../shared/elements.js";
import { hideFailure } from "../shared/failure.js";
import { plural } from "../shared/format.js";
import {
  addressOf,
  asksForSomething,
  documentOf,
  nothingJudged,
  readAddress,
  withShown,
  withVerdict,
} from "./address.js";
import { divide, foldAnew, listenForCutoff } from "./results/cutoff.js";
import { chosenFilters, listenForFilters, showControls, usualK, whereField } from "./controls.js";
import { rememberAnswered, showExamples, steeredBy } from "./examples/examples.js";
import { listenForFacets, showFacets } from "./facets.js";
import { listenForFreeText, showAnswered, showFreeText, typedText } from "./examples/free-text.js";
import { listenForGrouping, showGrouping, showGroups } from "./results/grouping.js";
import { listenForImages } from "./examples/input.js";
import { followAddress, listenForLightbox } from "./results/lightbox.js";
import { askedAnew, linkFrom } from "./links.js";
import { showQuery } from "./examples/query.js";
import { listenForFrame, showFrame, withBox } from "./examples/query-frame.js";
import { showsNow } from "../explain/screen.js";
import { listenForSaving, offerToSave } from "./saving.js";
import { appendHits, clearHits, hitCount, showSummary, showTimings } from "./results/results.js";
import { offerImagesOf } from "./start.js";
import { say, stopWaiting, wait } from "./waiting.js";
import { explainHitsOf, listenForWhy } from "./results/why.js";
import { followDataset, listenForWords, showMeanings, showWords, withTyped } from "./examples/words.js";
import { siteAddress } from "../shared/site.js";

const live = document.getElementById("live");
const UPLOADS_KEPT = 20;
const KEYS = /** @type {Record<string, Verdict>} */ ({ "+": "like", "-": "unlike" });

// what was chosen here is shown from the file itself; after a reload the server has a small copy
/** @type {Map<string, File>} */
const files = new Map();
/** @type {State} */
let state = {
  query: null,
  judged: nothingJudged(),
  words: [],
  text: "",
  filters: { dataset: "", label: "", where: "", k: 10 },
  cutoff: null,
  fold: false,
  group: "",
};
/** @type {AskedIndex[]} */
let indexes = []; // those that have answered
/** @type {string | null} */
let next = null; // where the next page begins
let asked = ""; // the address of what is shown, whatever the lightbox adds to it

/** What the server allows. */
const limits = () => byId("live").dataset;

// --- the address bar ----------------------------------------------------------------------------

function readState() {
  state = readAddress(location.search, { usual: usualK(), most: Number(limits().mostResults) });
  // one that is not there is said above the page
  if (document.querySelector("[data-unknown-dataset]")) state.filters.dataset = "";
  const { query } = state;
  if (query?.kind === "upload") query.file = files.get(query.upload);
}

function remember() {
  asked = addressOf(state, usualK());
  const address = location.pathname + asked;
  if (address === location.pathname + location.search) history.replaceState({}, "", address);
  else history.pushState({}, "", address);
}

// --- one search ---------------------------------------------------------------------------------

/**
 * Ask for a page; the one after those shown where `more` is wanted.
 * @param {{ more?: boolean, focus?: boolean }} [options]
 */
async function search({ more = false, focus = false } = {}) {
  hideFailure();
  if (!more) {
    showAsked();
    explainHitsOf(state);
    followAddress();
  }
  showFacets(state.filters);
  followDataset(state.filters.dataset);
  offerImagesOf(state.filters.dataset);
  if (!asksForSomething(state)) {
    showNothing();
    return;
  }
  /** @type {FoundResponse | null | undefined} */
  const found = await wait((signal) =>
    call(siteAddress("/api/v1/search/"), {
      method: "POST",
      body: documentOf(state, more ? next : null),
      signal,
    }),
  );
  if (found) showFound(found, more, focus);
  else if (found === null && !more) showNothing();
}

/** Show what is asked, from what the page knows already. */
function showAsked() {
  showQuery(state.query);
  showFrame(state.query);
  showWords(state.words);
  showFreeText(state);
  showExamples(state.judged);
  offerToSave(state);
  showGrouping(state);
  linkFrom(state);
}

function showNothing() {
  stopWaiting();
  clearHits();
  byId("results").hidden = true;
  byId("word-notes").hidden = true;
  byId("start").hidden = false;
  byId("status").textContent = "";
  document.title = "Live search · semsearch";
}

/**
 * @param {FoundResponse} found
 * @param {boolean} more whether it continues what is shown
 * @param {boolean} focus
 */
function showFound(found, more, focus) {
  next = found.next;
  const stored = found.like.at(0)?.image;
  showsNow({ image: stored ? { ...stored, name: stored.label || stored.filename } : null });
  byId("start").hidden = true;
  byId("results").hidden = false;
  rememberAnswered([...found.like.slice(1), ...found.unlike]);
  if (!more) {
    clearHits();
    foldAnew();
    showQuery(state.query, found.like[0]);
    showFrame(state.query, found.like[0]);
    showExamples(state.judged);
    showGroups(found.groups ?? [], state.group);
  }
  const steered = steeredBy(state.judged);
  const firstNew = appendHits(found.hits, found.like.length > 0);
  // of words alone the hits themselves say how likely they are
  indexes = state.query ? found.indexes : [];
  const folded = divide(state.cutoff, indexes);
  const words = showSummary(found, { ...state.filters, steered });
  showTimings(found.timings_ms);
  byId("results-title").textContent = titleOf(state);
  if (!more) {
    showMeanings(found);
    showAnswered(found);
  }
  byId("more").hidden = !found.next;
  const count = `${plural(hitCount(), "result")} shown. ${folded}`.trim();
  byId("status").textContent = hitCount() ? `${count} ${words}` : words;
  document.title = `${steered ? `Results of ${steered}` : "Results"} · Live search · semsearch`;
  if (more && firstNew) {
    const isFolded = firstNew.closest("[hidden]");
    (isFolded ? byId("fold") : elementIn(firstNew, "a")).focus({ preventScroll: true });
  }
  if (!more && focus) {
    if (matchMedia("(max-width: 860px)").matches) byId("results").scrollIntoView({ block: "start" });
    else scrollTo({ top: 0 });
    byId("results-title").focus({ preventScroll: true });
  }
  followAddress();
}

/** @param {State} shown */
function titleOf({ query, words, text }) {
  if (query) return "Nearest images";
  if (text) return `Images of “${text}”`;
  return words.length ? `Images of ${words.map((word) => `“${word}”`).join(", ")}` : "Images that fit";
}

/**
 * Ask something new: it becomes the state of the page and an entry of the history.
 * @param {Partial<State>} change
 * @param {{ focus?: boolean }} [options]
 */
function ask(change, options = {}) {
  state = { ...state, ...change };
  remember();
  showControls(state);
  search(options);
}

/**
 * Search with another image: what was judged beside the last one goes.
 * @param {Query} query
 */
const askWith = (query) => ask({ query, judged: nothingJudged(), text: "" }, { focus: true });

// --- what people do -----------------------------------------------------------------------------

/** @param {File} file */
async function takeFile(file) {
  const most = Number(limits().mostBytes);
  if (file.size === 0 || file.size > most) {
    const size = Math.floor(most / 2 ** 20);
    say(
      file.size === 0 ? "This file is empty." : `This file is too large: images may have up to ${size} MB.`,
    );
    return;
  }
  hideFailure();
  const sent = /** @type {const} */ ({ kind: "upload", upload: "", file });
  showQuery(sent);
  showFrame(sent);
  const form = new FormData();
  form.append("file", file);
  /** @type {KeptUpload | null | undefined} */
  const kept = await wait((signal) =>
    call(siteAddress("/api/v1/uploads/"), { method: "POST", body: form, signal }),
  );
  if (kept === null) {
    state = { ...state, query: null, judged: nothingJudged() };
    showAsked();
    showNothing();
  }
  if (!kept) return;
  files.set(kept.upload, file);
  for (const old of [...files.keys()].slice(0, -UPLOADS_KEPT)) files.delete(old);
  askWith({ kind: "upload", upload: kept.upload, file });
}

/** @param {string} url */
function takeAddress(url) {
  if (!/^https?:\/\/\S+$/i.test(url)) {
    say("An image's address starts with http:// or https://.");
    return;
  }
  askWith({ kind: "url", url });
}

/**
 * Judge a hit, or take back what was said of an example.
 * @param {number} image
 * @param {Verdict | null} verdict
 */
function judge(image, verdict) {
  ask({ judged: withVerdict(state.judged, image, verdict) }, { focus: true });
}

/** @param {MouseEvent} event */
function takeVerdict(event) {
  const button = closest(event, "[data-judge], [data-forget], #forget-all");
  if (!button) return;
  const { judge: verdict, image, forget } = button.dataset;
  if (verdict === "like" || verdict === "unlike") judge(Number(image), verdict);
  else if (forget) judge(Number(forget), null);
  else ask({ judged: nothingJudged() }, { focus: true });
}

/** @param {Box} box */
function frame(box) {
  if (state.query) ask({ query: withBox(state.query, box) });
}

function takeWord() {
  const text = typedText(state);
  if (text) {
    ask({ query: null, judged: nothingJudged(), words: [], text }, { focus: true });
    return;
  }
  const words = withTyped(state.words);
  if (words) ask({ words, text: "" }, { focus: true });
  else byId("word").focus();
}

/** @param {string} condition */
function narrow(condition) {
  const { where } = state.filters;
  if (!where.split(/\s+/).includes(condition))
    ask({ filters: { ...state.filters, where: `${where} ${condition}`.trim() } });
}

/**
 * Move the line through the hits; where it is let go becomes an entry of the history.
 * @param {Cutoff} cutoff
 * @param {boolean} settled
 */
function moveLine(cutoff, settled) {
  state = { ...state, cutoff };
  linkFrom(state);
  const folded = divide(cutoff, indexes);
  if (!settled) return;
  remember();
  byId("status").textContent = folded || "Nothing folded.";
}

/** @param {KeyboardEvent} event */
function takeKey(event) {
  const verdict = KEYS[event.key];
  const button = closest(event, ".hit, #lightbox")?.querySelector(`[data-judge="${verdict}"]`);
  if (!verdict || event.ctrlKey || event.metaKey || event.altKey || !(button instanceof HTMLElement)) return;
  event.preventDefault();
  judge(Number(button.dataset.image), verdict);
}

/** @param {MouseEvent} event */
function takeLink(event) {
  const link = closest(event, "a[data-image]");
  if (!link || !isPlainClick(event)) return;
  event.preventDefault();
  const shown = link.closest("li")?.querySelector("img");
  const thumbnail = shown?.currentSrc || shown?.src;
  const query = /** @type {Query} */ ({ kind: "image", image: Number(link.dataset.image), thumbnail });
  ask(askedAnew(query), { focus: true });
}

function changeFilters() {
  const filters = chosenFilters(state.filters);
  if (addressOf({ ...state, filters }, usualK()) !== addressOf(state, usualK())) ask({ filters });
}

function restore() {
  const now = withShown(location.search, null);
  if (now === asked && hitCount()) {
    followAddress(); // only the lightbox was opened or closed
    return;
  }
  asked = now;
  readState();
  showControls(state);
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
    // Enter in the filter is a change of it; an address that is there already stays the query
    const field = document.activeElement;
    if (field === whereField()) changeFilters();
    // Enter in any field is given to the first button, which is the one of words
    else if (field !== url && event.submitter === byId("search-words")) takeWord();
    else takeAddress(url.value.trim());
  });
  url.addEventListener("input", () => url.setCustomValidity(""));
  listenForFilters(changeFilters);
  listenForWords({
    dataset: () => state.filters.dataset,
    words: () => state.words,
    changed: (words) => ask({ words, text: "" }, { focus: true }),
  });
  listenForFreeText({ state: () => state, forget: () => ask({ text: "" }) });
  listenForFacets(() => showFacets(state.filters), narrow);
  live.addEventListener("click", takeLink);
  live.addEventListener("click", takeVerdict);
  live.addEventListener("keydown", takeKey);
  listenForFrame(frame);
  listenForGrouping(
    () => state,
    (change) => ask(change, { focus: "judged" in change || "filters" in change }),
  );
  listenForSaving(() => state, usualK);
  listenForLightbox((image, box) => askWith({ kind: "image", image, box }));
  listenForWhy();
  listenForCutoff(moveLine, () => divide(state.cutoff, indexes));
  byId("more").addEventListener("click", () => search({ more: true }));
  addEventListener("popstate", restore);
  restore();
}
