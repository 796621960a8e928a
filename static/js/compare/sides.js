// The two configurations: their choices, and at the head of each list what it is and how well it did.
/** @import { Configuration, Experiment, ImageResult, Network } from "../shared/types.js" */
/** @import { Side } from "./types.js" */
import { elementIn, make } from "../shared/elements.js";
import { METRICS, POOLINGS } from "../shared/experiments/experiments.js";
import { percent } from "../shared/format.js";
import { CONFIGURATION } from "../shared/experiments/url-state.js";

const NAMES = { model: "Network", layer: "Layer", pooling: "Pooling", metric: "Distance" };

/**
 * @param {Experiment[]} rows
 * @param {keyof Configuration} name
 */
const distinct = (rows, name) => [...new Set(rows.map((row) => row[name]))];

/**
 * @param {string} value
 * @param {string} text
 * @returns {[value: string, text: string]}
 */
const pair = (value, text) => [value, text];

/**
 * Return [value, text] of what can be chosen beside the rest of a configuration.
 * @param {keyof Configuration} name
 * @param {Experiment} experiment
 * @param {Experiment[]} rows
 * @param {Network[]} networks
 * @returns {[value: string, text: string][]}
 */
function optionsOf(name, experiment, rows, networks) {
  if (name === "model") {
    const computed = distinct(rows, "model");
    const known = networks
      .filter((network) => computed.includes(network.name))
      .map((network) => pair(network.name, network.title));
    const others = computed.filter((model) => !networks.some((network) => network.name === model));
    return [...known, ...others.map((model) => pair(model, model))];
  }
  const ofModel = rows.filter((row) => row.model === experiment.model);
  if (name === "layer") {
    const layers =
      networks.find((network) => network.name === experiment.model)?.layers.map((layer) => layer.name) ?? [];
    const computed = distinct(ofModel, "layer");
    return [
      ...layers.filter((layer) => computed.includes(layer)),
      ...computed.filter((layer) => !layers.includes(layer)),
    ].map((layer) => pair(layer, layerText(layers, layer)));
  }
  const ofLayer = ofModel.filter((row) => row.layer === experiment.layer);
  const titles = name === "metric" ? METRICS : POOLINGS;
  return distinct(ofLayer, name).map((value) => pair(value, titles[value] ?? value));
}

/**
 * @param {string[]} layers
 * @param {string} layer
 */
const layerText = (layers, layer) =>
  layers.includes(layer) ? `${layers.indexOf(layer) + 1} · ${layer}` : layer;

/**
 * Fill the choices of a side with what was computed.
 * @param {HTMLElement} form
 * @param {Experiment} experiment
 * @param {Experiment[]} rows
 * @param {Network[]} networks
 */
export function showChoice(form, experiment, rows, networks) {
  if (!form.childElementCount) {
    form.append(
      ...CONFIGURATION.map((name) =>
        make("label", { class: "field" }, NAMES[name], make("select", { class: "input", name })),
      ),
    );
  }
  for (const name of CONFIGURATION) {
    const select = elementIn(form, `select[name="${name}"]`, HTMLSelectElement);
    const options = optionsOf(name, experiment, rows, networks);
    const said = JSON.stringify(options);
    // filled anew only when they differ: an open list stays open
    if (select.dataset.holds !== said) {
      select.dataset.holds = said;
      select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
    }
    select.value = experiment[name];
    select.disabled = options.length < 2;
  }
}

/** @param {Experiment} experiment */
const poolingAndMetric = ({ pooling, metric }) =>
  `${POOLINGS[pooling] ?? pooling}, ${METRICS[metric] ?? metric}`;

/**
 * Show what a list is of, the score of this query and the mean of the dataset.
 * @param {HTMLElement} root
 * @param {Side} side
 * @param {Experiment} experiment
 * @param {ImageResult | null} result
 * @param {Network[]} networks
 */
export function showHead(root, side, experiment, result, networks) {
  const network = networks.find((one) => one.name === experiment.model);
  const title = network?.title ?? experiment.model;
  const precision = result?.weighted_precision ?? null;
  const scored = precision !== null && experiment.weighted_precision !== null;
  const figures = scored
    ? make(
        "p",
        { class: "head-scores number" },
        make("strong", {}, percent(precision * 100)),
        make(
          "span",
          { class: "muted", title: "Mean weighted precision over the dataset" },
          ` mean ${percent(experiment.weighted_precision)}`,
        ),
      )
    : null;
  root.replaceChildren(
    make("span", { class: "letter", "aria-hidden": "true" }, side.toUpperCase()),
    make(
      "div",
      { class: "head-words" },
      make(
        "h2",
        {},
        make("span", { class: "visually-hidden" }, `${side.toUpperCase()}: `),
        make("span", {}, title),
      ),
      make(
        "p",
        { class: "small muted" },
        experiment.layer,
        make("span", { class: "head-more" }, `, ${poolingAndMetric(experiment).toLowerCase()}`),
      ),
    ),
    figures ?? "",
  );
}
