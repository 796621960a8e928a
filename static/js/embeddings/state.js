// What the page of the map shows, as one value, and how the address says it.
//
// Beside what shared/experiments/url-state.js reads: method, digest (of the parameters), by (what colours), q
// (what is found), only (names of the legend that are shown; none stands for all), picked (ids of a selection
// that is not too large), view ([x, y, zoom]; null shows everything).
/** @import { MapRow, Network } from "../shared/types.js" */
/** @import { MapState, MapView, Variant } from "./types.js" */
import { addressOf, readState, writeAddress } from "../shared/experiments/url-state.js";

/** @type {Record<string, string>} */
export const METHODS = { umap: "UMAP", tsne: "t-SNE", pca: "PCA" };
const OWN = /** @type {const} */ (["method", "digest", "by", "q"]);
const DIGITS = 5;

/**
 * Return what the address says.
 * @returns {MapState}
 */
export function readMapState(search = location.search) {
  const asked = new URLSearchParams(search);
  /** @param {string} name */
  const read = (name) => asked.get(name) ?? "";
  return {
    ...readState(search),
    method: read("method"),
    digest: read("digest"),
    by: read("by"),
    q: read("q"),
    only: asked.getAll("only"),
    picked: read("picked")
      .split(",")
      .filter((id) => /^[1-9]\d{0,9}$/.test(id))
      .map(Number),
    view: viewOf(read("view")),
  };
}

/**
 * Return "1,2,3" as a view, null for anything else.
 * @param {string} text
 * @returns {MapView | null}
 */
function viewOf(text) {
  const parts = text.split(",").map(Number);
  const [x, y, zoom] = parts;
  return parts.length === 3 && parts.every(Number.isFinite) && zoom > 0 ? [x, y, zoom] : null;
}

/**
 * Return the address of a state.
 * @param {MapState} state
 */
export function mapAddress(state) {
  /** @type {Record<string, string>} */
  const extra = Object.fromEntries(OWN.map((name) => [name, state[name]]));
  if (state.view) extra.view = state.view.map((part) => Number(part.toPrecision(DIGITS))).join(",");
  extra.picked = state.picked.join(",");
  const address = addressOf(state, { extra });
  const only = state.only.map((name) => `only=${encodeURIComponent(name)}`).join("&");
  return only ? `${address}${address.includes("?") ? "&" : "?"}${only}` : address;
}

/**
 * Put a state in the address; `replace` where it is no step one would go back to.
 * @param {MapState} state
 */
export function writeMapState(state, { replace = false } = {}) {
  writeAddress(mapAddress(state), { replace });
}

/**
 * Return the maps of all layers that belong together, in depth order; `rows` are those of the dataset.
 * @param {MapRow[]} rows
 * @param {Pick<MapState, "method" | "model" | "pooling" | "digest">} wanted
 */
export function familyOf(rows, { method, model, pooling, digest }) {
  const found = variantsOf(rows, { method, model, pooling });
  return found.find((variant) => variant.digest === digest)?.rows ?? found[0]?.rows ?? [];
}

/** @param {MapRow} row */
const depthOf = (row) => row.layer_position ?? 0;

/**
 * Return the variants of a network and method: the most complete first, then the oldest.
 * @param {MapRow[]} rows
 * @param {Pick<MapState, "method" | "model" | "pooling">} wanted
 */
export function variantsOf(rows, { method, model, pooling }) {
  /** @type {Map<string, Variant>} */
  const found = new Map();
  for (const row of rows) {
    if (row.method !== method || row.model !== model || row.pooling !== pooling) continue;
    const variant = found.get(row.digest) ?? { digest: row.digest, parameters: row.parameters, rows: [] };
    variant.rows.push(row);
    found.set(row.digest, variant);
  }
  const variants = [...found.values()];
  for (const variant of variants) variant.rows.sort((a, b) => depthOf(a) - depthOf(b));
  /** @param {Variant} variant */
  const first = (variant) => Math.min(...variant.rows.map((row) => row.id));
  return variants.sort((a, b) => b.rows.length - a.rows.length || first(a) - first(b));
}

/**
 * Fill in what a state leaves open from the maps that there are; what was asked for stays, computed or not.
 * `usual` is the network that is mapped first.
 * @param {MapState} state
 * @param {MapRow[]} rows
 * @param {Network[]} networks
 * @param {string} usual
 * @returns {MapState}
 */
export function settled(state, rows, networks, usual) {
  const method = METHODS[state.method]
    ? state.method
    : (Object.keys(METHODS).find((name) => rows.some((row) => row.method === name)) ?? "umap");
  const ofMethod = rows.filter((row) => row.method === method);
  const known = networks.some((network) => network.name === state.model);
  const mapped = ofMethod.find((row) => row.model === usual) ?? ofMethod.at(-1);
  const model = known ? state.model : (mapped?.model ?? usual);
  const poolings = ofMethod.filter((row) => row.model === model).map((row) => row.pooling);
  const pooling = poolings.includes(state.pooling)
    ? state.pooling
    : poolings.includes("average")
      ? "average"
      : (poolings[0] ?? state.pooling) || "average";
  const family = familyOf(rows, { ...state, method, model, pooling });
  const layer = family.find((row) => row.layer === state.layer)?.layer ?? family.at(-1)?.layer ?? state.layer;
  return { ...state, method, model, pooling, layer };
}
