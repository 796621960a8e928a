// What the page searches for as one value: how the address says it, and how the API is asked for it.
//
//   ?image=12&box=0,0,0.5,1&word=zebra&like=15,18&unlike=9&dataset=birds&label=wren&where=width%3E%3D640&k=20
//       &cutoff=0.7&fold=near&group=cluster
//
// `text=two+dogs` stands in the place of image and words.
// `dataset=saved:12` are the images of a saved search. `shown` is the hit that is looked at large.
// `cutoff=p0.999` is a share of random pairs.
/** @import { Cutoff, Filters, Judged, Query, State, Verdict } from "./types.js" */
import { boxIn, textOf } from "./examples/box.js";

const MOST_JUDGED = 20; // of each; the API takes more, addresses become unwieldy
const MOST_WORDS = 10;
const LONGEST_TEXT = 500;
const CUTOFF = /^p?(0(\.\d{1,6})?|1)$/;
const IDS = /^\d{1,15}(,\d{1,15})*$/;

/** @returns {Judged} */
export const nothingJudged = () => ({ like: [], unlike: [] });

/**
 * @param {URLSearchParams} asked
 * @param {Verdict} verdict
 */
function judgedIn(asked, verdict) {
  const text = asked.get(verdict) ?? "";
  return IDS.test(text) ? [...new Set(text.split(",").map(Number))].slice(0, MOST_JUDGED) : [];
}

/**
 * @param {URLSearchParams} asked
 * @returns {Query | null}
 */
function queryIn(asked) {
  const query = imageIn(asked);
  const box = boxIn(asked.get("box"));
  return query && box ? { ...query, box } : query;
}

/**
 * @param {URLSearchParams} asked
 * @returns {Query | null}
 */
function imageIn(asked) {
  const [image, url, upload] = [asked.get("image") ?? "", asked.get("url"), asked.get("upload")];
  if (/^\d{1,15}$/.test(image)) return { kind: "image", image: Number(image) };
  if (url) return { kind: "url", url };
  return upload ? { kind: "upload", upload } : null;
}

/**
 * @param {URLSearchParams} asked
 * @returns {Cutoff | null}
 */
function cutoffIn(asked) {
  const text = asked.get("cutoff") ?? "";
  if (!CUTOFF.test(text)) return null;
  const isShare = text.startsWith("p");
  return { mode: isShare ? "percentile" : "probability", at: Number(isShare ? text.slice(1) : text) };
}

/**
 * @param {URLSearchParams} asked
 * @returns {State["group"]}
 */
function groupingIn(asked) {
  const text = asked.get("group");
  return text === "label" || text === "cluster" ? text : "";
}

/**
 * Return what an address says; `k` is what the server allows and offers.
 * @param {string} search
 * @param {{ usual: number, most: number }} k
 * @returns {State}
 */
export function readAddress(search, k) {
  const asked = new URLSearchParams(search);
  const wanted = Number(asked.get("k"));
  const query = queryIn(asked);
  const words = [...new Set(asked.getAll("word").map((word) => word.trim()))].filter(Boolean);
  const text = (asked.get("text") ?? "").trim().slice(0, LONGEST_TEXT);
  return {
    query,
    // examples against something need one for it, and without a query there is nothing to steer
    words: words.slice(0, MOST_WORDS),
    text: query || words.length ? "" : text,
    judged: query ? { like: judgedIn(asked, "like"), unlike: judgedIn(asked, "unlike") } : nothingJudged(),
    filters: {
      dataset: asked.get("dataset") ?? "",
      label: asked.get("label") ?? "",
      where: (asked.get("where") ?? "").trim(),
      k: Number.isInteger(wanted) && wanted > 0 ? Math.min(wanted, k.most) : k.usual,
    },
    cutoff: cutoffIn(asked),
    fold: asked.get("fold") === "near",
    group: groupingIn(asked),
  };
}

/**
 * Return the query part of the address of a state, "" where it says nothing.
 * @param {State} state
 * @param {number} usualK
 */
export function addressOf({ query, judged, words, text, filters, cutoff, fold, group }, usualK) {
  const asked = new URLSearchParams();
  if (query?.kind === "image") asked.set("image", String(query.image));
  if (query?.kind === "url") asked.set("url", query.url);
  if (query?.kind === "upload") asked.set("upload", query.upload);
  if (query?.box) asked.set("box", textOf(query.box));
  for (const word of words) asked.append("word", word);
  if (text) asked.set("text", text);
  for (const verdict of /** @type {const} */ (["like", "unlike"]))
    if (judged[verdict].length) asked.set(verdict, judged[verdict].join(","));
  if (filters.dataset) asked.set("dataset", filters.dataset);
  if (filters.label) asked.set("label", filters.label);
  if (filters.where) asked.set("where", filters.where);
  if (filters.k !== usualK) asked.set("k", String(filters.k));
  if (cutoff) asked.set("cutoff", `${cutoff.mode === "percentile" ? "p" : ""}${cutoff.at}`);
  if (fold) asked.set("fold", "near");
  if (group) asked.set("group", group);
  const said = asked.toString().replaceAll("%2C", ",");
  return said && `?${said}`;
}

