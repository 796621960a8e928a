// The fields that say where to look: dataset, label, number of results and the typed filter.
/** @import { Category, DatasetDetail } from "../shared/types.js" */
/** @import { Filters, State } from "./types.js" */
import { call } from "../shared/api.js";
import { byId } from "../shared/elements.js";
import { siteAddress } from "../shared/site.js";
import { datasetOf } from "./address.js";

/** @type {Map<string, Category[]>} */
const categories = new Map();
let shown = ""; // the dataset whose labels are shown, or asked for

/** @param {"dataset" | "label" | "k"} name */
const selectOf = (name) => byId(name, HTMLSelectElement);

export const whereField = () => byId("where", HTMLInputElement);

/** How many results there are where the address does not say. */
export const usualK = () => Number(selectOf("k").options[0]?.value ?? 10);

/**
 * Return what is chosen; another dataset has other labels than `before`.
 * @param {Filters} before
 * @returns {Filters}
 */
export function chosenFilters(before) {
  const slug = selectOf("dataset").value;
  return {
    dataset: slug,
    label: slug === before.dataset ? selectOf("label").value : "",
    where: whereField().value.trim(),
    k: Number(selectOf("k").value),
  };
}

/** @param {() => void} changed */
export function listenForFilters(changed) {
  for (const field of [selectOf("dataset"), selectOf("label"), selectOf("k"), whereField()])
    field.addEventListener("change", changed);
}

/**
 * @param {HTMLSelectElement} select
 * @param {string | number} value
 */
function ensureOption(select, value) {
  if (value !== "" && ![...select.options].some((option) => option.value === String(value))) {
    select.add(new Option(String(value)));
  }
  select.value = String(value);
}

/** @param {State} state */
export async function showControls({ query, filters }) {
  const label = selectOf("label");
  whereField().value = filters.where;
  ensureOption(selectOf("dataset"), filters.dataset);
  ensureOption(selectOf("k"), filters.k);
  byId("url", HTMLInputElement).value = query?.kind === "url" ? query.url : "";
  const slug = (shown = datasetOf(filters));
  label.replaceChildren(new Option("Any label", ""));
  ensureOption(label, filters.label);
  label.disabled = !slug && !filters.label;
  if (!slug) return;
  /** @type {Category[]} */
  let found;
  try {
    found = await categoriesOf(slug);
  } catch {
    return; // the search itself will say what is wrong with the dataset
  }
  if (shown !== slug) return;
  const named = found.filter((category) => category.name);
  label.replaceChildren(
    new Option(named.length ? "Any label" : "No labels", ""),
    ...named.map((category) => new Option(`${category.name} (${category.images})`, category.name)),
  );
  label.disabled = !named.length && !filters.label;
  ensureOption(label, filters.label);
}

/** @param {string} slug */
async function categoriesOf(slug) {
  const known = categories.get(slug);
  if (known) return known;
  /** @type {DatasetDetail} */
  const dataset = await call(siteAddress(`/api/v1/datasets/${encodeURIComponent(slug)}/`));
  categories.set(slug, dataset.categories);
  return dataset.categories;
}
