// The networks, the layers of the chosen one, the curves between them, and the score over depth.
import { millions, percent } from "../shared/url-state.js";
import { make, makeSvg, number, plural } from "../shared/elements.js";
import { compute } from "./notices.js";

const at = (id) => document.getElementById(id);
const upright = matchMedia("(min-width: 1100px)");
const SPARK = { width: 72, height: 20, pad: 3 };
let watched = null;
let built = {};
let drawn = {};

/** Return the score of each layer of a network under the chosen metric and pooling, null where there is none. */
function scoresOf(page, network) {
  const { metric, pooling } = page.state;
  const rows = page.rows.filter(
    (row) => row.model === network.name && row.metric === metric && row.pooling === pooling,
  );
  return network.layers.map(
    (layer) => rows.find((row) => row.layer === layer.name)?.weighted_precision ?? null,
  );
}

/** Return the range that all curves of a dataset share, so that they can be compared. */
function rangeOf(rows) {
  const scores = rows.map((row) => row.weighted_precision).filter((score) => score !== null);
  if (!scores.length) return null;
  const low = Math.floor(Math.min(...scores) / 10) * 10;
  const high = Math.ceil(Math.max(...scores) / 10) * 10;
  return { low, high: high > low ? high : low + 10 };
}

const fraction = (score, range) => (score - range.low) / (range.high - range.low);

/** Show networks and layers; a walk through the layers of one network only moves the mark. */
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
  if (Object.keys(wanted).every((name) => wanted[name] === built[name])) {
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
    at("networks"),
    "model",
    usable.map((network) => networkRow(page, network, range)),
  );
  at("absent").hidden = !absent.length;
  at("absent").querySelector("summary").textContent =
    `${plural(absent.length, "more network")}, not available here`;
  if (at("networks-absent").childElementCount !== absent.length)
    at("networks-absent").replaceChildren(...absent.map((network) => absentRow(page, network)));
  const chosen = networks.find((network) => network.name === state.model);
  showLayers(page, chosen, range);
}

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

function spark(scores, range) {
  const { width, height, pad } = SPARK;
  const points = scores
    .map((score, index) => [pad + (index * (width - 2 * pad)) / Math.max(1, scores.length - 1), score])
    .filter(([, score]) => score !== null)
    .map(([x, score]) => [x, height - pad - fraction(score, range) * (height - 2 * pad)]);
  const svg = makeSvg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  if (points.length > 1)
    svg.append(
      makeSvg("polyline", {
        points: points.map((point) => point.map((value) => value.toFixed(1)).join(",")).join(" "),
      }),
    );
  const peak = points.reduce((best, point) => (!best || point[1] < best[1] ? point : best), null);
  if (peak) svg.append(makeSvg("circle", { cx: peak[0], cy: peak[1], r: 2.5 }));
  return svg;
}

function absentRow(page, network) {
  const button = page.staff ? make("button", { class: "button", type: "button" }, "Fetch and compute") : null;
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

function showLayers(page, network, range) {
  const list = at("layers");
  const scores = network ? scoresOf(page, network) : [];
  at("layers-hint").textContent = range && network ? "weighted precision, %" : "";
  keepFocus(
    list,
    "layer",
    (network?.layers ?? []).map((layer, index) => layerRow(page, layer, scores[index], range)),
  );
  markLayer(page);
}

function markLayer({ networks, state }) {
  for (const link of at("layers").querySelectorAll("a")) {
    if (link.dataset.layer === state.layer) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  const layer = networks
    .find((network) => network.name === state.model)
    ?.layers.find((candidate) => candidate.name === state.layer);
  at("layer-facts").textContent = layer ? `${layer.name}: ${factsOf(layer)}` : "";
}

const factsOf = (layer) =>
  `${layer.type}, layer ${number(layer.index)} of ${number(layer.total_layers)}, ${millions(layer.parameters)} parameters up to it, ${layer.shape.join(" × ")}`;

function layerRow(page, layer, score, range) {
  const picture = layer.picture
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
        title: `${layer.name}: ${factsOf(layer)}`,
      },
      picture,
      make(
        "span",
        { class: "layer-text" },
        make("strong", {}, layer.name),
        make("span", { class: "layer-detail muted" }, layer.type),
        make(
          "span",
          { class: "layer-detail muted number" },
          `${layer.index}/${layer.total_layers} · ${millions(layer.parameters)}`,
        ),
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

/** A layer without a picture shows how fine its map is: as many cells as the map has, up to a few. */
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

/** Replace the children of a list; whoever had the focus there keeps it, by name. */
function keepFocus(list, name, children) {
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset[name] : undefined;
  list.replaceChildren(...children);
  if (focused !== undefined)
    [...list.querySelectorAll("a")]
      .find((link) => link.dataset[name] === focused)
      ?.focus({ preventScroll: true });
}

// --- drawing ----------------------------------------------------------------------------------

/** Draw the curves from the chosen network to its layers, and the score over depth; again whenever the places change. */
export function drawRail(page) {
  if (!watched) {
    const again = () => draw();
    watched = new ResizeObserver(again);
    for (const id of ["rail", "networks", "layers", "absent"]) watched.observe(at(id));
    at("connections").addEventListener("animationend", () => at("connections").classList.remove("fresh"));
    for (const id of ["networks", "layer-scroll"])
      at(id).addEventListener("scroll", again, { passive: true });
  }
  bringIntoView();
  if (drawn === built) {
    markDrawn();
    return;
  }
  at("connections").classList.toggle("fresh", built.model !== drawn.model);
  drawn = built;
  draw();
}

/** What was drawn stays where it is: only another layer is the chosen one. */
function markDrawn() {
  const { layer } = document.querySelector("a.layer[aria-current]")?.dataset ?? {};
  for (const shape of document.querySelectorAll("#connections path, #depth-curve circle"))
    shape.toggleAttribute("data-chosen", shape.dataset.of === layer);
  // the chosen one lies over the others
  const chosen = at("connections").querySelector("[data-chosen]");
  if (chosen) at("connections").append(chosen);
}

/** In a strip that scrolls sideways the chosen one must be seen. */
function bringIntoView() {
  for (const [id, link] of [
    ["datasets", "a"],
    ["networks", "a.network"],
    ["layer-scroll", "a.layer"],
  ]) {
    const strip = at(id);
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
  const svg = at("connections");
  const box = svg.getBoundingClientRect();
  const network = document.querySelector("a.network[aria-current]")?.getBoundingClientRect();
  if (!network || !box.width) {
    svg.replaceChildren();
    return;
  }
  svg.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
  const clamp = (value, most) => Math.min(most, Math.max(0, value));
  const paths = [...at("layers").querySelectorAll("a.layer")].map((layer) => {
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
  const svg = at("depth-curve");
  const list = at("layers");
  const box = list.getBoundingClientRect();
  svg.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
  svg.style.width = `${box.width}px`;
  svg.style.height = `${box.height}px`;
  const points = [...list.querySelectorAll(".layer-chart")]
    .filter((chart) => chart.dataset.fraction !== "")
    .map((chart) => {
      const place = chart.getBoundingClientRect();
      const along = Number(chart.dataset.fraction);
      const [x, y] = upright.matches
        ? [place.left + along * place.width, place.top + place.height / 2]
        : [place.left + place.width / 2, place.bottom - along * place.height];
      return { x: x - box.left, y: y - box.top, of: chart.closest("a").dataset.layer };
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
