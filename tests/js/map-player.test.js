// Playing through the layers of a map.
import assert from "node:assert/strict";
import { before, test } from "node:test";

import { MapPlayer } from "../../static/js/map/player.js";

before(() => {
  globalThis.matchMedia = /** @type {any} */ (() => ({ matches: false }));
});

/** A player of three layouts that notes what it shows. */
function noted() {
  /** @type {[number: number, duration: number][]} */
  const shown = [];
  const player = new MapPlayer({
    count: 3,
    show: async (number, { duration }) => shown.push([number, duration]),
  });
  return { player, shown };
}

test("steps go round at both ends, with the glide of the chosen speed", async () => {
  const { player, shown } = noted();
  await player.step(-1);
  player.setSpeed(2);
  await player.step();
  assert.deepEqual(shown, [
    [2, 1400],
    [0, 700],
  ]);
  assert.deepEqual(player.state, { at: 0, count: 3, playing: false, speed: 2 });
});

test("it plays until it is paused, and shows no more then", async () => {
  const { player, shown } = noted();
  player.setSpeed(1000);
  const played = player.play();
  await new Promise((done) => setTimeout(done, 20));
  player.pause();
  await played;
  const before_ = shown.length;
  assert.ok(before_ >= 2);
  assert.deepEqual(
    shown.slice(0, 3).map(([number]) => number),
    [1, 2, 0].slice(0, Math.min(3, before_)),
  );
  await new Promise((done) => setTimeout(done, 10));
  assert.equal(shown.length, before_);
});

test("what cannot be shown ends the playing", async () => {
  const player = new MapPlayer({ count: 2, show: () => Promise.reject(new Error("gone")) });
  await assert.rejects(player.play(), /gone/);
  assert.equal(player.state.playing, false);
});
