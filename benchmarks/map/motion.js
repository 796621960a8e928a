// What both maps are put through: the same points, the same way through them, the same clock.

const CLUSTERS = 40;
const WARM_UP_MS = 1000;
const LEAST_FRAMES = 3; // a map slower than that is measured for longer

/** A seeded generator of numbers from 0 to 1 (mulberry32, public domain). */
export function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Return {xy, categories, colours} of `count` points in clusters, within -12 to 12. */
export function pointCloud(count, seed = 7) {
  const random = generator(seed);
  const bell = () => random() + random() + random() - 1.5;
  const centres = Array.from({ length: CLUSTERS }, () => [
    random() * 20 - 10,
    random() * 12 - 6,
    0.3 + random(),
  ]);
  const xy = new Float32Array(2 * count);
  const categories = new Uint16Array(count);
  for (let i = 0; i < count; i += 1) {
    const cluster = Math.floor(random() * CLUSTERS);
    const [x, y, spread] = centres[cluster];
    xy[2 * i] = x + bell() * spread;
    xy[2 * i + 1] = y + bell() * spread;
    categories[i] = cluster;
  }
  const colours = Uint8Array.from({ length: 3 * CLUSTERS }, () => 40 + Math.floor(random() * 180));
  return { xy, categories, colours };
}

/**
 * Return the view after `seconds` of panning and zooming (1 to 4 times) over the cloud, seen whole at
 * `scale`.
 */
export function viewAt(seconds, scale) {
  const zoom = 2.5 - 1.5 * Math.cos(seconds * 1.3);
  return { x: 6 * Math.sin(seconds * 0.9), y: 3 * Math.sin(seconds * 1.7), scale: scale * zoom };
}

const nextFrame = () => new Promise(requestAnimationFrame);

/**
 * Move a map for `ms` milliseconds and return {frames_per_s, frame_ms_p95, frame_ms_max}. A frame is one turn
 * of requestAnimationFrame: the browser holds it back while drawings pile up.
 */
export async function move(show, scale, ms) {
  const started = performance.now();
  const gaps = [];
  let before = null;
  for (;;) {
    const now = await nextFrame();
    if (now - started > WARM_UP_MS) {
      if (before !== null) gaps.push(now - before);
      before = now;
    }
    if (now - started > WARM_UP_MS + ms && gaps.length >= LEAST_FRAMES) break;
    show(viewAt((now - started) / 1000, scale));
  }
  const total = gaps.reduce((sum, gap) => sum + gap, 0);
  gaps.sort((a, b) => a - b);
  return {
    frames_per_s: (gaps.length * 1000) / total,
    frame_ms_p95: gaps[Math.floor(gaps.length * 0.95)],
    frame_ms_max: gaps.at(-1),
  };
}
