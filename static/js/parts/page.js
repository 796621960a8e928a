// Has the parts of the images of a dataset indexed, or forgotten, and says before what that takes.
/** @import { Job, PartsFacts } from "../shared/types.js" */
import { call } from "../shared/api.js";
import { byId } from "../shared/elements.js";
import { fail, hideFailure } from "../shared/failure.js";
import { siteAddress } from "../shared/site.js";
import { partsWords } from "./words.js";

const panel = document.getElementById("parts");

/** @param {string} slug */
const addressOf = (slug) => siteAddress(`/api/v1/datasets/${encodeURIComponent(slug)}/parts/`);

/**
 * @param {string} slug
 * @param {"POST" | "DELETE"} method
 */
async function ask(slug, method) {
  const failure = byId("parts-error");
  hideFailure(failure);
  try {
    /** @type {Job} */
    const job = await call(addressOf(slug), { method });
    location.assign(siteAddress(`/jobs/${job.id}/`));
  } catch (error) {
    fail(error, failure);
  }
}

/**
 * @param {HTMLElement} shown
 * @param {string} slug
 */
async function show(shown, slug) {
  /** @type {PartsFacts} */
  const facts = await call(addressOf(slug));
  byId("parts-words").textContent = partsWords(facts);
  const may = shown.dataset.may !== undefined;
  byId("parts-index").hidden = !may || (facts.active && facts.indexed >= facts.images);
  byId("parts-index").textContent = facts.active ? "Index the rest" : "Index parts";
  byId("parts-forget").hidden = !may || !facts.active;
  shown.hidden = !may && !facts.active;
}

const slug = panel?.dataset.parts;
if (panel && slug) {
  byId("parts-index").addEventListener("click", () => ask(slug, "POST"));
  byId("parts-forget").addEventListener("click", () => ask(slug, "DELETE"));
  show(panel, slug).catch(() => {}); // a site that does not answer says so elsewhere
}
