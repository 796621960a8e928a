// What it takes to index the parts of images, in words.
import assert from "node:assert/strict";
import test from "node:test";

import { partsWords } from "../../static/js/parts/words.js";

const FACTS = {
  images: 197,
  indexed: 0,
  active: false,
  parts: 8,
  rows: 1576,
  bytes: 3_322_208,
  seconds: 20.4,
};

test("what parts take is said before", () => {
  assert.match(
    partsWords(FACTS),
    /at 8 parts of each.*1,576 more vectors, about 3\.3 MB of disk, and about 20 seconds\./,
  );
  assert.match(partsWords({ ...FACTS, seconds: null }), /some time, which was not measured here yet\.$/);
  assert.match(
    partsWords({ ...FACTS, bytes: 2.1e10, seconds: 7200 }),
    /about 21\.0 GB of disk, and about 2 hours\.$/,
  );
  assert.match(partsWords({ ...FACTS, seconds: 300 }), /about 5 minutes\.$/);
});

test("what is indexed is said, and what is left", () => {
  assert.match(
    partsWords({ ...FACTS, active: true, indexed: 197 }),
    /197 of 197 images have their parts indexed, about 3\.3 MB\.$/,
  );
  assert.match(
    partsWords({ ...FACTS, active: true, indexed: 190, seconds: 1 }),
    /The rest takes about 1 second\.$/,
  );
});
