// The images that a search can start from are those of the dataset that is chosen.
import { byId } from "../shared/elements.js";
import { linkAnew } from "./links.js";

let offered = new URLSearchParams(location.search).get("dataset") ?? ""; // what the page came with

/**
 * Offer images of a dataset; of all of them for "".
 * @param {string} dataset
 */
export async function offerImagesOf(dataset) {
  if (dataset === offered) return;
  offered = dataset;
  const page = await pageOf(dataset);
  if (!page || offered !== dataset) return; // another one was chosen meanwhile
  for (const id of ["samples", "samples-again"]) {
    const list = page.getElementById(id);
    if (list) byId(id).replaceWith(document.adoptNode(list));
  }
  linkAnew();
}

/** @param {string} dataset */
async function pageOf(dataset) {
  try {
    const answer = await fetch(`${location.pathname}?${new URLSearchParams({ dataset })}`);
    return answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
  } catch {
    return null; // those that are offered can be searched with as well
  }
}
