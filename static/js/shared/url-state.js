// The choices that Explore, Compare and Leaderboard share, and what the server knows about them.
//
//   const state = readState();                     the address -> {dataset, model, layer, pooling, metric, image, k, order}
//   const other = readState({ prefix: "b_" });     the second configuration of Compare: {model, layer, pooling, metric}
//   writeState(state, { other, replace: true });   state -> the address (pushState unless `replace`); nothing when it is the same
//   addressOf(state, { path: "/leaderboard/" })    the same as a link
//   await models()                                 rows of /api/v1/models/, asked once
//   await experiments(slug)                        every row of /api/v1/experiments/?dataset=, all pages, asked once a dataset
//   await ofImage(id)                              /api/v1/experiments/of-image/, the latest pictures kept, so that switching asks nothing;
//                                                  adds `found`: Map of experiment id -> result
//   forget(slug)                                   ask again next time: something was computed meanwhile
//   match(rows, wanted)                            the row of {model, layer, pooling, metric}, or the nearest that exists, or null
//   best(rows)                                     the row with the best score; without scores the last layer of the first network
//
// `image` is a number or null, `k` a number, everything else a string, "" when the address does not say. The functions
// that ask the server throw what `call` throws (ApiError: a sentence for people).
import { call } from "./api.js";

/** What both configurations of a comparison have. */
export const CONFIGURATION = ["model", "layer", "pooling", "metric"];
const SHARED = ["dataset", ...CONFIGURATION, "image", "k", "order"];
export const K = 10;
export const MOST_K = 50;
export const ORDERS = ["random", "category"];
export const METRICS = {
  cosine: "Cosine",
  euclidean: "Euclidean",
  inner_product: "Inner product",
  manhattan: "Manhattan",
};
export const POOLINGS = {
  average: "Average",
  max: "Max",
  gem: "GeM",
  pyramid: "Pyramid",
  flatten: "Flatten",
};
/** The names of the three scores of an experiment's row. */
export const SCORES = {
  weighted_precision: "Weighted precision",
  precision: "Precision",
  map: "Mean average precision",
};
const PAGE = 500;
const PICTURES_KEPT = 40;

// --- state <-> address ------------------------------------------------------------------------

/** Return what the address says; with `prefix` only the configuration whose names begin with it. */
export function readState({ search = location.search, prefix = "" } = {}) {
  const asked = new URLSearchParams(search);
  const configuration = Object.fromEntries(
    CONFIGURATION.map((name) => [name, asked.get(prefix + name) ?? ""]),
  );
  if (prefix) return configuration;
  const image = asked.get("image") ?? "";
  const k = Number(asked.get("k"));
  return {
    dataset: asked.get("dataset") ?? "",
    ...configuration,
    image: /^[1-9]\d{0,15}$/.test(image) ? Number(image) : null,
    k: Number.isInteger(k) && k > 0 ? Math.min(k, MOST_K) : K,
    order: ORDERS.includes(asked.get("order")) ? asked.get("order") : ORDERS[0],
  };
}

/** Return the address of a state: what is not the default, in a fixed order; `extra` adds the page's own parameters. */
export function addressOf(state, { other = null, prefix = "b_", extra = {}, path = location.pathname } = {}) {
  const asked = new URLSearchParams();
  for (const name of SHARED) {
    const value = state[name];
    const usual = (name === "k" && value === K) || (name === "order" && value === ORDERS[0]);
    if (value && !usual) asked.set(name, value);
  }
  for (const name of other ? CONFIGURATION : []) if (other[name]) asked.set(prefix + name, other[name]);
  for (const [name, value] of Object.entries(extra)) if (value) asked.set(name, value);
  const text = asked.toString();
  return path + (text && `?${text}`);
}

