// The networks, the layers of the chosen one, the curves between them, and the score over depth.
/** @import { Experiment, Layer, Network } from "../shared/types.js" */
/** @import { ExplorePage, ScoreRange } from "./types.js" */
import { byId, elementIn, elementsIn, focusedIn, make, makeSvg } from "../shared/elements.js";
import { ofLayers } from "../shared/experiments/experiments.js";
import { millions, number, percent, plural } from "../shared/format.js";
import { kindInWords, kindOf } from "../shared/experiments/terms.js";
import { compute } from "./notices.js";

const upright = matchMedia("(min-width: 1100px)");
const SPARK = { width: 72, height: 20, pad: 3 };
/** @type {ResizeObserver | null} */
let watched = null;
/**
 * What the rail shows: it is built anew when any of it is another.
 * @typedef {object} Built
 * @property {Network[]} networks
 * @property {Experiment[]} rows
 * @property {string} dataset
 * @property {string} model
 * @property {string} metric
 * @property {string} pooling
 */
/** @type {Built | null} */
let built = null;
/** @type {Built | null} */
let drawn = null;

/**
 * Return the score of each layer of a network under the chosen metric and pooling, null where there is none.
 * @param {ExplorePage} page
 * @param {Network} network
 */
const scoresOf = (page, network) =>
  ofLayers(page.rows, network, page.state).map((row) => row?.weighted_precision ?? null);

/**
 * Return the range that all curves of a dataset share, so that they can be compared.
 * @param {ExplorePage["rows"]} rows
 * @returns {ScoreRange | null}
 */
function rangeOf(rows) {
  const scores = rows.map((row) => row.weighted_precision).filter((score) => score !== null);
  if (!scores.length) return null;
  const low = Math.floor(Math.min(...scores) / 10) * 10;
  const high = Math.ceil(Math.max(...scores) / 10) * 10;
  return { low, high: high > low ? high : low + 10 };
}

/**
 * @param {number} score
 * @param {ScoreRange} range
 */
const fraction = (score, range) => (score - range.low) / (range.high - range.low);

/**
 * @param {Built} one
 * @param {Built} other
 */
const isSame = (one, other) =>
  one.networks === other.networks &&
  one.rows === other.rows &&
  one.dataset === other.dataset &&
  one.model === other.model &&
  one.metric === other.metric &&
  one.pooling === other.pooling;

/**
 * Show networks and layers; a walk through the layers of one network only moves the mark.
 * @param {ExplorePage} page
 */
export function showRail(page) {
  const { networks, rows, state } = page;
  if (!networks.length) return;
  const wanted = {
    networks,
    rows,
    dataset: state.dataset,
    model: state.model,
    metric: state.metric,
    pooling: state.pooling,
  };
  if (built && isSame(built, wanted)) {
    markLayer(page);
    return;
  }
  built = wanted;
  const range = rangeOf(page.rows);
  const usable = networks.filter(
    (network) => network.available || page.rows.some((row) => row.model === network.name),
  );
  const absent = networks.filter((network) => !usable.includes(network));
  keepFocus(
    byId("networks"),
    "model",
    usable.map((network) => networkRow(page, network, range)),
  );
  byId("absent").hidden = !absent.length;
  elementIn(byId("absent"), "summary").textContent =
    `${plural(absent.length, "more network")}, not available here`;
  if (byId("networks-absent").childElementCount !== absent.length)
    byId("networks-absent").replaceChildren(...absent.map((network) => absentRow(page, network)));
  const chosen = networks.find((network) => network.name === state.model);
  showLayers(page, chosen, range);
}

/**
 * @param {ExplorePage} page
 * @param {Network} network
 * @param {ScoreRange | null} range
 */
function networkRow(page, network, range) {
  const scores = scoresOf(page, network);
  const top = Math.max(...scores.map((score) => score ?? -1));
  const current = network.name === page.state.model;
  const parameters = network.parameters ? `${millions(network.parameters)} parameters` : "no parameters";
  const facts = [
    network.parameters ? millions(network.parameters) : "",
    network.input_size ? `${network.input_size} px` : "",
  ].filter(Boolean);
  return make(
    "li",
    {},
    make(
      "a",
      {
        class: "network",
        href: page.address({ model: network.name }),
        "data-model": network.name,
        "aria-current": current && "true",
        "data-baseline": network.baseline,
        title: `${network.title}: ${parameters}`,
      },
      make("strong", {}, network.title),
      make(
        "span",
        { class: "network-facts muted number" },
        network.baseline ? "baseline" : facts.join(" · "),
      ),
      range && spark(scores, range),
      top >= 0
        ? make(
            "span",
            { class: "network-best number" },
            make("span", { class: "visually-hidden" }, "best layer "),
            percent(top),
          )
        : null,
    ),
  );
}

/**
 * @param {(number | null)[]} scores
 * @param {ScoreRange} range
 */
