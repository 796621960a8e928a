// What the server knows of a map: which there are, their points, colours, small pictures, names.
import { ApiError, call } from "../shared/api.js";
import { everyPage } from "../shared/url-state.js";
import { decodePoints } from "../map/data.js";

const IDS_AT_ONCE = 200;
const PICTURES_KEPT = 5000;
const kept = new Map();
const pictures = new Map();

/** Ask once and keep the promise; a failure is not kept. */
function once(key, ask) {
  if (!kept.has(key)) {
    const answer = ask();
    kept.set(key, answer);
    answer.catch(() => kept.get(key) === answer && kept.delete(key));
  }
  return kept.get(key);
}

/** Let go of all maps: another dataset comes. */
export function forgetMaps() {
  kept.clear();
}

/** Return the content of an address that does not answer in JSON. */
async function fetched(address) {
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

/** Return every map of a dataset, the latest first. */
export const projections = (slug) =>
  everyPage(`/api/v1/projections/?page_size=500&dataset=${encodeURIComponent(slug)}`);

const versionOf = (row) => `${row.id} ${row.computed_at}`;

/** Return the points of a map: see decodePoints. */
export const pointsOf = (row) =>
  once(`points ${versionOf(row)}`, async () =>
    decodePoints(await (await fetched(`/api/v1/projections/${row.id}/points/`)).arrayBuffer()),
  );

/** Return what the numbers of a map's points mean, and how many there are of each. */
export const legendOf = (row, by) =>
  once(`legend ${by} ${versionOf(row)}`, () => call(`/api/v1/projections/${row.id}/legend/?by=${by}`));

/** Return {legend, numbers}: what a map is coloured by, and the number of each point; bins of a tenth for scores. */
export const colouringOf = (row, by) =>
  once(`colours ${by} ${versionOf(row)}`, async () => {
    const [legend, answer] = await Promise.all([
      legendOf(row, by),
      fetched(`/api/v1/projections/${row.id}/colours/?by=${by}`),
    ]);
    const numbers = new Uint16Array(await answer.arrayBuffer());
    return { legend, numbers: by === "score" ? numbers.map(binOf) : numbers };
  });

const binOf = (score) => (score > 1000 ? 65_535 : Math.min(9, Math.floor(score / 100)));

/** Return {atlas (as SpriteSheet takes it, without numbers), spriteOf (Map of image id to sprite)}, or null. */
export const atlasOf = (slug) =>
  once(`atlas ${slug}`, async () => {
    const found = await call(`/api/v1/datasets/${encodeURIComponent(slug)}/atlas/`);
    if (!found.pages.length) return null;
    const ids = new Uint32Array(await (await fetched(found.ids)).arrayBuffer());
    const spriteOf = new Map();
    ids.forEach((id, sprite) => id && spriteOf.set(id, sprite));
    return {
      atlas: { cell: found.cell, columns: found.columns, perPage: found.per_page, pages: found.pages },
      spriteOf,
    };
  });

/** Return Map of image id to {filename, label} for every point of a map. */
export const namesOf = (row) =>
  once(`names ${versionOf(row)}`, async () => {
    const text = await (await fetched(`/api/v1/projections/${row.id}/points.csv`)).text();
    const [, ...lines] = cellsOf(text);
    return new Map(lines.map(([id, filename, label]) => [Number(id), { filename, label }]));
  });

/** Return the cells of a CSV text, line by line. */
function cellsOf(text) {
  const lines = [];
  let line = [];
  // a cell in quotes, in which a quote is doubled, or a plain one; then what ends it
  for (const [all, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    if (!all) break;
    line.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === ",") continue;
    lines.push(line);
    line = [];
  }
  return lines;
}

/** Return the pictures of these ids that still exist, in this order. */
export async function picturesOf(ids) {
  const missing = [...new Set(ids)].filter((id) => !pictures.has(id));
  const asked = [];
  for (let start = 0; start < missing.length; start += IDS_AT_ONCE)
    asked.push(ask(missing.slice(start, start + IDS_AT_ONCE)));
  await Promise.all(asked);
  const found = ids.map((id) => pictures.get(id)).filter(Boolean);
  for (const old of [...pictures.keys()].slice(0, Math.max(0, pictures.size - PICTURES_KEPT)))
    pictures.delete(old);
  return found;
}

/** Return a picture that is here already. */
export const pictureHere = (id) => pictures.get(id);

async function ask(ids) {
  const { results } = await call(`/api/v1/images/?ids=${ids.join(",")}`);
  for (const row of results)
    pictures.set(row.id, {
      ...row,
      page_url: `/datasets/${encodeURIComponent(row.dataset)}/images/${row.id}/`,
    });
}