/** Put a state in the address and in the links between the sections. */
export function writeState(state, { replace = false, ...rest } = {}) {
  const address = addressOf(state, rest);
  if (address !== location.pathname + location.search)
    history[replace ? "replaceState" : "pushState"]({}, "", address);
  linkSections(state, rest.other);
}

/** Let the links of the sub-navigation carry the state along. */
export function linkSections(state, other = null) {
  for (const link of document.querySelectorAll("[data-sections] a")) {
    link.href = addressOf(state, { other, path: new URL(link.href, location.href).pathname });
  }
}

// --- what the server knows --------------------------------------------------------------------

const answers = new Map();

/** Ask once and keep the promise; a failure is not kept. */
function once(key, ask) {
  if (!answers.has(key)) {
    const answer = ask();
    answers.set(key, answer);
    answer.catch(() => answers.get(key) === answer && answers.delete(key));
  }
  return answers.get(key);
}

export const models = () => once("models", () => call("/api/v1/models/"));

export const experiments = (slug) =>
  once(`experiments ${slug}`, () =>
    everyPage(`/api/v1/experiments/?page_size=${PAGE}&dataset=${encodeURIComponent(slug)}`),
  );

/** Return the rows of all pages of a list. */
export async function everyPage(address) {
  const rows = [];
  for (let next = address; next;) {
    const page = await call(next);
    rows.push(...page.results);
    // the server names its own host, which a proxy in front may have replaced
    const following = page.next && new URL(page.next);
    next = following && following.pathname + following.search;
  }
  return rows;
}

export function ofImage(id) {
  const key = `image ${id}`;
  const answer = once(key, async () => {
    const found = await call(`/api/v1/experiments/of-image/?image=${id}`);
    return { ...found, found: new Map(found.results.map((result) => [result.experiment, result])) };
  });
  // the one asked for latest comes last: the first ones are let go
  if (answers.delete(key)) answers.set(key, answer);
  const pictures = [...answers.keys()].filter((other) => other.startsWith("image "));
  for (const old of pictures.slice(0, -PICTURES_KEPT)) answers.delete(old);
  return answer;
}

export function forget(slug) {
  for (const key of [...answers.keys()])
    if (key === `experiments ${slug}` || key.startsWith("image ")) answers.delete(key);
}

// --- choosing ---------------------------------------------------------------------------------

// what is given up first when the wanted combination was not computed: pooling, then metric, then layer
const WEIGHT = { model: 8, layer: 4, metric: 2, pooling: 1 };

/** Return the row of these names, or the one that has most of them; null when the network has none at all. */
export function match(rows, wanted) {
  let found = null;
  let most = -1;
  for (const row of rows) {
    if (wanted.model && row.model !== wanted.model) continue;
    let points = 0;
    for (const name of CONFIGURATION) if (wanted[name] && row[name] === wanted[name]) points += WEIGHT[name];
    if (
      points > most ||
      (points === most && (row.weighted_precision ?? -1) > (found.weighted_precision ?? -1))
    ) {
      found = row;
      most = points;
    }
  }
  return found;
}

/** Return the row with the best score, or of the first network's last layer where there are no scores. */
export function best(rows, score = "weighted_precision") {
  const scored = rows.filter((row) => row[score] !== null);
  if (scored.length) return scored.reduce((top, row) => (row[score] > top[score] ? row : top));
  return rows.find((row) => row.layer === "top" && row.metric === "cosine") ?? rows[0] ?? null;
}

/** Whether two configurations are the same. */
export const same = (one, other) => CONFIGURATION.every((name) => one[name] === other[name]);

/** Return 92.345 as "92.3", and a dash where there is no score. */
export const percent = (value) => (value === null || value === undefined ? "–" : value.toFixed(1));

/** Return 4652008 as "4.7 M". */
export const millions = (count) =>
  count >= 1e6
    ? `${(count / 1e6).toFixed(count >= 1e8 ? 0 : 1)} M`
    : count >= 1000
      ? `${Math.round(count / 1000)} k`
      : String(count);