function spark(scores, range) {
  const { width, height, pad } = SPARK;
  const points = scores
    .map((score, index) => ({ score, x: pad + (index * (width - 2 * pad)) / Math.max(1, scores.length - 1) }))
    .filter(({ score }) => score !== null)
    .map(({ x, score }) => ({ x, y: height - pad - fraction(Number(score), range) * (height - 2 * pad) }));
  const svg = makeSvg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  if (points.length > 1)
    svg.append(
      makeSvg("polyline", {
        points: points.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" "),
      }),
    );
  if (points.length) {
    const peak = points.reduce((best, point) => (point.y < best.y ? point : best));
    svg.append(makeSvg("circle", { cx: peak.x, cy: peak.y, r: 2.5 }));
  }
  return svg;
}

/**
 * @param {ExplorePage} page
 * @param {Network} network
 */
function absentRow(page, network) {
  const button = page.mayCompute
    ? make("button", { class: "button", type: "button" }, "Fetch and compute")
    : null;
  button?.addEventListener("click", () =>
    compute(page, { dataset: page.state.dataset, models: [network.name] }, button),
  );
  return make(
    "li",
    {},
    make(
      "details",
      { class: "network-absent" },
      make(
        "summary",
        {},
        make("strong", {}, network.title),
        make(
          "span",
          { class: "muted number" },
          [millions(network.parameters ?? 0), `${network.input_size} px`].join(" · "),
        ),
      ),
      make("p", { class: "small" }, network.reason),
      button && make("p", {}, button),
    ),
  );
}

/**
 * @param {ExplorePage} page
 * @param {Network | undefined} network
 * @param {ScoreRange | null} range
 */
function showLayers(page, network, range) {
  const list = byId("layers");
  const scores = network ? scoresOf(page, network) : [];
  // baselines have no card there
  byId("layer-more", HTMLAnchorElement).hash = network && !network.baseline ? `network-${network.name}` : "";
  byId("layers-hint").textContent = range && network ? "weighted precision, %" : "";
  keepFocus(
    list,
    "layer",
    (network?.layers ?? []).map((layer, index) => layerRow(page, layer, scores[index], range)),
  );
  markLayer(page);
}

