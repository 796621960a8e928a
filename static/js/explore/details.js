// What is looked at on demand: the strongest feature maps of the query, the scores of each category, who is confused with whom.
import { METRICS, percent, SCORES } from "../shared/url-state.js";
import { call } from "../shared/api.js";
import { make, number, plural } from "../shared/elements.js";
import { nameOf } from "./notices.js";

const at = (id) => document.getElementById(id);
const MAPS = 12;
const MOST_IN_MATRIX = 40;
const MOST_CONFUSIONS = 30;
// somebody who walks through the layers wants those of the last one only
const REST_MS = 180;
const KEPT = 60;
const answers = new Map();
const shown = { maps: "", categories: "" };
const timers = {};
let page = null;

/** Bring the open disclosures in step with the state. */
export function showDetails(current) {
  if (!page)
    for (const id of ["maps", "categories"]) at(id).addEventListener("toggle", () => showDetails(page));
  page = current;
  const { row, state } = page;
  showMeans(row);
  const network = page.networks.find((candidate) => candidate.name === state.model);
  at("maps").hidden = state.image === null || !network?.available || !state.layer;
  at("maps-of").textContent = `${nameOf(page, state.model)}, ${state.layer}`;
  at("categories").hidden = !row || row.weighted_precision === null;
  at("categories-of").textContent = row
    ? `${nameOf(page, row.model)}, ${row.layer}, ${METRICS[row.metric].toLowerCase()}`
    : "";
  const { model, layer, image } = state;
  follow(
    "maps",
    `/api/v1/models/${encodeURIComponent(model)}/layers/${encodeURIComponent(layer)}/feature-maps/?image=${image}&count=${MAPS}`,
    showMaps,
  );
  follow(
    "categories",
    row && `/api/v1/experiments/${row.id}/?computed=${encodeURIComponent(row.computed_at)}`,
    showCategories,
  );
}

function showMeans(row) {
  at("means").hidden = !row || row.weighted_precision === null || page.state.image !== null;
  if (at("means").hidden) return;
  const scores = Object.entries(SCORES).map(([name, title]) =>
    make(
      "span",
      { class: "mean" },
      make("strong", { class: "number" }, `${percent(row[name])} %`),
      ` ${title.toLowerCase()}${name === "map" ? "" : `@${row.k}`}`,
    ),
  );
  at("means").replaceChildren(
    make("span", {}, `Mean of ${plural(row.images, "query", "queries")}: `),
    ...scores,
  );
}

/** Ask for what an open disclosure shows, once it rests, and show it; answers are kept. */
function follow(id, address, show) {
  if (!at(id).open || at(id).hidden || !address || shown[id] === address) return;
  clearTimeout(timers[id]);
  shown[id] = address;
  const finish = (answer) => {
    if (shown[id] !== address) return;
    at(id).removeAttribute("aria-busy");
    at(`${id}-failure`).hidden = true;
    show(answer);
  };
  if (answers.has(address)) {
    finish(answers.get(address));
    return;
  }
  at(id).setAttribute("aria-busy", "true");
  timers[id] = setTimeout(async () => {
    try {
      const answer = await call(address);
      answers.set(address, answer);
      if (answers.size > KEPT) answers.delete(answers.keys().next().value);
      finish(answer);
    } catch (error) {
      if (shown[id] !== address) return;
      shown[id] = "";
      at(id).removeAttribute("aria-busy");
      if (error.name !== "ApiError") throw error;
      at(`${id}-failure`).textContent = error.message;
      at(`${id}-failure`).hidden = false;
    }
  }, REST_MS);
}

// --- feature maps -----------------------------------------------------------------------------

function showMaps({ maps, shape }) {
  at("map-list").replaceChildren(
    ...maps.map((map) =>
      make(
        "li",
        {},
        make("img", {
          src: map.picture,
          alt: `Channel ${map.channel}`,
          width: 112,
          height: 112,
          decoding: "async",
        }),
        make(
          "span",
          { class: "small number" },
          `#${map.channel} `,
          make("span", { class: "muted", title: "Mean activation" }, map.mean.toPrecision(3)),
        ),
      ),
    ),
  );
  at("maps-of").textContent +=
    `: ${maps.length} of ${plural(shape[2], "channel")}, ${shape[0]} × ${shape[1]} each`;
}

// --- categories -------------------------------------------------------------------------------

function showCategories({ categories, confusion, k }) {
  const order = [...categories].sort((one, other) => other.weighted_precision - one.weighted_precision);
  const parts = [scoresTable(order, k)];
  if (categories.length <= MOST_IN_MATRIX)
    parts.push(
      matrix(
        categories.map((category) => category.name),
        confusion,
        k,
      ),
    );
  else parts.push(largest(confusion, k));
  at("categories-body").replaceChildren(...parts);
}

