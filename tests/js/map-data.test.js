// The binary form of a map.
import assert from "node:assert/strict";
import { test } from "node:test";

import { cellOf, cellsOf } from "../../static/js/embeddings/csv.js";
import { decodePoints, MapDataError, NO_CATEGORY } from "../../static/js/map/data.js";

const BOUNDS = [-1, -2, 3, 6];

/**
 * Return a map as the server writes it.
 * @param {{ x: number, y: number, id: number, category: number }[]} points
 */
function encoded(points, { version = 1, magic = "SSMP" } = {}) {
  const buffer = new ArrayBuffer(32 + 10 * points.length);
  const view = new DataView(buffer);
  [...magic].forEach((letter, at) => view.setUint8(at, letter.charCodeAt(0)));
  view.setUint32(4, version, true);
  view.setUint32(8, points.length, true);
  BOUNDS.forEach((value, at) => view.setFloat32(16 + 4 * at, value, true));
  points.forEach(({ x, y, id, category }, at) => {
    view.setUint16(32 + 2 * at, x, true);
    view.setUint16(32 + 2 * (points.length + at), y, true);
    view.setUint32(32 + 4 * points.length + 4 * at, id, true);
    view.setUint16(32 + 8 * points.length + 2 * at, category, true);
  });
  return buffer;
}

const points = [
  { x: 0, y: 65_535, id: 1, category: 0 },
  { x: 65_535, y: 0, id: 4_000_000_000, category: NO_CATEGORY },
];

test("points come back where they were, with their ids and categories", () => {
  const read = decodePoints(encoded(points));
  assert.equal(read.count, 2);
  assert.deepEqual([...read.xy], [-1, 6, 3, -2]);
  assert.deepEqual([...read.ids], [1, 4_000_000_000]);
  assert.deepEqual([...read.categories], [0, NO_CATEGORY]);
  assert.deepEqual(read.bounds, { minX: -1, minY: -2, maxX: 3, maxY: 6 });
  assert.equal(decodePoints(encoded([])).count, 0);
});

test("what is no map, of another format or cut short is refused in words", () => {
  assert.throws(() => decodePoints(new ArrayBuffer(10)), { name: "MapDataError", message: /cut short/ });
  assert.throws(() => decodePoints(encoded(points, { magic: "PNG!" })), { message: /is not a map/ });
  assert.throws(() => decodePoints(encoded(points, { version: 2 })), { message: /format 2; .* format 1/ });
  assert.throws(() => decodePoints(encoded(points).slice(0, 51)), MapDataError);
});

test("cells of CSV are read with quotes, commas and line ends inside", () => {
  const text = 'id,filename,label\r\n1,"a, b.jpg","say ""hi"""\n2,plain.png,\r\n';
  assert.deepEqual(cellsOf(text), [
    ["id", "filename", "label"],
    ["1", "a, b.jpg", 'say "hi"'],
    ["2", "plain.png", ""],
  ]);
  assert.deepEqual(cellsOf(""), []);
});

test("what is written as a cell is read as it was", () => {
  for (const text of ["plain", "with, comma", 'with "quotes"', "two\nlines", ""]) {
    assert.deepEqual(cellsOf(`${cellOf(text)},end\r\n`), [[text, "end"]]);
  }
});
