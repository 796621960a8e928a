// The legend: what the colours mean, how many points have each, and which are shown.
import { make, number } from "../shared/elements.js";

const TITLES = {
  category: ["Categories", "Without a label"],
  cluster: ["Clusters", "In no cluster"],
  score: ["Weighted precision", "Without a score"],
};
export const NONE = "(none)";

/** Return [name, number of points, [red, green, blue] or null] for each line of a legend. */
function linesOf(legend, colours) {
  const lines = legend.names.map((name, at) => [name, legend.counts[at], colours[at]]);
  if (legend.none) lines.push([NONE, legend.none, null]);
  return lines.filter(([, count]) => count > 0);
}

/** Return which names are shown after a click on one: it alone, then the others one by one, none means all again. */
export function toggled(only, name, names) {
  if (!only.length) return [name];
  const next = only.includes(name) ? only.filter((other) => other !== name) : [...only, name];
  return next.length === names.length ? [] : next;
}

/** Return {mask (null: all), none} for the renderer. */
export function maskOf(legend, only) {
  const known = only.filter((name) => name === NONE || legend.names.includes(name));
  if (!known.length) return { mask: null, none: true };
  return {
    mask: Uint8Array.from(legend.names, (name) => Number(known.includes(name))),
    none: known.includes(NONE),
  };
}

/** Show the legend in `root`; `choose(only)` is called when another part of it is to be shown. */
export function showLegend(root, { legend, colours, only, choose }) {
  const focused = root.contains(document.activeElement) ? document.activeElement.dataset.name : null;
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
  if (focused !== null)
    root.querySelector(`[data-name="${CSS.escape(focused)}"]:not([hidden])`)?.focus({ preventScroll: true });
}

/** Return a name that may be broken after an underscore. */
export const breakable = (name) =>
  name.split(/(?<=_)/).flatMap((part, number) => (number ? [make("wbr"), part] : [part]));

/** Return a dot in a colour of the map; without one it is grey, as the points are. */
export function swatch(colour) {
  const dot = make("span", { class: "swatch" });
  if (colour) dot.style.setProperty("--colour", `rgb(${colour.join(" ")})`);
  return dot;
}