function scoresTable(categories, k) {
  const head = [
    "Category",
    "Pictures",
    `Weighted precision@${k}`,
    `Precision@${k}`,
    "Mean average precision",
  ];
  const rows = categories.map((category) => {
    const bar = make("span", { class: "share", "aria-hidden": "true" });
    bar.style.setProperty("--share", (category.weighted_precision ?? 0) / 100);
    return make(
      "tr",
      { "data-current": category.name === page.answer?.image.label || null },
      make("th", { scope: "row" }, category.name || "no category"),
      make("td", { class: "end" }, number(category.images)),
      make(
        "td",
        { class: "end" },
        make("span", { class: "share-row" }, bar, percent(category.weighted_precision)),
      ),
      make("td", { class: "end" }, percent(category.precision)),
      make("td", { class: "end" }, percent(category.map)),
    );
  });
  return make(
    "div",
    {
      class: "table-wrap category-scores",
      tabindex: 0,
      role: "region",
      "aria-label": "Scores of each category",
    },
    make(
      "table",
      {},
      make(
        "thead",
        {},
        make(
          "tr",
          {},
          ...head.map((title, index) => make("th", { scope: "col", class: index ? "end" : null }, title)),
        ),
      ),
      make("tbody", {}, ...rows),
    ),
  );
}

const countsOf = (confusion) =>
  new Map(
    confusion.map(({ category, neighbours }) => [
      category,
      new Map(neighbours.map((neighbour) => [neighbour.category, neighbour.count])),
    ]),
  );

function matrix(names, confusion, k) {
  const counts = countsOf(confusion);
  const title = `Which categories the first ${k} neighbours come from`;
  const heads = names.map((name) => make("th", { scope: "col", class: "tilted" }, make("span", {}, name)));
  const rows = names.map((name) => {
    const row = counts.get(name) ?? new Map();
    const total = [...row.values()].reduce((sum, count) => sum + count, 0);
    return make(
      "tr",
      { "data-current": name === page.answer?.image.label || null },
      make("th", { scope: "row" }, name),
      ...names.map((other) => heatCell(name, other, row.get(other) ?? 0, total)),
    );
  });
  return make(
    "figure",
    { class: "confusion" },
    make(
      "figcaption",
      { class: "small muted" },
      `${title}, in percent: one row for the category of the query, one column for that of the neighbour.`,
    ),
    make(
      "div",
      { class: "matrix-wrap", tabindex: 0, role: "region", "aria-label": title },
      make(
        "table",
        { class: "matrix" },
        make("thead", {}, make("tr", {}, make("td", {}), ...heads)),
        make("tbody", {}, ...rows),
      ),
    ),
  );
}

function heatCell(name, other, count, total) {
  const share = total ? count / total : 0;
  const words = `${name} found ${other}: ${number(count)} of ${number(total)}`;
  const cell = make(
    "td",
    { title: words, "data-right": name === other, "data-dark": share > 0.5 || null },
    count ? String(Math.round(100 * share) || "<1") : make("span", { class: "visually-hidden" }, "0"),
  );
  cell.style.setProperty("--share", share ? 0.12 + 0.88 * share : 0);
  return cell;
}

function largest(confusion, k) {
  const pairs = confusion.flatMap(({ category, neighbours }) => {
    const total = neighbours.reduce((sum, neighbour) => sum + neighbour.count, 0);
    return neighbours
      .filter((neighbour) => neighbour.category !== category)
      .map((neighbour) => ({
        from: category,
        to: neighbour.category,
        count: neighbour.count,
        share: neighbour.count / total,
      }));
  });
  pairs.sort((one, other) => other.share - one.share);
  const rows = pairs
    .slice(0, MOST_CONFUSIONS)
    .map((pair) =>
      make(
        "li",
        {},
        make("strong", {}, pair.from),
        " found ",
        make("strong", {}, pair.to),
        make(
          "span",
          { class: "muted number" },
          ` ${(100 * pair.share).toFixed(1)} % of the first ${k}, ${plural(pair.count, "time")}`,
        ),
      ),
    );
  return make(
    "figure",
    { class: "confusion" },
    make(
      "figcaption",
      { class: "small muted" },
      `The largest ${rows.length} of ${plural(pairs.length, "confusion")}: the share of its neighbours that a category finds in another one.`,
    ),
    make("ol", { class: "confusions" }, ...rows),
  );
}
