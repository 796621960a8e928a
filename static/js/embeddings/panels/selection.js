// The points selected with a box, a lasso or the space bar: counted, listed, exported, made a dataset of.
/** @import { MapPoints, Rgb } from "../../map/types.js" */
/** @import { Legend, MapRow, NewDataset } from "../../shared/types.js" */
import { call } from "../../shared/api.js";
import { byId, make } from "../../shared/elements.js";
import { fail, hideFailure } from "../../shared/failure.js";
import { number, plural } from "../../shared/format.js";
import { cellOf } from "../csv.js";
import { namesOf } from "../data.js";
import { breakable, swatch } from "./legend.js";
import { pagedList } from "./list.js";
import { siteAddress } from "../../shared/site.js";

/**
 * Return [line of the legend or -1, count], most first, of the selected points.
 * @param {Uint32Array} indices
 * @param {Uint16Array} numbers
 */
function counted(indices, numbers) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const index of indices) counts.set(numbers[index], (counts.get(numbers[index]) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

/**
 * The selected `indices` of `points`, coloured by `numbers` of a legend.
 * @typedef {object} SelectedPoints
 * @property {Uint32Array} indices
 * @property {MapPoints} points
 * @property {Uint16Array} numbers
 * @property {Legend} legend
 * @property {Rgb[]} colours
 * @property {MapRow} row
 * @property {boolean} mayCollect
 * @property {{ open: (id: number) => void, clear: () => void }} on
 */

/** Take the panel away. */
export function closeSelection() {
  const root = byId("selection");
  root.hidden = true;
  root.dataset.count = "0";
  root.replaceChildren();
}

/**
 * Show a selection; without points the panel goes.
 * @param {SelectedPoints} selection
 */
export function showSelection({ indices, points, numbers, legend, colours, row, mayCollect, on }) {
  if (!indices.length) {
    closeSelection();
    return;
  }
  const root = byId("selection");
  root.hidden = false;
  root.dataset.count = String(indices.length);
  const ids = Array.from(indices, (index) => points.ids[index]);
  const clear = make(
    "button",
    { type: "button", class: "icon-button", "aria-label": "Clear the selection" },
    "✕",
  );
  clear.addEventListener("click", on.clear);
  const lines = counted(indices, numbers).map(([line, count]) => {
    const bar = make("span", { class: "share" });
    bar.style.setProperty("--share", String(count / indices.length));
    return make(
      "li",
      {},
      swatch(colours[line]),
      make("span", { class: "legend-name" }, ...breakable(legend.names[line] ?? "none")),
      bar,
      make("span", { class: "legend-count number" }, number(count)),
    );
  });
  const save = make("button", { type: "button", class: "button" }, "Export CSV");
  const failure = make("p", { class: "notice danger", role: "alert", hidden: true });
  save.addEventListener("click", () =>
    attempt(save, failure, () => exportCsv({ ids, indices, points, row })),
  );
  root.replaceChildren(
    make(
      "div",
      { class: "side-head" },
      make("h2", { id: "selection-title" }, `${plural(indices.length, "image")} selected`),
      clear,
    ),
    make("ul", { class: "legend counts" }, ...lines),
    make("div", { class: "actions" }, save, mayCollect ? newDataset({ ids, row, failure }) : null),
    failure,
    pagedList(ids, { open: on.open, label: "Selected images", perPage: 8 }),
  );
}

/**
 * @param {HTMLButtonElement} button
 * @param {HTMLElement} failure
 * @param {() => Promise<void>} work
 */
async function attempt(button, failure, work) {
  button.disabled = true;
  hideFailure(failure);
  try {
    await work();
  } catch (error) {
    fail(error, failure);
  } finally {
    button.disabled = false;
  }
}

/** @param {{ ids: number[], indices: Uint32Array, points: MapPoints, row: MapRow }} selection */
async function exportCsv({ ids, indices, points, row }) {
  const names = await namesOf(row);
  const lines = ids.map((id, at) => {
    const { filename = "", label = "" } = names.get(id) ?? {};
    const [x, y] = [points.xy[2 * indices[at]], points.xy[2 * indices[at] + 1]];
    return [id, cellOf(filename), cellOf(label), Number(x.toPrecision(6)), Number(y.toPrecision(6))].join(
      ",",
    );
  });
  const address = URL.createObjectURL(
    new Blob([`id,filename,label,x,y\r\n${lines.join("\r\n")}\r\n`], { type: "text/csv" }),
  );
  make("a", { href: address, download: `selection-${row.dataset}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/**
 * Return what asks for the name of a new dataset and makes it.
 * @param {{ ids: number[], row: MapRow, failure: HTMLElement }} selection
 */
function newDataset({ ids, row, failure }) {
  const name = make("input", {
    class: "input",
    name: "name",
    required: true,
    maxlength: 80,
    placeholder: "Name",
    "aria-label": "Name of the new dataset",
  });
  const button = make("button", { class: "button primary" }, "Make it");
  const form = make("form", { class: "new-dataset" }, name, button);
  const said = make("p", { class: "small", role: "status" });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(button, failure, async () => {
      const slug = slugOf(name.value, row.dataset);
      /** @type {NewDataset} */
      const made = await call(siteAddress("/api/v1/datasets/from-images/"), {
        method: "POST",
        body: { name: name.value.trim(), slug, images: ids },
      });
      said.replaceChildren(
        "Made: ",
        make("a", { href: made.url }, made.name),
        `. Its images are being copied by `,
        make("a", { href: siteAddress(`/jobs/${made.job.id}/`) }, `job ${number(made.job.id)}`),
        ".",
      );
      form.reset();
    });
  });
  return make(
    "details",
    { class: "new-dataset-box" },
    make("summary", { class: "button" }, "Make a dataset"),
    form,
    said,
  );
}

/**
 * Return a name as it can stand in an address.
 * @param {string} name
 * @param {string} otherwise
 */
export function slugOf(name, otherwise) {
  const plain = name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return (plain || `${otherwise}-selection`).slice(0, 80);
}
