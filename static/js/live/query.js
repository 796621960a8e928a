// Shows the picture that is searched with, at once from what the page already has.

const at = (id) => document.getElementById(id);
let shown = null; // the object URL in use, revoked when replaced

function hostOf(url) {
  try {
    return new URL(url).hostname;
  } catch {
    return url;
  }
}

function showSource(source) {
  const image = at("query-image");
  const blank = at("query-blank");
  const use = (visible) => {
    image.hidden = !visible;
    blank.hidden = visible;
  };
  image.onerror = () => use(false);
  use(Boolean(source));
  if (!source) image.removeAttribute("src");
  else if (image.getAttribute("src") !== source) image.src = source;
}

/** Show the query; `answered` is the `query` of the API's answer, once it is there. */
export function showQuery(query, uploads, answered) {
  at("query-picture").hidden = !query;
  at("invitation").hidden = Boolean(query);
  at("choose-text").textContent = query ? "Choose another picture" : "Choose a picture";
  const file = query?.kind === "file" ? uploads.get(query.key) : null;
  let source = null;
  let name = "";
  if (file) {
    if (shown?.file !== file) {
      if (shown) URL.revokeObjectURL(shown.url);
      shown = { file, url: URL.createObjectURL(file) };
    }
    source = shown.url;
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
  at("query-image").alt = name ? `Query: ${name}` : "Query picture";
  at("query-name").textContent = name;
  at("query-size").textContent = answered?.width ? `${answered.width} × ${answered.height}` : "";
  showSource(source);
}
