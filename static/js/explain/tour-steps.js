// The tour: ten steps over the three sections. A card in a corner says what the outlined part is for; the
// page below can be used all the while.
import { elementsIn, make } from "../shared/elements.js";
import { prefersStillness } from "../shared/motion.js";
import { siteAddress } from "../shared/site.js";

/**
 * @typedef {object} Step
 * @property {string} path of its page
 * @property {string} target what is outlined; the first that is seen
 * @property {string} title
 * @property {string} words
 */
/** @type {Step[]} */
export const STEPS = [
  {
    path: "/",
    target: "#datasets",
    title: "Your images, in datasets",
    words:
      "Each dataset is a heap of images, often sorted into categories. Everything on this page is about the one that is chosen here.",
  },
  {
    path: "/",
    target: "#networks",
    title: "A network looks at them",
    words:
      "Each has learned from photographs what to look for. The small curve is how well its layers find what belongs together; the number is its best.",
  },
  {
    path: "/",
    target: "#layer-scroll",
    title: "Layer by layer",
    words:
      "Early layers see edges and colours, late ones whole things. Choose one, or walk with the keys ↑ and ↓, and watch what counts as alike change.",
  },
  {
    path: "/",
    target: "#controls, .explore-main",
    title: "Distance and pooling",
    words:
      "How maps become one vector, and how two vectors are compared. The question marks say what each choice does, in plain words.",
  },
  {
    path: "/",
    target: "#answer:not([hidden]), #grid",
    title: "Choose an image",
    words:
      "It searches among all the others. What is found comes back in order, with a mark for each that has the same label.",
  },
  {
    path: "/leaderboard/",
    target: "#heat-panel, #nothing, main",
    title: "Measured, not guessed",
    words:
      "Every image has searched once with every configuration. The larger the number in a cell, the more often it found its own kind.",
  },
  {
    path: "/leaderboard/",
    target: "#scatter-panel, #summary, main",
    title: "Good and cheap",
    words:
      "On the line nothing is both better and cheaper. Which is best for this dataset is said at the top of the page.",
  },
  {
    path: "/embeddings/",
    target: ".map-frame, #nothing, main",
    title: "All images as a map",
    words:
      "Who is alike lies side by side. Zoom in until the points become images, and choose one to see its nearest.",
  },
  {
    path: "/embeddings/",
    target: "#playbar, #nothing, main",
    title: "Play the layers",
    words:
      "The map moves from what the first layer sees to what the last one does: heaps of colours become groups of things.",
  },
  {
    path: "/live/",
    target: "#drop, main",
    title: "Now with an image of yours",
    words:
      "Drop one here, paste it, or take a photo. It is not kept. That is all: “In plain words” explains the rest.",
  },
];
const WAIT_MS = 4000;
let card = /** @type {HTMLElement | null} */ (null);

/**
 * Show a step, on its own page; `keep` remembers it, or null at the end.
 * @param {number} at
 * @param {(step: number | null) => void} keep
 */
export function showStep(at, keep) {
  const step = STEPS[at];
  if (!step) {
    end(keep);
    return;
  }
  keep(at);
  const address = siteAddress(step.path);
  if (location.pathname !== address) {
    location.assign(address + datasetOf(location.search));
    return;
  }
  const said = cardOf(at, keep);
  if (card) card.replaceWith(said);
  else document.body.append(said);
  card = said;
  outline(step);
  said.focus({ preventScroll: true });
}

/**
 * The dataset stays the same over all pages.
 * @param {string} search
 */
function datasetOf(search) {
  const dataset = new URLSearchParams(search).get("dataset");
  return dataset ? `?${new URLSearchParams({ dataset })}` : "";
}

/** @param {(step: number | null) => void} keep */
function end(keep) {
  keep(null);
  card?.remove();
  card = null;
  outline(null);
}

/**
 * @param {number} at
 * @param {(step: number | null) => void} keep
 */
function cardOf(at, keep) {
  const { title, words } = STEPS[at];
  const last = at === STEPS.length - 1;
  /**
   * @param {string} name
   * @param {string} kind
   * @param {() => void} action
   */
  const button = (name, kind, action) => {
    const made = make("button", { type: "button", class: `button ${kind}` }, name);
    made.addEventListener("click", action);
    return made;
  };
  const made = make(
    "section",
    {
      class: "tour",
      role: "dialog",
      "aria-labelledby": "tour-title",
      "aria-describedby": "tour-words",
      tabindex: -1,
    },
    make("h2", { id: "tour-title" }, title),
    make("p", { id: "tour-words" }, words),
    make(
      "div",
      { class: "tour-foot" },
      make("span", { class: "number" }, `${at + 1} of ${STEPS.length}`),
      last ? null : button("Skip", "", () => end(keep)),
      at ? button("Back", "", () => showStep(at - 1, keep)) : null,
      button(last ? "Done" : "Next", "primary", () => showStep(at + 1, keep)),
    ),
  );
  made.addEventListener("keydown", (event) => {
    if (event.key === "Escape") end(keep);
    else if (event.key === "ArrowRight") showStep(at + 1, keep);
    else if (event.key === "ArrowLeft" && at) showStep(at - 1, keep);
    else return;
    event.preventDefault();
    // the page has keys of its own
    event.stopPropagation();
  });
  return made;
}

/**
 * Outline what a step is about, and bring it into view; again where what is wanted first comes later.
 * @param {Step | null} step
 * @param {HTMLElement | undefined} before what was outlined last
 */
function outline(step, began = performance.now(), before = undefined) {
  for (const old of elementsIn(document, "[data-toured]")) delete old.dataset.toured;
  if (!step) return;
  const target = step.target
    .split(", ")
    .flatMap((selector) => elementsIn(document, selector))
    .find((element) => element.offsetParent !== null);
  const wanted = step.target.split(",", 1)[0];
  const isThere = target?.matches(wanted);
  if (target && target.id !== "main") target.dataset.toured = "";
  if (target && target !== before && target.id !== "main") {
    const block = target.offsetHeight > innerHeight / 2 ? "start" : "center";
    target.scrollIntoView({ block, behavior: prefersStillness() ? "instant" : "smooth" });
  }
  // a page that has just been opened asks the server first
  const shown = card;
  if (!isThere && performance.now() - began < WAIT_MS)
    setTimeout(() => card && card === shown && outline(step, began, target), 200);
}
