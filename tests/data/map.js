// A page with nothing but a map, for the tests that drive it.
import { decodePoints } from "/static/js/map/data.js";
import { MapInteraction } from "/static/js/map/interaction.js";
import { MapPlayer } from "/static/js/map/player.js";
import { MapRenderer } from "/static/js/map/drawing/renderer.js";
import { saveImage, tokenColour } from "/static/js/map/drawing/screen.js";

const box = document.querySelector(".map");
const renderer = new MapRenderer(box.querySelector("canvas"));
const heard = { hovered: -1, focused: -1, opened: [], selected: null, corners: null, shown: [] };
const interaction = new MapInteraction(box, renderer, {
  onHover: (index) => (heard.hovered = index),
  onFocus: (index) => (heard.focused = index),
  onOpen: (index) => heard.opened.push(index),
  onSelect: (indices, corners) => Object.assign(heard, { selected: [...indices], corners }),
});

const bytesOf = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

window.map = {
  renderer,
  interaction,
  heard,
  saveImage,
  decode(text) {
    const { xy, ids, categories, bounds } = decodePoints(bytesOf(text).buffer);
    return { xy: [...xy], ids: [...ids], categories: [...categories], bounds };
  },
  async load(xy, categories, colours) {
    renderer.setTheme({ background: tokenColour("--surface"), ink: tokenColour("--ink") });
    renderer.setPoints(Float32Array.from(xy), Uint16Array.from(categories), Uint8Array.from(colours));
    renderer.setView(renderer.home());
    await renderer.settled();
    return renderer.view;
  },
  /** Play through layouts for one round, and return what was shown and where the points were each time. */
  play(layouts, speed) {
    const visited = [];
    return new Promise((done) => {
      const player = new MapPlayer({
        count: layouts.length,
        async show(number, options) {
          await renderer.setTargets(Float32Array.from(layouts[number]), options);
          visited.push({
            number,
            first: [...renderer.grid.xy.slice(0, 2)],
            complete: renderer.report.complete,
          });
          if (visited.length < layouts.length) return;
          player.pause();
          done(visited);
        },
        onChange: (state) => heard.shown.push(state),
      });
      player.setSpeed(speed);
      player.play();
    });
  },
};
