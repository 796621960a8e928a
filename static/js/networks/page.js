// The networks: a drawing of each, its layers, downloads of weights, and the start of experiments.
/** @import { Estimate, Job, Layer, Network } from "../shared/types.js" */
import { chainOf } from "../explain/drawings/chain.js";
import { showsNow } from "../explain/screen.js";
import { call } from "../shared/api.js";
import { byId, closest, elementIn, elementsIn, make } from "../shared/elements.js";
import { everyNetwork } from "../shared/experiments/experiments.js";
import { fail, hideFailure } from "../shared/failure.js";
import { millions, number, plural } from "../shared/format.js";
import { kindInWords, kindName } from "../shared/experiments/terms.js";
import { siteAddress } from "../shared/site.js";
import { allLayersOf } from "./all-layers.js";
import { enlarge } from "./enlarged.js";
import { during, sizeOf } from "./words.js";

const EVERY_MS = 1500;
const REST_MS = 300;
const TILES =
  "The tiles are painted, not photographed: each is what one channel of the layer answers to most. “Layer” above says how. Choose one to enlarge it.";

/** @param {Network[]} networks */
function drawAll(networks) {
  for (const holder of elementsIn(document, "[data-chain]")) {
    const network = networks.find((one) => one.name === holder.dataset.chain);
    if (network?.layers.length) holder.replaceChildren(chainOf(network));
    else holder.textContent = "It is drawn once somebody has looked into it.";
  }
  for (const holder of elementsIn(document, "[data-steps]")) {
    const network = networks.find((one) => one.name === holder.dataset.steps);
    if (network) whenOpen(holder, () => holder.append(stepsOf(network)));
  }
  for (const holder of elementsIn(document, "[data-all-layers]")) {
    const network = networks.find((one) => one.name === holder.dataset.allLayers);
    if (!network) continue;
    whenOpen(holder, async () => {
      try {
        holder.replaceChildren(...(await allLayersOf(network)));
      } catch (error) {
        holder.textContent = error instanceof Error ? error.message : "";
      }
    });
  }
}

/**
 * Fill what stands in a disclosure when it is opened, or at once if it was opened before the networks came.
 * @param {HTMLElement} holder
 * @param {() => void} fill
 */
function whenOpen(holder, fill) {
  const details = holder.closest("details");
  const opened = () => {
    if (details?.open && !holder.childElementCount) fill();
  };
  details?.addEventListener("toggle", opened);
  opened();
}

/** @param {Network} network */
function stepsOf(network) {
  const { layers } = network;
  const rows = layers.map((layer, at) =>
    make(
      "tr",
      {},
      make("td", {}, layer.picture ? enlargingButton(network, layer) : null),
      make("th", { scope: "row" }, layer.name),
      make(
        "td",
        {},
        make("div", {}, kindInWords(layer.type)),
        make(
          "div",
          { class: "muted number" },
          `${number(layer.shape[2])} maps of ${layer.shape[0]} × ${layer.shape[1]}, ${weightsOf(layer, layers[at - 1])}`,
        ),
        make("div", { class: "muted number" }, operationsOf(layer.operations)),
      ),
    ),
  );
  const isPainted = layers.some((layer) => layer.picture);
  return make(
    "div",
    {},
    isPainted ? make("p", { class: "small muted" }, TILES) : null,
    make("table", {}, make("tbody", {}, ...rows)),
  );
}

/**
 * @param {Network} network
 * @param {Layer} layer
 */
function enlargingButton(network, layer) {
  const button = make(
    "button",
    {
      class: "layer-tiles",
      type: "button",
      "aria-label": `Enlarge the tiles of ${layer.name}`,
      "aria-haspopup": "dialog",
    },
    make("img", { src: layer.picture, alt: "", width: 96, height: 96, loading: "lazy" }),
  );
  button.addEventListener("click", () => enlarge(network, layer));
  return button;
}

/**
 * @param {Layer} layer
 * @param {Layer | undefined} before
 */
const weightsOf = ({ parameters }, before) =>
  `${millions(parameters)} weights up to it${before ? `, ${millions(parameters - before.parameters)} of them since ${before.name}` : ""}`;

/** @param {Record<string, number>} operations */
const operationsOf = (operations) =>
  Object.entries(operations)
    .map(([kind, count]) => `${number(count)} × ${kindName(kind)}`)
    .join(", ");

// --- weights ------------------------------------------------------------------------------------

