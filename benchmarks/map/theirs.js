// Puts deck.gl's ScatterplotLayer, four pixels a point as well, through the common motion.
import { pointCloud, move } from "/page/motion.js";

const { Deck, OrthographicView, ScatterplotLayer } = window.deck;
const box = document.querySelector(".map");
let drawn = () => {};
const plot = new Deck({
  parent: box,
  views: new OrthographicView({ flipY: false }),
  viewState: { target: [0, 0, 0], zoom: 0 },
  useDevicePixels: true,
  onAfterRender: () => drawn(),
  layers: [],
});

const stateOf = (view) => ({ target: [view.x, view.y, 0], zoom: Math.log2(view.scale) });
const nextDrawing = () => new Promise((done) => (drawn = done));

/** Wait until the graphics card has finished: reading a pixel back does. */
function finish() {
  const gl = box.querySelector("canvas").getContext("webgl2");
  gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
}

let home = 1;

window.benchmark = {
  async load(count) {
    const { xy, categories, colours } = pointCloud(count);
    const painted = new Uint8Array(4 * count);
    categories.forEach((category, i) => {
      painted.set(colours.subarray(3 * category, 3 * category + 3), 4 * i);
      painted[4 * i + 3] = 230;
    });
    home = Math.min(box.clientWidth / 22, box.clientHeight / 14);
    const started = performance.now();
    // binary attributes: the fastest way into deck.gl that its documentation names
    const data = {
      length: count,
      attributes: {
        getPosition: { value: xy, size: 2 },
        getFillColor: { value: painted, size: 4, normalized: true },
      },
    };
    const layer = new ScatterplotLayer({
      id: "points",
      data,
      radiusUnits: "pixels",
      getRadius: 2,
      antialiasing: true,
    });
    const drawing = nextDrawing();
    plot.setProps({ layers: [layer], viewState: stateOf({ x: 0, y: 0, scale: home }) });
    await drawing;
    finish();
    return { first_picture_ms: performance.now() - started };
  },
  async move(ms) {
    const moved = await move((view) => plot.setProps({ viewState: stateOf(view) }), home, ms);
    const rested = performance.now();
    finish();
    await new Promise(requestAnimationFrame);
    return { ...moved, rest_ms: performance.now() - rested };
  },
};
