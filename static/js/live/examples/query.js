// Shows the picture that is searched with, at once from what the page already has.
/** @import { Example } from "../../shared/types.js" */
/** @import { Query } from "../types.js" */
import { byId } from "../../shared/elements.js";

/** @type {{ file: File, url: string, unreadable: boolean } | null} */
let shown = null; // the object URL in use, revoked when replaced

/** @param {string} url */
function hostOf(url) {
  try {
    return new URL(url).hostname;
  } catch {
    return url;
  }
}

/**
 * Show a picture, or `instead` where the browser cannot.
 * @param {string | null | undefined} source
 * @param {string | null | undefined} [instead]
 */
function showSource(source, instead) {
  const image = byId("query-image", HTMLImageElement);
  const blank = byId("query-blank");
  /** @param {boolean} visible */
  const use = (visible) => {
    image.hidden = !visible;
    blank.hidden = visible;
  };
  image.onerror = () => {
    if (shown && shown.url === source) shown.unreadable = true;
    if (instead) showSource(instead);
    else use(false);
  };
  use(Boolean(source));
  if (!source) image.removeAttribute("src");
  else if (image.getAttribute("src") !== source) image.src = source;
}

/**
 * Show the query; `answered` is what the API's answer says of it, once it is there.
 * @param {Query | null} query
 * @param {Example} [answered]
 */
export function showQuery(query, answered) {
  byId("query-picture").hidden = !query;
  byId("invitation").hidden = Boolean(query);
  byId("choose-text").textContent = query ? "Choose another image" : "Choose an image";
  const file = query?.kind === "upload" ? query.file : null;
  /** @type {string | null | undefined} */
  let source = null;
  let name = "";
  /** @type {string | null | undefined} */
  let instead = null;
  if (query?.kind === "upload") {
    query.thumbnail = answered?.thumbnail ?? query.thumbnail;
    source = query.thumbnail;
    name = file?.name || "Uploaded image";
    if (file) {
      if (shown?.file !== file) {
        if (shown) URL.revokeObjectURL(shown.url);
        shown = { file, url: URL.createObjectURL(file), unreadable: false };
      }
      // of what browsers do not show, as TIFF, the server sends a small copy
      instead = source;
      if (!shown.unreadable || !source) source = shown.url;
    }
  } else if (query?.kind === "image") {
    query.thumbnail = answered?.image?.thumbnail ?? query.thumbnail;
    query.name = answered?.image?.filename ?? query.name;
    source = query.thumbnail;
    name = query.name ?? "";
  } else if (query?.kind === "url") {
    // pages may show only our own pictures, so the server sends a small copy of a foreign one
    query.thumbnail = answered?.thumbnail ?? query.thumbnail;
    source = query.thumbnail;
    name = `Image from ${hostOf(query.url)}`;
  }
  byId("query-image", HTMLImageElement).alt = name ? `Query: ${name}` : "Query image";
  byId("query-name").textContent = name;
  byId("query-size").textContent = answered?.width ? `${answered.width} × ${answered.height}` : "";
  showSource(source, instead);
}
