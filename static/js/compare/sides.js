// The two configurations: their choices, and at the head of each list what it is and how well it did.
import { CONFIGURATION, METRICS, percent, POOLINGS } from "../shared/url-state.js";
import { make } from "../shared/elements.js";

const NAMES = { model: "Network", layer: "Layer", pooling: "Pooling", metric: "Distance" };

const distinct = (rows, name) => [...new Set(rows.map((row) => row[name]))];

/** Return [value, text] of what can be chosen beside the rest of a configuration. */
function optionsOf(name, experiment, rows, networks) {
  if (name === "model") {
    const computed = distinct(rows, "model");
    const known = networks
      .filter((network) => computed.includes(network.name))
      .map((network) => [network.name, network.title]);
    const others = computed.filter((model) => !networks.some((network) => network.name === model));
    return [...known, ...others.map((model) => [model, model])];
  }
  const ofModel = rows.filter((row) => row.model === experiment.model);
  if (name === "layer") {
    const layers =
      networks.find((network) => network.name === experiment.model)?.layers.map((layer) => layer.name) ?? [];
    const computed = distinct(ofModel, "layer");
    return [
      ...layers.filter((layer) => computed.includes(layer)),
      ...computed.filter((layer) => !layers.includes(layer)),
    ].map((layer) => [layer, layerText(layers, layer)]);
  }
  const ofLayer = ofModel.filter((row) => row.layer === experiment.layer);
  const titles = name === "metric" ? METRICS : POOLINGS;
  return distinct(ofLayer, name).map((value) => [value, titles[value] ?? value]);
}

const layerText = (layers, layer) =>
  layers.includes(layer) ? `${layers.indexOf(layer) + 1} · ${layer}` : layer;

/** Fill the choices of a side with what was computed. */
export function showChoice(form, experiment, rows, networks) {
  if (!form.childElementCount) {
    form.append(
      ...CONFIGURATION.map((name) =>
        make("label", { class: "field" }, NAMES[name], make("select", { class: "input", name })),
      ),
    );
  }
  for (const name of CONFIGURATION) {
    const select = form.elements[name];
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

/** Show what a list is of, the score of this query and the mean of the dataset. */
export function showHead(root, side, experiment, result, networks) {
  const network = networks.find((one) => one.name === experiment.model);
  const title = network?.title ?? experiment.model;
  const scored = result && result.weighted_precision !== null && experiment.weighted_precision !== null;
  const figures = scored
    ? make(
        "p",
        { class: "head-scores number" },
        make("strong", {}, percent(result.weighted_precision * 100)),
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
        make(
          "span",
          { class: "head-more" },
          `, ${(POOLINGS[experiment.pooling] ?? experiment.pooling).toLowerCase()}, ${(METRICS[experiment.metric] ?? experiment.metric).toLowerCase()}`,
        ),
      ),
    ),
    figures ?? "",
  );
}