/**
 * Return the id of the image that an address shows large, null where it says none.
 * @param {string} search
 */
export function shownIn(search) {
  const text = new URLSearchParams(search).get("shown") ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/**
 * Return the same address with another image shown large, or none.
 * @param {string} search
 * @param {number | null} image
 */
export function withShown(search, image) {
  const asked = new URLSearchParams(search);
  asked.delete("shown");
  if (image !== null) asked.set("shown", String(image));
  const text = asked.toString().replaceAll("%2C", ",");
  return text && `?${text}`;
}

/**
 * Return a state in which an image was judged; one that was judged before is judged anew.
 * @param {Judged} judged
 * @param {number} image
 * @param {Verdict | null} verdict null takes back what was said of it
 * @returns {Judged}
 */
export function withVerdict(judged, image, verdict) {
  const others = {
    like: judged.like.filter((id) => id !== image),
    unlike: judged.unlike.filter((id) => id !== image),
  };
  return verdict ? { ...others, [verdict]: [...others[verdict], image].slice(-MOST_JUDGED) } : others;
}

/**
 * Return a value as a typed filter has it.
 * @param {string} value
 */
export const quoted = (value) =>
  /^[^\s,"\\]+$/.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;

/**
 * Return the saved search that is chosen in the place of a dataset, as a filter has it; "" where none is.
 * @param {Pick<Filters, "dataset">} filters
 */
export const collectionOf = ({ dataset }) => (/^saved:[1-9]\d{0,14}$/.test(dataset) ? dataset : "");

/**
 * Return the dataset that is chosen, "" for all.
 * @param {Pick<Filters, "dataset">} filters
 */
export const datasetOf = (filters) => (collectionOf(filters) ? "" : filters.dataset);

/**
 * Return the whole filter as people type it.
 * @param {Pick<Filters, "label" | "where" | "dataset">} filters
 */
export const whereOf = (filters) =>
  [collectionOf(filters), filters.label && `label:${quoted(filters.label)}`, filters.where]
    .filter(Boolean)
    .join(" ");

/**
 * Whether there is something to ask: a query, words, a text, or a filter of which images are listed.
 * @param {State} state
 */
export const asksForSomething = ({ query, words, text, filters }) =>
  Boolean(query || words.length || text || whereOf(filters));

/**
 * Return the query document of a state.
 * @param {State} state
 * @param {string | null} cursor
 */
export function documentOf({ query, judged, words, text, filters, cutoff, fold, group }, cursor) {
  const where = whereOf(filters);
  const images = judged.like.map((image) => ({ image }));
  return {
    like: query ? [exampleOf(query), ...images] : [],
    unlike: judged.unlike.map((image) => ({ image })),
    ...(words.length && { words }),
    ...(text && { text }),
    ...(where && { where }),
    datasets: datasetOf(filters) ? [datasetOf(filters)] : [],
    k: filters.k,
    cursor,
    ...(cutoff && { cutoff }),
    fold: fold ? "near" : "identical",
    ...(group && { group }),
  };
}

/**
 * Return what the explanation of a hit is asked with, "" without a query.
 * @param {State} state
 * @param {number} hit the id of its image
 */
export function explanationOf({ query, judged, words, filters }, hit) {
  if (!query) return "";
  const asked = new URLSearchParams({ hit: String(hit) });
  for (const [name, value] of Object.entries(exampleOf(query))) asked.set(name, String(value));
  for (const verdict of /** @type {const} */ (["like", "unlike"]))
    if (judged[verdict].length) asked.set(verdict, judged[verdict].join(","));
  for (const word of words) asked.append("word", word);
  const where = whereOf(filters);
  if (where) asked.set("where", where);
  if (datasetOf(filters)) asked.set("dataset", datasetOf(filters));
  return `?${asked}`;
}

/** @param {Query} query */
function exampleOf(query) {
  const part = query.box && { box: query.box };
  if (query.kind === "image") return { image: query.image, ...part };
  return query.kind === "url" ? { url: query.url, ...part } : { upload: query.upload, ...part };
}
