// The frame on the image that is searched with: all of it until somebody draws.
/** @import { Example } from "../../shared/types.js" */
/** @import { Box, Query } from "../types.js" */
import { byId } from "../../shared/elements.js";
import { isWhole, WHOLE } from "./box.js";
import { Frame } from "./frame.js";

/** @type {Frame | null} */
let frame = null;

/**
 * Show the part of the query that is searched with; `answered` is what the API's answer says of it.
 * @param {Query | null} query
 * @param {Example} [answered]
 */
export function showFrame(query, answered) {
  // a file that is on its way has no name yet, and cannot be asked with a part
  const isAsked = Boolean(query && (query.kind !== "upload" || query.upload));
  const box = query?.box ?? WHOLE;
  frame?.show(isAsked ? box : null, answered);
  byId("frame-note").hidden = !isAsked;
  byId("frame-hint").hidden = !isWhole(box);
  byId("frame-whole").hidden = isWhole(box);
}

/**
 * Return a query with another part of it; all of it has no box.
 * @template {Query} T
 * @param {T} query
 * @param {Box} box
 * @returns {T}
 */
export const withBox = (query, box) => ({ ...query, box: isWhole(box) ? undefined : box });

/** @param {(box: Box) => void} take told when the part is another */
export function listenForFrame(take) {
  frame = new Frame(byId("query-image", HTMLImageElement), take);
  byId("frame-whole").addEventListener("click", () => {
    take(WHOLE);
    frame?.focus(); // the button is gone
  });
}
