// The two ranked lists, what they have in common, and the lines that join it.
/** @import { Configuration, State } from "../shared/types.js" */
/** @import { RankedImage, Side, SideResult } from "./types.js" */
import { elementsIn, focusedIn, make, makeSvg } from "../shared/elements.js";
import { markOf } from "../shared/mark.js";
import { prefersStillness } from "../shared/motion.js";
import { addressOf } from "../shared/experiments/url-state.js";
import { decimal } from "../shared/format.js";

const MOVE = { duration: 300, easing: "cubic-bezier(0.2, 0.8, 0.2, 1)" };

/** @param {number} score */
const scoreText = (score) =>
  decimal(score, Math.abs(score) >= 100 ? 1 : Math.abs(score) >= 10 ? 2 : 3).replace("-", "−");

/**
 * Say how a picture's rank here differs from its rank on the other side.
 * @param {RankedImage} image
 * @param {SideResult} other
 * @param {Side} side
 */
function difference(image, other, side) {
  const there = other.ranks.get(image.id);
  const name = side === "a" ? "B" : "A";
  if (there !== undefined && other.list.some((one) => one.id === image.id)) {
    const higher = there - image.rank;
    const words = higher === 0 ? `same rank in ${name}` : `rank ${there} in ${name}`;
    const text = higher === 0 ? "=" : `${higher > 0 ? "▲" : "▼"}${Math.abs(higher)}`;
    return make(
      "span",
      { class: "shift number", "data-way": Math.sign(higher), title: words },
      make("span", { "aria-hidden": "true" }, text),
      make("span", { class: "visually-hidden" }, words),
    );
  }
  const beyond = there ? `${name}: rank ${there}` : `not among the ${other.ranks.size} that ${name} keeps`;
  return make(
    "span",
    { class: "alone", title: beyond },
    `only ${side.toUpperCase()}`,
    make("span", { class: "visually-hidden" }, `, ${beyond}`),
  );
}

/**
 * @param {RankedImage} image
 * @param {SideResult} other
 * @param {Side} side
 * @param {(id: number) => string} address
 */
function item(image, other, side, address) {
  const name = image.label || image.filename;
  return make(
    "li",
    { "data-image": image.id, "data-both": other.list.some((one) => one.id === image.id) },
    make(
      "a",
      {
        class: "result",
        href: address(image.id),
        "data-image": image.id,
        title: `${image.filename}: search with it`,
      },
      make(
        "span",
        { class: "result-rank number" },
        make("span", { class: "visually-hidden" }, "Rank "),
        String(image.rank),
      ),
      make("img", {
        src: image.thumbnail,
        alt: "",
        width: image.width,
        height: image.height,
        decoding: "async",
      }),
      make(
        "span",
        { class: "result-words" },
        make(
          "span",
          { class: "result-name" },
          image.right === null ? null : markOf(image.right),
          make("span", { class: "result-label" }, name),
        ),
        make("span", { class: "result-score number muted" }, scoreText(image.score)),
      ),
      difference(image, other, side),
    ),
  );
}

/** @param {HTMLElement} root */
const items = (root) => elementsIn(root, "li");

/**
 * Show one list; what was there glides to its new rank.
 * @param {HTMLElement} root
 * @param {Side} side
 * @param {SideResult} mine
 * @param {SideResult} other
 * @param {{ shared: State, other: Configuration }} state
 */
export function showList(root, side, mine, other, state) {
  const before = new Map(
    items(root).map((child) => [child.dataset.image, child.getBoundingClientRect().top]),
  );
  const focused = focusedIn(root)?.dataset.image;
  /** @param {number} id */
  const address = (id) => addressOf({ ...state.shared, image: id }, { other: state.other });
  if (!mine.result) {
    root.replaceChildren(
      make(
        "li",
        { class: "missing muted small" },
        "This image is newer than the experiment: it has no neighbours yet.",
      ),
    );
    return;
  }
  root.replaceChildren(...mine.list.map((image) => item(image, other, side, address)));
  for (const link of focused ? elementsIn(root, `a[data-image="${focused}"]`) : [])
    link.focus({ preventScroll: true });
  if (prefersStillness() || !before.size) return;
  for (const child of items(root)) {
    const from = before.get(child.dataset.image);
    const to = child.getBoundingClientRect().top;
    if (from === undefined) child.animate([{ opacity: 0 }, { opacity: 1 }], MOVE);
    else if (from !== to)
      child.animate([{ transform: `translateY(${from - to}px)` }, { transform: "none" }], MOVE);
  }
}

/**
 * Return how far down in its list the middle of a row lies.
 * @param {HTMLElement} row
 * @param {HTMLElement} list
 */
const middleOf = (row, list) => row.offsetTop - list.offsetTop + row.offsetHeight / 2;

/**
 * Draw a line from each picture that both found to itself on the other side.
 * @param {SVGSVGElement} svg
 * @param {HTMLElement[]} lists
 * @param {Set<number>} both
 */
export function drawLinks(svg, lists, both) {
  const width = svg.parentElement?.getBoundingClientRect().width ?? 0;
  const lines = [];
  for (const id of both) {
    const [from, to] = lists.map((list) => elementsIn(list, `li[data-image="${id}"]`).at(0));
    if (!from || !to) continue;
    // offsets: a row that still glides counts where it is going
    const [y1, y2] = [middleOf(from, lists[0]), middleOf(to, lists[1])];
    const bend = width * 0.45;
    const right = elementsIn(from, ".mark").at(0)?.dataset.right;
    lines.push(
      makeSvg("path", {
        "data-image": id,
        "data-right": right,
        d: `M0 ${y1}C${bend} ${y1} ${width - bend} ${y2} ${width} ${y2}`,
      }),
    );
  }
  svg.setAttribute("width", String(width));
  svg.setAttribute("height", String(Math.max(...lists.map((list) => list.offsetHeight))));
  svg.replaceChildren(...lines);
}
