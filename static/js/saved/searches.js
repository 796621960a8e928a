// Saved searches as the API has them: what there is, what is new, and what changes one.
/** @import { NewCount, Page, SavedSearch } from "../shared/types.js" */
import { call } from "../shared/api.js";
import { number } from "../shared/format.js";
import { siteAddress } from "../shared/site.js";

const ALL = "/api/v1/saved-searches/";

/** @param {number} id */
const addressOf = (id) => siteAddress(`${ALL}${id}/`);

/** @returns {Promise<SavedSearch[]>} the latest, one's own and those of others */
export async function savedSearches() {
  /** @type {Page<SavedSearch>} */
  const { results } = await call(siteAddress(ALL));
  return results;
}

/** @returns {Promise<Map<number, NewCount>>} what is new in one's own, by number */
export async function newCounts() {
  /** @type {{ counts: NewCount[] }} */
  const { counts } = await call(siteAddress(`${ALL}new/`));
  return new Map(counts.map((one) => [one.id, one]));
}

/**
 * Return in words what is new, "" for nothing.
 * @param {Pick<NewCount, "new" | "many" | "problem"> | undefined} count
 */
export function newWords(count) {
  if (!count || count.problem) return "";
  if (count.many) return "many new";
  return count.new ? `${number(count.new)} new` : "";
}

/**
 * Save a search under a name.
 * @param {{ name: string, document: object, address: string, shared: boolean }} search
 * @returns {Promise<SavedSearch>}
 */
export const saveSearch = (search) => call(siteAddress(ALL), { method: "POST", body: search });

/**
 * @param {number} id
 * @param {{ name?: string, shared?: boolean }} change
 * @returns {Promise<SavedSearch>}
 */
export const changeSearch = (id, change) => call(addressOf(id), { method: "PATCH", body: change });

/** @param {number} id */
export const deleteSearch = (id) => call(addressOf(id), { method: "DELETE" });

/**
 * Note that one of one's own is looked at, also where the page is left for it.
 * @param {number} id
 */
export const seeSearch = (id) =>
  call(addressOf(id), { method: "PATCH", body: { seen: true }, keepalive: true }).catch(() => null);
