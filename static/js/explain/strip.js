// The words of a page explained: buttons open a panel, one at a time; which is open is remembered. The
// drawing of a panel is fetched when it is opened first, and drawn anew when something else is on the screen.
/** @import { Draw, DrawLater } from "./types.js" */
import { byId, closest, elementIn, elementsIn, make } from "../shared/elements.js";
import { filledScreen } from "./filled.js";
import { onScreen, whenShown } from "./screen.js";

/** @type {Record<string, () => Promise<{ draw: Draw | DrawLater }>>} */
const DRAWINGS = {
  network: () => import("./drawings/network.js"),
  layer: () => import("./drawings/layer.js"),
  convolution: () => import("./drawings/convolution.js"),
  pooling: () => import("./drawings/pooling.js"),
  distance: () => import("./drawings/distance.js"),
  score: () => import("./drawings/score.js"),
  cost: () => import("./drawings/cost.js"),
  map: () => import("./drawings/map.js"),
  method: () => import("./drawings/network.js"),
  live: () => import("./drawings/live.js"),
  likeness: () => import("./drawings/likeness.js"),
};
// those that are drawn from any network and any image where the page shows none
const FILLED = new Set(["network", "layer", "convolution", "pooling", "distance", "method"]);
const OPENED = "semsearch.explained";
const REST_MS = 250;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
let open = "";

/** Where storage is refused nothing is remembered. */
function remembered() {
  try {
    return localStorage.getItem(OPENED) ?? "";
  } catch {
    return "";
  }
}

/** @param {string} topic */
function remember(topic) {
  try {
    localStorage.setItem(OPENED, topic);
  } catch {
    // it is open all the same
  }
}

/** @param {string} topic */
function show(topic) {
  open = topic;
  for (const panel of elementsIn(byId("explained"), ".explanation"))
    panel.hidden = panel.dataset.topic !== topic;
  for (const button of elementsIn(byId("explained"), "[data-explains]"))
    button.setAttribute("aria-expanded", String(button.dataset.explains === topic));
  drawSoon();
}

function drawSoon() {
  clearTimeout(timer);
  if (open) timer = setTimeout(drawOpened, REST_MS);
}

async function drawOpened() {
  const topic = open;
  const panel = byId("explained").querySelector(`.explanation[data-topic="${topic}"]`);
  if (!panel || !DRAWINGS[topic]) return;
  const figure = elementIn(panel, "[data-drawing]");
  figure.ariaBusy = "true";
  if (!figure.childElementCount)
    figure.replaceChildren(make("p", { class: "small muted" }, "This is being drawn from what is here."));
  try {
    const { draw } = await DRAWINGS[topic]();
    const screen = FILLED.has(topic) ? await filledScreen() : onScreen();
    if (topic === open) await draw(figure, screen);
  } catch (error) {
    const words = error instanceof Error ? error.message : "";
    figure.replaceChildren(make("p", { class: "small muted" }, words || "This cannot be drawn here."));
  } finally {
    figure.ariaBusy = null;
  }
}

/** @param {MouseEvent} event */
function follow(event) {
  const asked = closest(event, "[data-explains]");
  if (asked instanceof HTMLElement) {
    const topic = asked.dataset.explains ?? "";
    show(topic === open ? "" : topic);
    remember(open);
    // a button beside what is explained may lie far below its words
    if (open && !byId("explained").contains(asked))
      byId(`explained-${topic}`).scrollIntoView({ block: "nearest" });
  } else if (closest(event, "[data-fold]")) {
    const button = byId("explained").querySelector(`[data-explains="${open}"]`);
    show("");
    remember("");
    if (button instanceof HTMLElement) button.focus();
  }
}

if (document.getElementById("explained")) {
  document.addEventListener("click", follow);
  whenShown(drawSoon);
  const last = remembered();
  if (last && document.getElementById(`explained-${last}`)) show(last);
}
