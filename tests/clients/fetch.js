// What an integrator writes with openapi-fetch and the types that openapi-typescript makes of the schema:
// `tsc` checks it against them, and then it runs. Prints what it found as JSON.
import { readFile } from "node:fs/promises";
import process from "node:process";

import createClient from "openapi-fetch";

/** @typedef {import("./schema.d.ts").paths} paths */

const [address = "", token = "", imageFile = "", archive = "", image = ""] = process.argv.slice(2);
/** @type {import("openapi-fetch").Client<paths>} */
const client = createClient({ baseUrl: address, headers: { Authorization: `Bearer ${token}` } });

/**
 * Return what was answered; throws what was refused.
 * @template Answer
 * @param {{ data?: Answer, error?: unknown, response: Response }} answered
 * @returns {Answer}
 */
function required({ data, error, response }) {
  if (data === undefined) throw new Error(`${response.url}: ${response.status} ${JSON.stringify(error)}`);
  return data;
}

/** @param {string} path */
const file = async (path) =>
  new File([new Uint8Array(await readFile(path))], path.split("/").at(-1) ?? "file");

/**
 * Send fields as a form.
 * @param {any} body
 */
const asForm = (body) => {
  const form = new FormData();
  for (const [name, value] of Object.entries(body)) form.append(name, value);
  return form;
};

const made = required(await client.POST("/api/v1/datasets/", { body: { slug: "fetched", name: "Fetched" } }));
const job = required(
  await client.POST("/api/v1/datasets/{slug}/upload/", {
    params: { path: { slug: made.slug } },
    // a file is `string` in these types: the generator knows no bytes
    body: /** @type {any} */ ({ file: await file(archive) }),
    bodySerializer: asForm,
  }),
);
const added = required(
  await client.POST("/api/v1/images/", {
    body: /** @type {any} */ ({ file: await file(imageFile), dataset: made.slug, external_id: "b-1" }),
    bodySerializer: asForm,
  }),
);
const again = await client.POST("/api/v1/images/", {
  body: /** @type {any} */ ({ file: await file(imageFile), dataset: made.slug }),
  bodySerializer: asForm,
});
const byFile = required(
  await client.POST("/api/v1/search/", {
    body: /** @type {any} */ ({ file: await file(imageFile), dataset: "mine", k: "2" }),
    bodySerializer: asForm,
  }),
);
const byImage = required(
  await client.POST("/api/v1/search/", { body: { image: Number(image), k: 2, page: 1 } }),
);
const stored = required(
  await client.GET("/api/v1/images/{id}/", { params: { path: { id: Number(image) } } }),
);
const byUrl = required(
  await client.POST("/api/v1/search/", { body: { url: new URL(stored.url, address).href, k: 1, page: 1 } }),
);

/** @type {number[]} */
const paged = [];
/** @type {string | undefined} */
let cursor;
do {
  const page = required(
    await client.GET("/api/v1/images/", { params: { query: { dataset: "mine", page_size: 7, cursor } } }),
  );
  paged.push(page.results.length);
  cursor = (page.next && new URL(page.next).searchParams.get("cursor")) || undefined;
} while (cursor);

const lists = [
  required(await client.GET("/api/v1/datasets/")).results.length,
  required(await client.GET("/api/v1/jobs/")).results.length,
  required(await client.GET("/api/v1/indexes/")).results.length,
  required(await client.GET("/api/v1/experiments/")).results.length,
  required(await client.GET("/api/v1/projections/")).results.length,
  required(await client.GET("/api/v1/models/")).length,
];
const deleted = required(
  await client.DELETE("/api/v1/images/", { params: { query: { dataset: made.slug } } }),
);
const gone = await client.DELETE("/api/v1/datasets/{slug}/", { params: { path: { slug: made.slug } } });

console.log(
  JSON.stringify({
    job: job.kind,
    external_id: added.image.external_id,
    duplicate: again.error && "error" in again.error ? again.error.error.image === added.image.id : false,
    hits: [byFile.hits.length, byImage.hits.length, byUrl.hits[0]?.image === Number(image)],
    paged,
    lists: lists.length,
    deleted: deleted.images,
    gone: gone.response.status,
  }),
);
