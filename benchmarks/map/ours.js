// Puts the map of this project through the common motion.
import { MapRenderer } from "/static/js/map/drawing/renderer.js";
import { pointCloud, move } from "/page/motion.js";

const renderer = new MapRenderer(document.querySelector("canvas.map-layer"));

window.benchmark = {
  renderer,
  async load(count) {
    const { xy, categories, colours } = pointCloud(count);
    const started = performance.now();
    renderer.setPoints(xy, categories, colours);
    renderer.setView(renderer.home());
    await renderer.settled();
    return { first_picture_ms: performance.now() - started };
  },
  async move(ms) {
    const { refreshes } = renderer.report;
    const moved = await move((view) => renderer.setView(view), renderer.home().scale, ms);
    const redrawn = renderer.report.refreshes - refreshes;
    const rested = performance.now();
    await renderer.settled();
    await new Promise(requestAnimationFrame);
    const { count, drawn, complete } = renderer.report;
    return {
      ...moved,
      rest_ms: performance.now() - rested,
      redrawn_per_s: (redrawn * 1000) / (ms + 1000),
      points: count,
      drawn_in_view: drawn,
      complete,
    };
  },
  /** Every point moves to another place and back. */
  async glide(ms) {
    const here = renderer.grid.xy;
    const there = here.map((value, at) => -here[at ^ 1] * (at % 2 ? 0.5 : 1.5));
    const { refreshes } = renderer.report;
    const started = performance.now();
    await renderer.setTargets(there, { duration: ms });
    const seconds = (performance.now() - started) / 1000;
    return { pictures_per_s: (renderer.report.refreshes - refreshes) / seconds };
  },
};
