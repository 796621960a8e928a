// The table of all layers of a network, fetched when somebody opens it.
/** @import { LayerRow, Network } from "../shared/types.js" */
import { call } from "../shared/api.js";
import { make } from "../shared/elements.js";
import { number } from "../shared/format.js";
import { siteAddress } from "../shared/site.js";
import { kindName } from "../shared/experiments/terms.js";

const HEADS = ["No.", "Layer and type", "Output", "Weights"];

/**
 * Return what is known of every layer: totals, and a table in a box that scrolls.
 * @param {Network} network
 */
export async function allLayersOf(network) {
  /** @type {LayerRow[]} */
  const rows = await call(network.all_layers ?? "");
  const stops = new Map(network.layers.map((layer) => [layer.index, layer.name]));
  const total = rows.reduce((sum, [, , , parameters]) => sum + parameters, 0);
  const table = make(
    "table",
    { class: "number" },
    make(
      "caption",
      { class: "muted" },
      `${number(rows.length)} layers with ${number(total)} weights in all. Outputs are height × width × channels. The ${number(stops.size)} layers to search with are marked.`,
    ),
    make("thead", {}, make("tr", {}, ...HEADS.map((head) => make("th", { scope: "col" }, head)))),
    make("tbody", {}, ...rows.map((row, at) => rowOf(network, row, at + 1, stops.get(at + 1)))),
  );
  const label = `All layers of ${network.title}`;
  return [make("div", { class: "table-wrap", tabindex: 0, role: "region", "aria-label": label }, table)];
}

/**
 * @param {Network} network
 * @param {LayerRow} row
 * @param {number} at
 * @param {string | undefined} stop the name of the layer, if it is one to search with
 */
function rowOf(network, [name, type, shape, parameters], at, stop) {
  return make(
    "tr",
    { "data-stop": stop },
    make("td", {}, number(at)),
    make(
      "th",
      { scope: "row" },
      // a long name may break behind its dots and underscores
      ...(name.match(/[^._]+[._]*|[._]+/g) ?? []).flatMap((part) => [part, make("wbr")]),
      make("span", { class: "layer-kind" }, kindName(type)),
      stop === undefined ? null : markOf(network, stop),
    ),
    make("td", {}, shape.map(number).join(" × ")),
    make("td", {}, number(parameters)),
  );
}

/**
 * @param {Network} network
 * @param {string} stop
 */
function markOf({ name, available }, stop) {
  if (!available) return make("span", { class: "badge" }, stop);
  const address = siteAddress(`/?${new URLSearchParams({ model: name, layer: stop })}`);
  return make("a", { class: "badge", href: address, "aria-label": `${stop}: search with it` }, stop);
}
