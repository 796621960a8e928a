// What the server knows of a map: which there are, their points, colours, small pictures, names.
/** @import { MapPoints, SpriteSource } from "../map/types.js" */
/** @import { ColouredBy, ImageRow, Legend, MapRow, Page, SpriteSheetPages } from "../shared/types.js" */
/** @import { Colouring } from "./types.js" */
import { decodePoints } from "../map/data.js";
import { ApiError, call } from "../shared/api.js";
import { everyPage } from "../shared/experiments/experiments.js";
import { once } from "../shared/once.js";
import { cellsOf } from "./csv.js";
import { mediaAddress, siteAddress } from "../shared/site.js";

const IDS_AT_ONCE = 200;
const IMAGES_KEPT = 5000;
/** @type {Map<string, Promise<unknown>>} */
const kept = new Map();
/** @type {Map<number, ImageRow>} */
const images = new Map();

/** Let go of all maps: another dataset comes. */
export function forgetMaps() {
  kept.clear();
}

/**
 * Return the content of an address that does not answer in JSON.
 * @param {string} address
 */
async function fetched(address) {
  /** @type {Response} */
  let answer;
  try {
    answer = await fetch(address, { credentials: "same-origin" });
  } catch {
    throw new ApiError("The server cannot be reached. Check that it runs and that you are connected.", {
      code: "unreachable",
    });
  }
  if (answer.ok) return answer;
  const error = (await answer.json().catch(() => null))?.error;
  throw new ApiError(error?.detail ?? `The server answered with status ${answer.status}.`, {
    code: error?.code,
    status: answer.status,
  });
}

/**
 * Return every map of a dataset, the latest first.
 * @param {string} slug
 * @returns {Promise<MapRow[]>}
 */
export const mapsOf = (slug) =>
  everyPage(siteAddress(`/api/v1/projections/?page_size=500&dataset=${encodeURIComponent(slug)}`));

/** @param {MapRow} row */
const versionOf = (row) => `${row.id} ${row.computed_at}`;

/**
 * Return the points of a map: see decodePoints.
 * @param {MapRow} row
 * @returns {Promise<MapPoints>}
 */
export const pointsOf = (row) =>
  once(kept, `points ${versionOf(row)}`, async () =>
    decodePoints(await (await fetched(siteAddress(`/api/v1/projections/${row.id}/points/`))).arrayBuffer()),
  );

/**
 * Return what the numbers of a map's points mean, and how many there are of each.
 * @param {MapRow} row
 * @param {ColouredBy} by
 * @returns {Promise<Legend>}
 */
export const legendOf = (row, by) =>
  once(kept, `legend ${by} ${versionOf(row)}`, () =>
    call(siteAddress(`/api/v1/projections/${row.id}/legend/?by=${by}`)),
  );

/**
 * Return {legend, numbers}: what a map is coloured by, and the number of each point; bins of a tenth for
 * scores.
 * @param {MapRow} row
 * @param {ColouredBy} by
 * @returns {Promise<Omit<Colouring, "by">>}
 */
export const colouringOf = (row, by) =>
  once(kept, `colours ${by} ${versionOf(row)}`, async () => {
    const [legend, answer] = await Promise.all([
      legendOf(row, by),
      fetched(siteAddress(`/api/v1/projections/${row.id}/colours/?by=${by}`)),
    ]);
    const numbers = new Uint16Array(await answer.arrayBuffer());
    return { legend, numbers: by === "score" ? numbers.map(binOf) : numbers };
  });

/** @param {number} score */
const binOf = (score) => (score > 1000 ? 65_535 : Math.min(9, Math.floor(score / 100)));

/**
 * Return {atlas (as SpriteSheet takes it, without numbers), spriteOf (Map of image id to sprite)}, or null.
 * @param {string} slug
 * @returns {Promise<{ sheet: SpriteSource, spriteOf: Map<number, number> } | null>}
 */
export const spriteSheetOf = (slug) =>
  once(kept, `atlas ${slug}`, async () => {
    /** @type {SpriteSheetPages} */
    const found = await call(siteAddress(`/api/v1/datasets/${encodeURIComponent(slug)}/atlas/`));
    if (!found.pages.length) return null;
    const ids = new Uint32Array(await (await fetched(found.ids)).arrayBuffer());
    /** @type {Map<number, number>} */
    const spriteOf = new Map();
    ids.forEach((id, sprite) => id && spriteOf.set(id, sprite));
    return {
      sheet: { cell: found.cell, columns: found.columns, perPage: found.per_page, pages: found.pages },
      spriteOf,
    };
  });

/**
 * Return Map of image id to {filename, label} for every point of a map.
 * @param {MapRow} row
 * @returns {Promise<Map<number, { filename: string, label: string }>>}
 */
export const namesOf = (row) =>
  once(kept, `names ${versionOf(row)}`, async () => {
    const text = await (await fetched(siteAddress(`/api/v1/projections/${row.id}/points.csv`))).text();
    const [, ...lines] = cellsOf(text);
    return new Map(lines.map(([id, filename, label]) => [Number(id), { filename, label }]));
  });

/**
 * Return the pictures of these ids that still exist, in this order.
 * @param {number[]} ids
 */
export async function imagesOf(ids) {
  const missing = [...new Set(ids)].filter((id) => !images.has(id));
  const asked = [];
  for (let start = 0; start < missing.length; start += IDS_AT_ONCE)
    asked.push(ask(missing.slice(start, start + IDS_AT_ONCE)));
  await Promise.all(asked);
  const found = ids.flatMap((id) => images.get(id) ?? []);
  for (const old of [...images.keys()].slice(0, Math.max(0, images.size - IMAGES_KEPT))) images.delete(old);
  return found;
}

/**
 * Return a picture that is here already.
 * @param {number} id
 */
export const imageHere = (id) => images.get(id);

/** @param {number[]} ids */
async function ask(ids) {
  /** @type {Page<Omit<ImageRow, "page_url">>} */
  const { results } = await call(siteAddress(`/api/v1/images/?ids=${ids.join(",")}`));
  for (const row of results)
    images.set(row.id, {
      ...row,
      thumbnail: mediaAddress(row.thumbnail),
      url: mediaAddress(row.url),
      page_url: siteAddress(`/datasets/${encodeURIComponent(row.dataset)}/images/${row.id}/`),
    });
}
