// Shows the picture that is searched with, at once from what the page already has.
/** @import { SearchQuery } from "../shared/types.js" */
/** @import { Query, Uploads } from "./types.js" */
import { byId } from "../shared/elements.js";

/** @type {{ file: File, url: string, thumbnail?: string | null } | null} */
let shown = null; // the object URL in use, revoked when replaced

/** @param {string} url */
function hostOf(url) {
  try {
    return new URL(url).hostname;
  } catch {
    return url;
  }
}

/** @param {string | null | undefined} source */
function showSource(source) {
  const image = byId("query-image", HTMLImageElement);
  const blank = byId("query-blank");
  /** @param {boolean} visible */
  const use = (visible) => {
    image.hidden = !visible;
    blank.hidden = visible;
  };
  image.onerror = () => use(false);
  use(Boolean(source));
  if (!source) image.removeAttribute("src");
  else if (image.getAttribute("src") !== source) image.src = source;
}

/**
 * Show the query; `answered` is the `query` of the API's answer, once it is there.
 * @param {Query | null} query
 * @param {Uploads} uploads
 * @param {SearchQuery} [answered]
 */
export function showQuery(query, uploads, answered) {
  byId("query-picture").hidden = !query;
  byId("invitation").hidden = Boolean(query);
  byId("choose-text").textContent = query ? "Choose another picture" : "Choose a picture";
  const file = query?.kind === "file" ? uploads.get(query.key) : null;
  /** @type {string | null | undefined} */
  let source = null;
  let name = "";
  if (file) {
    if (shown?.file !== file) {
      if (shown) URL.revokeObjectURL(shown.url);
      shown = { file, url: URL.createObjectURL(file) };
    }
    // of what browsers do not show, as TIFF, the server sends a small copy
    shown.thumbnail = answered?.thumbnail ?? shown.thumbnail;
    source = shown.thumbnail ?? shown.url;
    name = file.name || "Pasted picture";
  } else if (query?.kind === "image") {
    query.thumbnail = answered?.image?.thumbnail ?? query.thumbnail;
    query.name = answered?.image?.filename ?? query.name;
    source = query.thumbnail;
    name = query.name ?? "";
  } else if (query?.kind === "url") {
    // pages may show only our own pictures, so the server sends a small copy of a foreign one
    query.thumbnail = answered?.thumbnail ?? query.thumbnail;
    source = query.thumbnail;
    name = `Picture from ${hostOf(query.url)}`;
  }
  byId("query-image", HTMLImageElement).alt = name ? `Query: ${name}` : "Query picture";
  byId("query-name").textContent = name;
  byId("query-size").textContent = answered?.width ? `${answered.width} × ${answered.height}` : "";
  showSource(source);
}
