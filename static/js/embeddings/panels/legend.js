// The legend: what the colours mean, how many points have each, and which are shown.
/** @import { Rgb } from "../../map/types.js" */
/** @import { Legend } from "../../shared/types.js" */
import { elementsIn, focusedIn, make } from "../../shared/elements.js";
import { number } from "../../shared/format.js";

/**
 * A legend, its colours, the names that are shown, none standing for all; `choose` is called for other ones.
 * @typedef {object} ShownLegend
 * @property {Legend} legend
 * @property {Rgb[]} colours
 * @property {string[]} only
 * @property {(only: string[]) => void} choose
 */

const TITLES = {
  category: ["Categories", "Without a label"],
  cluster: ["Clusters", "In no cluster"],
  score: ["Weighted precision", "Without a score"],
};
export const NONE = "(none)";

/**
 * Return the lines of a legend, without those that no point has; what has no name is grey.
 * @param {Legend} legend
 * @param {Rgb[]} colours
 */
function linesOf(legend, colours) {
  /** @type {[name: string, count: number, colour: Rgb | null][]} */
  const lines = legend.names.map((name, at) => [name, legend.counts[at], colours[at]]);
  if (legend.none) lines.push([NONE, legend.none, null]);
  return lines.filter(([, count]) => count > 0);
}

/**
 * Return which names are shown after a click on one: it alone, then the others one by one, none means all
 * again.
 * @param {string[]} only
 * @param {string} name
 * @param {string[]} names
 */
export function toggled(only, name, names) {
  if (!only.length) return [name];
  const next = only.includes(name) ? only.filter((other) => other !== name) : [...only, name];
  return next.length === names.length ? [] : next;
}

/**
 * Return {mask (null: all), none} for the renderer.
 * @param {Legend} legend
 * @param {string[]} only
 */
export function maskOf(legend, only) {
  const known = only.filter((name) => name === NONE || legend.names.includes(name));
  if (!known.length) return { mask: null, none: true };
  return {
    mask: Uint8Array.from(legend.names, (name) => Number(known.includes(name))),
    none: known.includes(NONE),
  };
}

/**
 * Show the legend in `root`.
 * @param {HTMLElement} root
 * @param {ShownLegend} shown
 */
export function showLegend(root, { legend, colours, only, choose }) {
  const focused = focusedIn(root)?.dataset.name;
  /** @type {[name: string, count: number, colour: Rgb | null][]} */
  const lines = linesOf(legend, colours);
  const names = lines.map(([name]) => name);
  const known = only.filter((name) => names.includes(name));
  const [title, without] = TITLES[legend.kind];
  const items = lines.map(([name, count, colour]) => {
    const button = make(
      "button",
      {
        type: "button",
        class: "legend-line",
        "data-name": name,
        "aria-pressed": String(!known.length || known.includes(name)),
      },
      swatch(colour),
      make("span", { class: "legend-name" }, ...(name === NONE ? [without] : breakable(name))),
      make("span", { class: "legend-count number" }, number(count)),
    );
    button.addEventListener("click", () => choose(toggled(known, name, names)));
    return make("li", {}, button);
  });
  const all = make(
    "button",
    { type: "button", class: "link-button", hidden: !known.length, "data-name": "" },
    "Show all",
  );
  all.addEventListener("click", () => choose([]));
  root.replaceChildren(
    make("div", { class: "side-head" }, make("h2", { id: "legend-title" }, title), all),
    make("ul", { class: "legend" }, ...items),
    make("p", { class: "small muted" }, "Click one to see it alone, then others to add them."),
  );
  if (focused === undefined) return;
  const again = elementsIn(root, `[data-name="${CSS.escape(focused)}"]:not([hidden])`).at(0);
  again?.focus({ preventScroll: true });
}

/**
 * Return a name that may be broken after an underscore.
 * @param {string} name
 */
export const breakable = (name) =>
  name.split(/(?<=_)/).flatMap((part, at) => (at ? [make("wbr"), part] : [part]));

/**
 * Return a dot in a colour of the map; without one it is grey, as the points are.
 * @param {Rgb | null | undefined} colour
 */
export function swatch(colour) {
  const dot = make("span", { class: "swatch" });
  if (colour) dot.style.setProperty("--colour", `rgb(${colour.join(" ")})`);
  return dot;
}
