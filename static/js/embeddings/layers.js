// The bar below the map: the layers in depth order, and playing through them.
import { make } from "../shared/elements.js";
import { MapPlayer } from "../map/player.js";

const bar = document.getElementById("playbar");
const steps = document.getElementById("steps");
const words = document.getElementById("layer-words");
let player = null;
let rows = [];
let speed = 1;
let go = () => {};

/**
 * Offer the layers of a network: `family` are the maps that there are, `layers` the network's own in depth order.
 * `show(row, {duration})` shows one and keeps its promise when it is shown; `failed(error)` hears where it cannot.
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
  tell(player.state);
  for (const button of bar.querySelectorAll("[data-play]")) button.disabled = rows.length < 2;
}

/** Show one of the layers with a glide, and play no more. */
export const goTo = (row) => go(() => player.go(rows.findIndex((one) => one.id === row.id)));

function draw(layers, address) {
  const focused = steps.contains(document.activeElement) ? document.activeElement.dataset.layer : null;
  const there = new Map(rows.map((row) => [row.layer, row]));
  const known = layers.length ? layers : rows.map((row) => ({ name: row.layer }));
  const items = known.map((layer, at) => {
    const row = there.get(layer.name);
    if (!row)
      return make(
        "li",
        {},
        make(
          "span",
          { class: "step", title: `${layer.name}: not computed yet` },
          String(at + 1),
          make("span", { class: "visually-hidden" }, ` ${layer.name}: not computed yet`),
        ),
      );
    const link = make(
      "a",
      {
        class: "step",
        href: address(row),
        "data-layer": row.layer,
        title: `Layer ${at + 1} of ${known.length}: ${layer.name}`,
      },
      String(at + 1),
      make("span", { class: "step-name" }, layer.name),
    );
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      goTo(row);
    });
    return make("li", {}, link);
  });
  steps.replaceChildren(...items);
  if (focused) steps.querySelector(`[data-layer="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function tell({ at, playing }) {
  const row = rows[at];
  for (const link of steps.querySelectorAll("a")) {
    if (link.dataset.layer === row?.layer) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  const total = steps.childElementCount;
  words.textContent = row ? `layer ${row.layer_position ?? at + 1} of ${total}: ${row.layer}` : "";
  bar.toggleAttribute("data-playing", playing);
  const toggle = bar.querySelector('[data-play="toggle"]');
  toggle.title = playing ? "Pause" : "Play through the layers";
  toggle.querySelector(".visually-hidden").textContent = toggle.title;
}

/** Let the buttons work, once. */
export function listenToPlaybar() {
  const work = {
    back: () => player.step(-1),
    next: () => player.step(1),
    toggle: () => (player.state.playing ? player.pause() : player.play()),
  };
  for (const button of bar.querySelectorAll("[data-play]")) {
    button.addEventListener("click", () => player && go(work[button.dataset.play]));
  }
  document.getElementById("speed").addEventListener("change", (event) => {
    speed = Number(event.target.value);
    player?.setSpeed(speed);
  });
}