/** @param {ExplorePage} page */
function markLayer({ networks, state }) {
  for (const link of byId("layers").querySelectorAll("a")) {
    if (link.dataset.layer === state.layer) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  const layer = networks
    .find((network) => network.name === state.model)
    ?.layers.find((candidate) => candidate.name === state.layer);
  byId("layer-facts").textContent = layer ? `${layer.name}: ${factsOf(layer)}` : "";
}

/** @param {Layer} layer */
const factsOf = (layer) =>
  [
    kindInWords(layer.type),
    `step ${number(layer.index)} of ${number(layer.total_layers)}`,
    `${millions(layer.parameters)} weights up to it`,
    `${number(layer.shape[2])} maps of ${layer.shape[0]} × ${layer.shape[1]}`,
  ].join(", ");

/**
 * @param {ExplorePage} page
 * @param {Layer} layer
 * @param {number | null} score
 * @param {ScoreRange | null} range
 */
function layerRow(page, layer, score, range) {
  const preview = layer.picture
    ? make("img", {
        class: "layer-picture",
        src: layer.picture,
        alt: "",
        width: 48,
        height: 48,
        decoding: "async",
      })
    : placeholder(layer);
  return make(
    "li",
    {},
    make(
      "a",
      {
        class: "layer",
        href: page.address({ layer: layer.name }),
        "data-layer": layer.name,
        title: `${layer.name}: ${factsOf(layer)}${layer.picture ? ". The tiles are what four of its channels answer to most" : ""}`,
      },
      preview,
      make(
        "span",
        { class: "layer-text" },
        make("strong", {}, layer.name),
        make("span", { class: "layer-detail muted" }, kindOf(layer.type)),
        make("span", { class: "layer-detail muted number" }, `step ${layer.index} of ${layer.total_layers}`),
      ),
      range && make("span", { class: "layer-score number" }, percent(score)),
      range &&
        make("span", {
          class: "layer-chart",
          "data-fraction": score === null ? "" : fraction(score, range).toFixed(4),
        }),
    ),
  );
}

/**
 * A layer without a picture shows how fine its map is: as many cells as the map has, up to a few.
 * @param {Layer} layer
 */
function placeholder(layer) {
  const cells = Math.max(1, Math.min(8, Math.round(Math.sqrt(layer.shape[0]))));
  const size = 56 / cells;
  const svg = makeSvg("svg", { class: "layer-picture drawn", viewBox: "0 0 56 56", "aria-hidden": "true" });
  for (let y = 0; y < cells; y += 1) {
    for (let x = 0; x < cells; x += 1) {
      const shade = ((x * 7 + y * 13 + x * y * 5) % 9) / 9;
      svg.append(
        makeSvg("rect", {
          x: x * size + 0.5,
          y: y * size + 0.5,
          width: size - 1,
          height: size - 1,
          "fill-opacity": (0.12 + 0.5 * shade).toFixed(2),
        }),
      );
    }
  }
  return svg;
}

/**
 * Replace the children of a list; whoever had the focus there keeps it, by name.
 * @param {HTMLElement} list
 * @param {"model" | "layer"} name
 * @param {HTMLElement[]} children
 */
function keepFocus(list, name, children) {
  const focused = focusedIn(list)?.dataset[name];
  list.replaceChildren(...children);
  if (focused !== undefined)
    elementsIn(list, "a")
      .find((link) => link.dataset[name] === focused)
      ?.focus({ preventScroll: true });
}

// --- drawing ----------------------------------------------------------------------------------

/**
 * Draw the curves from the chosen network to its layers, and the score over depth; again whenever the places
 * change.
 */
export function drawRail() {
  if (!watched) {
    const again = () => draw();
    watched = new ResizeObserver(again);
    for (const id of ["rail", "networks", "layers", "absent"]) watched.observe(byId(id));
    const connections = byId("connections", SVGElement);
    connections.addEventListener("animationend", () => connections.classList.remove("fresh"));
    for (const id of ["networks", "layer-scroll"])
      byId(id).addEventListener("scroll", again, { passive: true });
  }
  bringIntoView();
  if (drawn === built) {
    markDrawn();
    return;
  }
  byId("connections", SVGElement).classList.toggle("fresh", built?.model !== drawn?.model);
  drawn = built;
  draw();
}

/** What was drawn stays where it is: only another layer is the chosen one. */
function markDrawn() {
  const layer = elementsIn(document, "a.layer[aria-current]").at(0)?.dataset.layer;
  for (const shape of elementsIn(document, "#connections path, #depth-curve circle", SVGElement))
    shape.toggleAttribute("data-chosen", shape.dataset.of === layer);
  // the chosen one lies over the others
  const connections = byId("connections", SVGElement);
  const chosen = connections.querySelector("[data-chosen]");
  if (chosen) connections.append(chosen);
}

/** In a strip that scrolls sideways the chosen one must be seen. */
function bringIntoView() {
  for (const [id, link] of [
    ["datasets", "a"],
    ["networks", "a.network"],
    ["layer-scroll", "a.layer"],
  ]) {
    const strip = byId(id);
    const chosen = strip.querySelector(`${link}[aria-current]`);
    if (!chosen || strip.scrollWidth <= strip.clientWidth) continue;
    const [box, outer] = [chosen.getBoundingClientRect(), strip.getBoundingClientRect()];
    if (box.left < outer.left || box.right > outer.right)
      strip.scrollLeft += box.left + box.width / 2 - outer.left - outer.width / 2;
  }
}

function draw() {
  drawConnections();
  drawDepth();
  markDrawn();
}

function drawConnections() {
  const svg = byId("connections", SVGElement);
  const box = svg.getBoundingClientRect();
  const network = document.querySelector("a.network[aria-current]")?.getBoundingClientRect();
  if (!network || !box.width) {
    svg.replaceChildren();
    return;
  }
  svg.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
  /**
   * @param {number} value
   * @param {number} most
   */
  const clamp = (value, most) => Math.min(most, Math.max(0, value));
  const paths = elementsIn(byId("layers"), "a.layer").map((layer) => {
    const to = layer.getBoundingClientRect();
    let d;
    if (upright.matches) {
      const [y1, y2, half] = [
        clamp(network.top + network.height / 2 - box.top, box.height),
        to.top + to.height / 2 - box.top,
        box.width / 2,
      ];
      d = `M0 ${y1}C${half} ${y1} ${half} ${y2} ${box.width} ${y2}`;
    } else {
      const [x1, x2, half] = [
        clamp(network.left + network.width / 2 - box.left, box.width),
        to.left + to.width / 2 - box.left,
        box.height / 2,
      ];
      d = `M${x1} 0C${x1} ${half} ${x2} ${half} ${x2} ${box.height}`;
    }
    return makeSvg("path", { d, pathLength: 1, "data-of": layer.dataset.layer });
  });
  svg.replaceChildren(...paths);
}

function drawDepth() {
  const svg = byId("depth-curve", SVGElement);
  const list = byId("layers");
  const box = list.getBoundingClientRect();
  svg.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
  svg.style.width = `${box.width}px`;
  svg.style.height = `${box.height}px`;
  const points = elementsIn(list, ".layer-chart")
    .filter((chart) => chart.dataset.fraction !== "")
    .map((chart) => {
      const bar = chart.getBoundingClientRect();
      const along = Number(chart.dataset.fraction);
      const [x, y] = upright.matches
        ? [bar.left + along * bar.width, bar.top + bar.height / 2]
        : [bar.left + bar.width / 2, bar.bottom - along * bar.height];
      return { x: x - box.left, y: y - box.top, of: chart.closest("a")?.dataset.layer };
    });
  svg.replaceChildren(
    ...(points.length > 1
      ? [
          makeSvg("polyline", {
            points: points.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" "),
          }),
        ]
      : []),
    ...points.map(({ x, y, of }) =>
      makeSvg("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 3, "data-of": of }),
    ),
  );
}
