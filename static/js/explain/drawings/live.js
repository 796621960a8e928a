// The way of an image through the configuration that answers, as a chain of steps with their sizes.
/** @import { Answering, DrawLater } from "../types.js" */
/** @import { Page, SearchIndex } from "../../shared/types.js" */
import { call } from "../../shared/api.js";
import { make } from "../../shared/elements.js";
import { everyNetwork, POOLINGS } from "../../shared/experiments/experiments.js";
import { number } from "../../shared/format.js";
import { once } from "../../shared/once.js";
import { siteAddress } from "../../shared/site.js";

/** @type {Map<string, Promise<Answering[]>>} */
const answers = new Map();

/** @returns {Promise<Answering[]>} */
const answering = () =>
  once(answers, "live", async () => {
    /** @type {Page<SearchIndex>} */
    const found = await call(siteAddress("/api/v1/indexes/?page_size=500"));
    return found.results.filter((index) => index.live).map(({ dataset, spec }) => ({ dataset, spec }));
  });

/** @type {DrawLater} */
export async function draw(figure, { image }) {
  const [all, networks] = await Promise.all([answering(), everyNetwork()]);
  if (!all.length) throw new Error("Nothing is searchable yet, so nothing answers.");
  const asked = new URLSearchParams(location.search).get("dataset");
  const shown = all.find((one) => one.dataset === asked) ?? all[0];
  const { spec } = shown;
  const network = networks.find((one) => one.name === spec.model);
  const layer = network?.layers.find((one) => one.name === spec.layer);
  const maps = layer ? `${number(layer.shape[2])} maps of ${layer.shape[0]} × ${layer.shape[1]}` : "its maps";
  figure.replaceChildren(
    make(
      "ol",
      { class: "way" },
      step(
        "Your image",
        image ? make("img", { src: image.thumbnail, alt: "", width: 56, height: 56 }) : null,
        network ? `${network.input_size} × ${network.input_size} pixels` : "",
      ),
      step(network?.title ?? spec.model, null, `up to ${spec.layer}: ${maps}`),
      step(
        `${POOLINGS[spec.pooling] ?? spec.pooling} pooling`,
        null,
        spec.reduction ? "one long vector" : `${number(spec.dims)} numbers`,
      ),
      spec.reduction ? step("Shortened by PCA", null, `${number(spec.dims)} numbers`) : null,
      step("Compared by cosine", null, "with all stored images; above 50,000 an index helps"),
    ),
    make("figcaption", { class: "small muted" }, inWords(all, shown.dataset)),
  );
}

/**
 * @param {string} name
 * @param {HTMLElement | null} image
 * @param {string} detail
 */
const step = (name, image, detail) =>
  make("li", {}, image, make("strong", {}, name), make("span", { class: "muted small number" }, detail));

/** @param {Answering["spec"]} spec */
const textOf = (spec) => [spec.model, spec.layer, spec.pooling, spec.reduction].join(" ");

/**
 * @param {Answering[]} all
 * @param {string} shown
 */
function inWords(all, shown) {
  const kinds = new Set(all.map(({ spec }) => textOf(spec)));
  if (all.length < 2) return `This is what answers in ${shown}.`;
  return kinds.size === 1
    ? "All datasets answer in this way."
    : `This is what answers in ${shown}; other datasets use others, and their hits are merged by rank and score.`;
}
