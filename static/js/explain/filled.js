// What drawings need and a page may not show: a network, a layer, and images of the dataset.
/** @import { Screen, ShownImage } from "./types.js" */
/** @import { ImageSummary, Page } from "../shared/types.js" */
import { call } from "../shared/api.js";
import { everyNetwork } from "../shared/experiments/experiments.js";
import { once } from "../shared/once.js";
import { siteAddress } from "../shared/site.js";
import { imagesShown, onScreen, shownImage } from "./screen.js";

const FEWEST = 3; // that are compared
const ASKED = 20;
/** @type {Map<string, Promise<any>>} */
const answers = new Map();

/**
 * Return what is shown, and the first that there are in place of what the page shows nothing of.
 * @returns {Promise<Screen>}
 */
export async function filledScreen() {
  const shown = onScreen();
  const network =
    shown.network ?? (await everyNetwork()).find((one) => one.available && !one.baseline) ?? null;
  const known = imagesShown();
  const images = known.length < FEWEST ? await firstImages() : known;
  return {
    ...shown,
    network,
    layer: shown.layer ?? network?.layers.at(-1) ?? null,
    image: shown.image ?? images[0] ?? null,
    images,
  };
}

/** @returns {Promise<ShownImage[]>} */
async function firstImages() {
  const asked = new URLSearchParams({ page_size: String(ASKED) });
  const dataset = new URLSearchParams(location.search).get("dataset");
  if (dataset) asked.set("dataset", dataset);
  const address = siteAddress(`/api/v1/images/?${asked}`);
  /** @type {Page<ImageSummary>} */
  const found = await once(answers, address, () => call(address));
  return found.results.map(shownImage);
}
