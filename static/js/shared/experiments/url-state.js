// The choices that Explore, Compare and Leaderboard share, as one value, and how the address says it.
//
//   const state = readState();                    the address -> a State
//   const other = readConfiguration();            the second one of Compare: {model, layer, pooling, metric}
//   writeState(state, { other, replace: true });  state -> the address; pushState unless `replace`
//   addressOf(state, { path: "/leaderboard/" })   the same as a link
//
// `image` is a number or null, `k` a number, everything else a string, "" when the address does not say.
/** @import { Configuration, State } from "../types.js" */

/** What both configurations of a comparison have. */
export const CONFIGURATION = /** @type {const} */ (["model", "layer", "pooling", "metric"]);
const SHARED = /** @type {const} */ (["dataset", ...CONFIGURATION, "image", "k", "order"]);
export const K = 10;
export const MOST_K = 50;
export const ORDERS = ["random", "category"];
const PREFIX = "b_"; // of the second configuration

/**
 * Return the configuration of a row or a state.
 * @param {Configuration} from
 * @returns {Configuration}
 */
export const configurationOf = ({ model, layer, pooling, metric }) => ({ model, layer, pooling, metric });

/**
 * Whether two configurations are the same.
 * @param {Configuration} one
 * @param {Configuration} other
 */
export const same = (one, other) => CONFIGURATION.every((name) => one[name] === other[name]);

/**
 * Return the configuration that the address says under names that begin with `prefix`.
 * @returns {Configuration}
 */
export function readConfiguration(prefix = PREFIX, search = location.search) {
  const asked = new URLSearchParams(search);
  /** @param {string} name */
  const read = (name) => asked.get(prefix + name) ?? "";
  return { model: read("model"), layer: read("layer"), pooling: read("pooling"), metric: read("metric") };
}

/**
 * Return what the address says.
 * @returns {State}
 */
export function readState(search = location.search) {
  const asked = new URLSearchParams(search);
  const image = asked.get("image") ?? "";
  const k = Number(asked.get("k"));
  const order = asked.get("order") ?? "";
  return {
    dataset: asked.get("dataset") ?? "",
    ...readConfiguration("", search),
    image: /^[1-9]\d{0,15}$/.test(image) ? Number(image) : null,
    k: Number.isInteger(k) && k > 0 ? Math.min(k, MOST_K) : K,
    order: ORDERS.includes(order) ? order : ORDERS[0],
  };
}

/**
 * How an address is written: `other` is the second configuration of Compare, `extra` adds the page's own
 * parameters.
 * @typedef {object} AddressOptions
 * @property {Configuration | null} [other]
 * @property {Record<string, string>} [extra]
 * @property {string} [path]
 */

/**
 * Return the address of a state: what is not the default, in a fixed order.
 * @param {State} state
 * @param {AddressOptions} options
 */
export function addressOf(state, { other = null, extra = {}, path = location.pathname } = {}) {
  const asked = new URLSearchParams();
  for (const name of SHARED) {
    const value = state[name];
    const usual = (name === "k" && value === K) || (name === "order" && value === ORDERS[0]);
    if (value && !usual) asked.set(name, String(value));
  }
  for (const name of CONFIGURATION) if (other?.[name]) asked.set(PREFIX + name, other[name]);
  for (const [name, value] of Object.entries(extra)) if (value) asked.set(name, value);
  const text = asked.toString();
  return path + (text && `?${text}`);
}

/**
 * Put an address in the browser's bar, as an entry of its own in the history unless `replace`.
 * @param {string} address
 */
export function writeAddress(address, { replace = false } = {}) {
  if (address === location.pathname + location.search) return;
  if (replace) history.replaceState({}, "", address);
  else history.pushState({}, "", address);
}

/**
 * Put a state in the address and in the links between the sections.
 * @param {State} state
 * @param {AddressOptions & { replace?: boolean }} options
 */
export function writeState(state, { replace = false, ...rest } = {}) {
  writeAddress(addressOf(state, rest), { replace });
  linkSections(state, rest.other);
}

/**
 * Let the links of the sub-navigation carry the state along.
 * @param {State} state
 * @param {Configuration | null} other
 */
export function linkSections(state, other = null) {
  for (const link of document.querySelectorAll("[data-sections] a")) {
    if (!(link instanceof HTMLAnchorElement)) continue;
    link.href = addressOf(state, { other, path: new URL(link.href, location.href).pathname });
  }
}
