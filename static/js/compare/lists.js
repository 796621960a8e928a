// The two ranked lists, what they have in common, and the lines that join it.
import { addressOf } from "../shared/url-state.js";
import { make, makeSvg } from "../shared/elements.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");
const MOVE = { duration: 300, easing: "cubic-bezier(0.2, 0.8, 0.2, 1)" };
const PATHS = { true: "m5 12.5 4.5 4.5L19 7.5", false: "M6.5 6.5l11 11m0-11-11 11" };

/**
 * Return what a configuration found: {list, ranks}, the first k as pictures with rank, score and right (true,
 * false, or null without labels), and the rank of everything stored. Pictures that are gone are passed over.
 */
export function foundBy(answer, experiment, k) {
  const result = experiment && answer.found.get(experiment.id);
  const judged = Boolean(answer.image.label) && experiment?.weighted_precision !== null;
  const ranks = new Map();
  const list = [];
  for (const [id, score] of result?.neighbours ?? []) {
    const picture = answer.pictures[id];
    if (!picture) continue;
    const rank = ranks.size + 1;
    ranks.set(id, rank);
    if (rank <= k)
      list.push({ ...picture, rank, score, right: judged ? picture.label === answer.image.label : null });
  }
  return { result: result ?? null, list, ranks };
}

/** Return the ids that are in both lists. */
export function common(a, b) {
  const there = new Set(b.list.map((picture) => picture.id));
  return new Set(a.list.filter((picture) => there.has(picture.id)).map((picture) => picture.id));
}

const scoreText = (score) =>
  score.toFixed(Math.abs(score) >= 100 ? 1 : Math.abs(score) >= 10 ? 2 : 3).replace("-", "−");

function markOf(right) {
  if (right === null) return null;
  const sign = makeSvg(
    "svg",
    {
      viewBox: "0 0 24 24",
      fill: "none",
      stroke: "currentColor",
      "stroke-width": 3.2,
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
      "aria-hidden": "true",
    },
    makeSvg("path", { d: PATHS[right] }),
  );
  return make(
    "span",
    { class: "mark", "data-right": String(right) },
    sign,
    make("span", { class: "visually-hidden" }, right ? "right: " : "wrong: "),
  );
}

/** Say how a picture's rank here differs from its rank on the other side. */
function difference(picture, other, side) {
  const there = other.ranks.get(picture.id);
  const name = side === "a" ? "B" : "A";
  if (other.list.some((one) => one.id === picture.id)) {
    const higher = there - picture.rank;
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

function item(picture, other, side, address) {
  const name = picture.label || picture.filename;
  return make(
    "li",
    { "data-image": picture.id, "data-both": other.list.some((one) => one.id === picture.id) },
    make(
      "a",
      {
        class: "result",
        href: address(picture.id),
        "data-image": picture.id,
        title: `${picture.filename}: search with it`,
      },
      make(
        "span",
        { class: "result-rank number" },
        make("span", { class: "visually-hidden" }, "Rank "),
        String(picture.rank),
      ),
      make("img", {
        src: picture.thumbnail,
        alt: "",
        width: picture.width,
        height: picture.height,
        decoding: "async",
      }),
      make(
        "span",
        { class: "result-words" },
        make(
          "span",
          { class: "result-name" },
          markOf(picture.right),
          make("span", { class: "result-label" }, name),
        ),
        make("span", { class: "result-score number muted" }, scoreText(picture.score)),
      ),
      difference(picture, other, side),
    ),
  );
}

/** Show one list; what was there glides to its new rank. */
export function showList(root, side, mine, other, state) {
  const before = new Map(
    [...root.children].map((child) => [child.dataset.image, child.getBoundingClientRect().top]),
  );
  const focused = root.contains(document.activeElement) ? document.activeElement.dataset.image : null;
  const address = (image) => addressOf({ ...state.shared, image }, { other: state.other });
  if (!mine.result) {
    root.replaceChildren(
      make(
        "li",
        { class: "missing muted small" },
        "This picture is newer than the experiment: it has no neighbours yet.",
      ),
    );
    return;
  }
  root.replaceChildren(...mine.list.map((picture) => item(picture, other, side, address)));
  if (focused) root.querySelector(`a[data-image="${focused}"]`)?.focus({ preventScroll: true });
  if (still.matches || !before.size) return;
  for (const child of root.children) {
    const from = before.get(child.dataset.image);
    const to = child.getBoundingClientRect().top;
    if (from === undefined) child.animate([{ opacity: 0 }, { opacity: 1 }], MOVE);
    else if (from !== to)
      child.animate([{ transform: `translateY(${from - to}px)` }, { transform: "none" }], MOVE);
  }
}

/** Draw a line from each picture that both found to itself on the other side. */
export function drawLinks(svg, lists, both) {
  const frame = svg.parentElement.getBoundingClientRect();
  const lines = [];
  for (const id of both) {
    const [from, to] = lists.map((list) => list.querySelector(`li[data-image="${id}"]`));
    if (!from || !to) continue;
    // offsets: a row that still glides counts where it is going
    const [y1, y2] = [from, to].map(
      (row) => row.offsetTop - row.parentElement.offsetTop + row.offsetHeight / 2,
    );
    const bend = frame.width * 0.45;
    const right = from.querySelector(".mark")?.dataset.right;
    lines.push(
      makeSvg("path", {
        "data-image": id,
        "data-right": right,
        d: `M0 ${y1}C${bend} ${y1} ${frame.width - bend} ${y2} ${frame.width} ${y2}`,
      }),
    );
  }
  svg.setAttribute("width", frame.width);
  svg.setAttribute("height", Math.max(...lists.map((list) => list.offsetHeight)));
  svg.replaceChildren(...lines);
}
