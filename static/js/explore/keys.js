// The arrows: up and down walk the layers, left and right the pictures or the neighbours; Escape goes back to all pictures.

const at = (id) => document.getElementById(id);

/** Whether keys belong to something else: fields, an open menu, or a page that only scrolls. */
function taken(event, page) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.defaultPrevented) return true;
  const target = event.target;
  if (
    target.closest(
      "input, select, textarea, [contenteditable], dialog, .disclosure, .top, .sections, #datasets",
    )
  )
    return true;
  // on the grid the page itself scrolls as long as nobody works with the pictures or the rail
  return page.state.image === null && !target.closest("#explore");
}

export function listenForKeys(page) {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && page.state.image !== null && !event.target.closest("select, .top")) {
      event.preventDefault();
      page.choose({ image: null });
      return;
    }
    if (taken(event, page)) return;
    const since = performance.now();
    const step = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    if (event.key === "ArrowUp" || event.key === "ArrowDown") walkLayers(page, step, since);
    else walkPictures(page, step, event.target, since);
  });
}

function walkLayers(page, step, since) {
  const layers = page.networks.find((network) => network.name === page.state.model)?.layers ?? [];
  const next = layers[layers.findIndex((layer) => layer.name === page.state.layer) + step];
  if (!next) return;
  const inRail = at("layers").contains(document.activeElement);
  page.choose({ layer: next.name }, { since, walking: true });
  if (inRail) at("layers").querySelector("a[aria-current]")?.focus({ preventScroll: true });
}

function walkPictures(page, step, target, since) {
  if (page.state.image === null) {
    page.grid.walk(step);
    return;
  }
  const neighbour = target.closest("#neighbours li");
  if (neighbour) {
    const next = step > 0 ? neighbour.nextElementSibling : neighbour.previousElementSibling;
    next?.querySelector("a")?.focus();
    return;
  }
  page.grid
    .beside(page.state.image, step)
    .then((image) => image !== null && page.search(image, { since, walking: true }));
}