/** @param {MouseEvent} event */
async function get(event) {
  const button = closest(event, "button[data-get]");
  if (!(button instanceof HTMLButtonElement)) return;
  const words = elementIn(button.closest("li") ?? document, "[data-getting]");
  button.disabled = true;
  try {
    const name = encodeURIComponent(button.dataset.get ?? "");
    /** @type {Job} */
    const job = await call(siteAddress(`/api/v1/models/${name}/weights/`), { method: "POST" });
    follow(job.id, words, button);
  } catch (error) {
    button.disabled = false;
    words.textContent = error instanceof Error ? error.message : "";
  }
}

/**
 * @param {number} id
 * @param {HTMLElement} words
 * @param {HTMLButtonElement} button
 */
async function follow(id, words, button) {
  /** @type {Job | null} */
  const job = await call(siteAddress(`/api/v1/jobs/${id}/`)).catch(() => null);
  if (job && !job.active) {
    button.disabled = false;
    words.textContent = job.state === "succeeded" ? "They are here: reload the page." : job.error;
    return;
  }
  if (job)
    words.textContent = job.total
      ? `${number(job.done)} of ${number(job.total)} MB`
      : job.message || "Waiting";
  setTimeout(() => follow(id, words, button), EVERY_MS);
}

// --- experiments --------------------------------------------------------------------------------

/** @param {HTMLFormElement} form */
function startsExperiments(form) {
  const button = elementIn(form, "button[type=submit]", HTMLButtonElement);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @param {string} name */
  const chosen = (name) =>
    elementsIn(form, `input[name="${name}"]:checked`, HTMLInputElement).map((input) => input.value);
  const wanted = () => ({
    dataset: elementIn(form, "select", HTMLSelectElement).value,
    models: chosen("models"),
    poolings: chosen("poolings"),
    metrics: chosen("metrics"),
  });
  const estimate = async () => {
    const { dataset, ...lists } = wanted();
    const lacks = Object.entries(lists).find(([, values]) => !values.length)?.[0];
    button.disabled = Boolean(lacks);
    if (lacks) {
      const names = { models: "network", poolings: "pooling", metrics: "distance" };
      byId("estimate").textContent =
        `Choose at least one ${names[/** @type {keyof typeof names} */ (lacks)]}.`;
      return;
    }
    const asked = new URLSearchParams({ dataset });
    for (const [name, values] of Object.entries(lists)) for (const value of values) asked.append(name, value);
    try {
      /** @type {Estimate} */
      const found = await call(siteAddress(`/api/v1/experiments/estimate/?${asked}`));
      byId("estimate").textContent = inWords(found);
    } catch (error) {
      byId("estimate").textContent = "";
      fail(error);
    }
  };
  form.addEventListener("change", () => {
    clearTimeout(timer);
    hideFailure();
    timer = setTimeout(estimate, REST_MS);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      /** @type {{ jobs: Job[] }} */
      const { jobs } = await call(siteAddress("/api/v1/experiments/"), { method: "POST", body: wanted() });
      byId("estimate").replaceChildren(
        jobs.length
          ? make("a", { href: siteAddress("/jobs/") }, `${plural(jobs.length, "job")} started`)
          : "All of it is computed already.",
      );
    } catch (error) {
      fail(error);
    }
    button.disabled = false;
  });
}

/** @param {string} model */
const titleOf = (model) =>
  document.querySelector(`.network-card[data-model="${CSS.escape(model)}"] h2`)?.textContent ?? model;

/** @param {Estimate} found */
function inWords({ experiments, images, seconds, bytes, unmeasured }) {
  const time = seconds ? `about ${during(seconds)} by what was measured here` : "";
  const unknown = unmeasured.length
    ? `${unmeasured.map(titleOf).join(", ")} ${unmeasured.length === 1 ? "was" : "were"} never used here, so the time is not known`
    : "";
  return `${plural(experiments, "experiment")} over ${plural(images, "image")}: ${[time, unknown, `${sizeOf(bytes)} of disk`].filter(Boolean).join("; ")}.`;
}

if (document.getElementById("networks-page")) {
  everyNetwork().then((networks) => {
    drawAll(networks);
    showsNow({ network: networks.find((one) => one.available) ?? networks[0] });
  }, fail);
  document.addEventListener("click", get);
  const form = document.getElementById("starting");
  if (form instanceof HTMLFormElement) startsExperiments(form);
}
