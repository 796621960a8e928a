// What the server answers, and what goes wrong on the way.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { ApiError, call } from "../../static/js/shared/api.js";
import { once } from "../../static/js/shared/once.js";

const own = globalThis.fetch;

afterEach(() => {
  globalThis.fetch = own;
});

/**
 * Let the next calls be answered.
 * @param {string | null} body
 * @param {ResponseInit} options
 */
function answering(body, options = {}) {
  globalThis.fetch = async () => new Response(body, options);
}

/**
 * @param {string} message
 * @param {{ status: number, code?: string }} also
 */
const refused = (message, also) =>
  assert.rejects(call("/api/"), (error) => {
    assert.ok(error instanceof ApiError);
    assert.equal(error.message, message);
    assert.equal(error.status, also.status);
    if (also.code) assert.equal(error.code, also.code);
    return true;
  });

test("an answer is read, and none where there is none", async () => {
  answering('{"rows": [1, 2]}');
  assert.deepEqual(await call("/api/"), { rows: [1, 2] });
  answering(null, { status: 204 });
  assert.equal(await call("/api/"), null);
});

test("the sentence of the server is what people read", async () => {
  const body = JSON.stringify({ error: { code: "invalid", detail: "Give exactly one query." } });
  answering(body, { status: 400 });
  await refused("Give exactly one query.", { status: 400, code: "invalid" });
});

test("a server without a sentence is spoken for", async () => {
  answering("<html>", { status: 502 });
  await refused("The server had a problem answering. Try again in a moment.", { status: 502 });
  answering("", { status: 413 });
  await refused("The file is larger than the server accepts.", { status: 413 });
  answering("{}", { status: 429 });
  await refused("Too many requests in a short time. Try again in a minute.", { status: 429 });
  answering("not JSON");
  await refused("The server sent an answer that cannot be read. Try again in a moment.", { status: 0 });
});

test("a server that is away is said to be, and a search that was left is left", async () => {
  globalThis.fetch = () => Promise.reject(new TypeError("fetch failed"));
  await refused("The server cannot be reached. Check that it runs and that you are connected.", {
    status: 0,
    code: "unreachable",
  });
  globalThis.fetch = () => Promise.reject(new DOMException("left", "AbortError"));
  await assert.rejects(call("/api/"), { name: "AbortError" });
});

test("what is asked twice is fetched once, and a failure is asked again", async () => {
  const answers = new Map();
  let asked = 0;
  /** @param {boolean} fails */
  const ask = async (fails) => {
    asked += 1;
    if (fails) throw new Error("away");
    return asked;
  };
  await assert.rejects(once(answers, "key", () => ask(true)));
  const [one, other] = [once(answers, "key", () => ask(false)), once(answers, "key", () => ask(false))];
  assert.equal(one, other);
  assert.equal(await one, 2);
});
