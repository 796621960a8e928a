// The bar below the map: the layers in depth order, and playing through them.
/** @import { PlayerState } from "../map/types.js" */
/** @import { Layer, MapRow } from "../shared/types.js" */
import { MapPlayer } from "../map/player.js";
import { byId, elementIn, elementsIn, focusedIn, isPlainClick, make } from "../shared/elements.js";

/** @type {MapPlayer | null} */
let player = null;
/** @type {MapRow[]} */
let rows = [];
let speed = 1;
/** @type {(work: () => unknown) => void} */
let go = () => {};

/**
 * The layers of a network: `family` are the maps that there are, `layers` the network's own in depth order.
 * `show` shows one and keeps its promise when it is shown; `failed` hears where it cannot.
 * @typedef {object} ShownLayers
 * @property {MapRow[]} family
 * @property {Layer[]} layers
 * @property {MapRow} row
 * @property {(row: MapRow, how: { duration: number }) => Promise<void>} show
 * @property {(error: unknown) => void} failed
 * @property {(row: MapRow) => string} address
 */

/**
 * Offer the layers of a network.
 * @param {ShownLayers} shown
 */
export function showLayers({ family, layers, row, show, failed, address }) {
  const at = family.findIndex((one) => one.id === row.id);
  const same =
    player?.state.at === at &&
    rows.length === family.length &&
    rows.every((one, number) => one.id === family[number].id);
  rows = family;
  go = (work) => Promise.resolve(work()).catch(failed);
  if (!same) {
    player?.pause();
    player = new MapPlayer({
      count: rows.length,
      at,
      show: (number, how) => show(rows[number], how),
      onChange: tell,
    });
    player.setSpeed(speed);
  }
  draw(layers, address);
  if (player) tell(player.state);
  for (const button of playButtons()) button.disabled = rows.length < 2;
}

const playButtons = () => elementsIn(byId("playbar"), "[data-play]", HTMLButtonElement);

/**
 * Show one of the layers with a glide, and play no more.
 * @param {MapRow} row
 */
export const goTo = (row) => go(() => player?.go(rows.findIndex((one) => one.id === row.id)));

/**
 * @param {Layer[]} layers
 * @param {(row: MapRow) => string} address
 */
function draw(layers, address) {
  const steps = byId("steps");
  const focused = focusedIn(steps)?.dataset.layer;
  const there = new Map(rows.map((row) => [row.layer, row]));
  const known = layers.length ? layers.map((layer) => layer.name) : rows.map((row) => row.layer);
  const items = known.map((name, at) => {
    const row = there.get(name);
    if (!row)
      return make(
        "li",
        {},
        make(
          "span",
          { class: "step", title: `${name}: not computed yet` },
          String(at + 1),
          make("span", { class: "visually-hidden" }, ` ${name}: not computed yet`),
        ),
      );
    const link = make(
      "a",
      {
        class: "step",
        href: address(row),
        "data-layer": row.layer,
        title: `Layer ${at + 1} of ${known.length}: ${name}`,
      },
      String(at + 1),
      make("span", { class: "step-name" }, name),
    );
    link.addEventListener("click", (event) => {
      if (!isPlainClick(event)) return;
      event.preventDefault();
      goTo(row);
    });
    return make("li", {}, link);
  });
  steps.replaceChildren(...items);
  if (focused === undefined) return;
  for (const link of elementsIn(steps, `[data-layer="${CSS.escape(focused)}"]`))
    link.focus({ preventScroll: true });
}

/** @param {PlayerState} state */
function tell({ at, playing }) {
  const row = rows.at(at);
  const [bar, steps] = [byId("playbar"), byId("steps")];
  for (const link of steps.querySelectorAll("a")) {
    if (link.dataset.layer === row?.layer) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  const total = steps.childElementCount;
  byId("layer-words").textContent = row
    ? `layer ${row.layer_position ?? at + 1} of ${total}: ${row.layer}`
    : "";
  bar.toggleAttribute("data-playing", playing);
  const toggle = elementIn(bar, '[data-play="toggle"]');
  toggle.title = playing ? "Pause" : "Play through the layers";
  elementIn(toggle, ".visually-hidden").textContent = toggle.title;
}

/** Let the buttons work, once. */
export function listenToPlaybar() {
  /** @type {Record<string, () => unknown>} */
  const work = {
    back: () => player?.step(-1),
    next: () => player?.step(1),
    toggle: () => (player?.state.playing ? player.pause() : player?.play()),
  };
  for (const button of playButtons())
    button.addEventListener("click", () => player && go(work[button.dataset.play ?? ""]));
  const chosen = byId("speed", HTMLSelectElement);
  chosen.addEventListener("change", () => {
    speed = Number(chosen.value);
    player?.setSpeed(speed);
  });
}
