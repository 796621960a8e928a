// What there is among the images that the filter finds: values to narrow it by, with their counts.
/** @import { Facet } from "../shared/types.js" */
/** @import { Filters } from "./types.js" */
import { call } from "../shared/api.js";
import { byId, closest, make } from "../shared/elements.js";
import { number } from "../shared/format.js";
import { siteAddress } from "../shared/site.js";
import { datasetOf, quoted, whereOf } from "./address.js";

const NAMES = /** @type {Record<string, string>} */ ({
  label: "Label",
  dataset: "Dataset",
  format: "Format",
  orientation: "Orientation",
  word: "Suggested word",
});
let shown = ""; // the address whose facets are shown, or asked for

const panel = () => byId("facets", HTMLDetailsElement);

/**
 * Return the condition that keeps the images of a value.
 * @param {string} field
 * @param {string} value
 */
const conditionOf = (field, value) => (value ? `${field}:${quoted(value)}` : `no:${field}`);

/** @param {Facet} facet */
function group({ field, counts, more, timed_out: timedOut }) {
  const name = NAMES[field] ?? field;
  const values = counts.map(({ value, count }) =>
    make(
      "li",
      {},
      make(
        "button",
        { class: "chip", type: "button", "data-condition": conditionOf(field, value) },
        value || "none",
        make("span", { class: "count" }, number(count)),
      ),
    ),
  );
  if (timedOut) values.push(make("li", { class: "small muted" }, "Too many images to count in time."));
  else if (more) values.push(make("li", { class: "small muted" }, "and others"));
  return make("div", {}, make("h3", { class: "small" }, name), make("ul", { class: "chips" }, ...values));
}

/**
 * Show the facets of what the filters find, if the panel is open and they are not there yet.
 * @param {Filters} filters
 */
export async function showFacets(filters) {
  if (!panel().open) return;
  const asked = new URLSearchParams();
  const where = whereOf(filters);
  if (where) asked.set("where", where);
  if (datasetOf(filters)) asked.set("dataset", datasetOf(filters));
  const address = siteAddress(`/api/v1/facets/?${asked}`);
  if (address === shown) return;
  shown = address;
  try {
    /** @type {{ facets: Facet[] }} */
    const answer = await call(address);
    // one value for all narrows nothing
    const useful = answer.facets.filter(({ counts, timed_out: late }) => late || counts.length > 1);
    if (shown === address)
      byId("facet-list").replaceChildren(
        ...(useful.length ? useful.map(group) : [make("p", { class: "small muted" }, "Nothing to narrow.")]),
      );
  } catch {
    if (shown !== address) return; // newer ones are asked for
    shown = "";
    byId("facet-list").replaceChildren(); // the search itself says what is wrong with the filter
  }
}

/**
 * Tell when the panel is opened, and which condition was chosen in it.
 * @param {() => void} opened
 * @param {(condition: string) => void} chosen
 */
export function listenForFacets(opened, chosen) {
  panel().addEventListener("toggle", opened);
  panel().addEventListener("click", (event) => {
    const condition = closest(event, "[data-condition]")?.dataset.condition;
    if (condition) chosen(condition);
  });
}
