// The chosen configuration: its figures, its score in each category, and the ways on from it.
import { call } from "../shared/api.js";
import { addressOf, METRICS, percent, POOLINGS, SCORES } from "../shared/url-state.js";
import { make, number, plural } from "../shared/elements.js";
import { bytes, ms, named, SHORT_SCORES } from "./figures.js";
import { showPromotion } from "./promote.js";

const board = document.getElementById("board");
const details = new Map();
let shown = null;

/** Let the next showing ask again. */
export function forgetDetails() {
  details.clear();
}

function detailOf(id) {
  if (!details.has(id)) {
    const answer = call(`/api/v1/experiments/${id}/`);
    details.set(id, answer);
    answer.catch(() => details.delete(id));
  }
  return details.get(id);
}

function figure(name, value, full = null) {
  return make("div", {}, make("dt", { title: full }, name), make("dd", {}, value));
}

function figuresOf(row) {
  const scores = Object.keys(SCORES).filter((score) => row[score] !== null);
  return make(
    "dl",
    { class: "chosen-figures number" },
    ...scores.map((score) => figure(SHORT_SCORES[score], percent(row[score]), SCORES[score])),
    figure("Dimensions", number(row.dims)),
    figure("A vector", bytes(row.bytes_per_vector)),
    figure("A picture", ms(row.extract_ms)),
  );
}

function waysOn(row, best, state) {
  const configuration = { model: row.model, layer: row.layer, pooling: row.pooling, metric: row.metric };
  const links = [
    make(
      "a",
      { class: "button", href: addressOf({ ...state, ...configuration }, { path: board.dataset.explore }) },
      "Explore it",
    ),
  ];
  if (best && best !== row) {
    links.push(
      make(
        "a",
        {
          class: "button",
          href: addressOf({ ...state, ...configuration }, { other: best, path: board.dataset.compare }),
        },
        "Compare with the best",
      ),
    );
  }
  return links;
}

function categoryLine(category, score) {
  const bar = make("span", { class: "category-bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", (category[score] ?? 0) / 100);
  return make(
    "li",
    {},
    make(
      "span",
      { class: "category-name", title: plural(category.images, "picture") },
      category.name || "no category",
    ),
    bar,
    make("span", { class: "number category-score" }, percent(category[score])),
  );
}

function showCategories(root, categories, score) {
  const scored = categories.filter((category) => category[score] !== null);
  if (!scored.length) return;
  const lines = scored.toSorted(
    (one, other) => other[score] - one[score] || one.name.localeCompare(other.name),
  );
  root.replaceChildren(
    make("h3", {}, `${SHORT_SCORES[score]} by category`),
    make("ol", { class: "categories" }, ...lines.map((line) => categoryLine(line, score))),
  );
}

/** Show a row; `options` are those of the promotion, with `state`, `score` and `best`. */
export async function showChosen(root, row, options) {
  const { state, score, best, count } = options;
  const anew = shown !== row.experiment;
  shown = row.experiment;
  const promotion =
    (anew ? null : root.querySelector(".chosen-live")) ?? make("div", { class: "chosen-live" });
  const categories =
    (anew ? null : root.querySelector(".chosen-categories")) ?? make("div", { class: "chosen-categories" });
  const place =
    row.rank && row[score] !== null ? `Rank ${row.rank} of ${number(count)}` : "Chosen configuration";
  const marks = [
    row.live ? make("span", { class: "flag live" }, "live now") : null,
    row.front ? make("span", { class: "flag front" }, "Pareto") : null,
    row.baseline ? make("span", { class: "flag" }, "baseline") : null,
  ];
  root.replaceChildren(
    make(
      "header",
      { class: "chosen-head" },
      make(
        "div",
        {},
        make("p", { class: "small muted number" }, place),
        make(
          "h2",
          { id: "chosen-title" },
          row.title,
          " ",
          make("span", { class: "muted" }, row.layer),
          ...marks.flatMap((one) => (one ? [" ", one] : [])),
        ),
        make(
          "p",
          { class: "small muted" },
          `${row.layer_position ? `Layer ${row.layer_position}, ` : ""}${named(POOLINGS, row.pooling).toLowerCase()} pooling, ${named(METRICS, row.metric).toLowerCase()}`,
        ),
      ),
      make("div", { class: "actions" }, ...waysOn(row, best, state)),
    ),
    figuresOf(row),
    promotion,
    categories,
  );
  showPromotion(promotion, row, options);
  try {
    const detail = await detailOf(row.experiment);
    if (shown === row.experiment) showCategories(categories, detail.categories, score);
  } catch (error) {
    if (shown === row.experiment)
      categories.replaceChildren(make("p", { class: "notice plain" }, error.message));
  }
}
