// Shows what was judged beside the query, as chips that can be taken away again.
/** @import { Example } from "../../shared/types.js" */
/** @import { Judged, Verdict } from "../types.js" */
import { byId, make } from "../../shared/elements.js";
import { plural } from "../../shared/format.js";

/** @typedef {{ thumbnail: string, name: string }} Look */
/** @type {Map<number, Look>} */
const looks = new Map(); // of images that were seen as hits or examples

const SIGNS = { like: "+", unlike: "−" };
const WORDS = { like: "More like", unlike: "Less like" };

/**
 * Remember what an image looks like.
 * @param {number} image
 * @param {Look} look
 */
export const remember = (image, look) => looks.set(image, look);

/** @param {Example[]} examples those that the API has answered with */
export function rememberAnswered(examples) {
  for (const { image } of examples)
    if (image) remember(image.id, { thumbnail: image.thumbnail, name: image.label || image.filename });
}

/**
 * @param {number} image
 * @param {Verdict} verdict
 */
function chip(image, verdict) {
  const look = looks.get(image);
  const name = look?.name || `image ${image}`;
  return make(
    "li",
    { class: "example", "data-verdict": verdict },
    make("span", { class: "example-sign", "aria-hidden": "true" }, SIGNS[verdict]),
    look ? make("img", { src: look.thumbnail, alt: "", width: 32, height: 32 }) : null,
    make("span", { class: "visually-hidden" }, `${WORDS[verdict]} `),
    make("span", { class: "example-name" }, name),
    make(
      "button",
      { class: "example-remove", type: "button", "data-forget": image, "aria-label": `Remove ${name}` },
      "×",
    ),
  );
}

/** @param {Judged} judged */
export function showExamples(judged) {
  const all = judged.like.length + judged.unlike.length;
  byId("examples").hidden = !all;
  byId("example-list").replaceChildren(
    ...judged.like.map((image) => chip(image, "like")),
    ...judged.unlike.map((image) => chip(image, "unlike")),
  );
}

/**
 * Return in words how a search is steered, "" where it is not.
 * @param {Judged} judged
 */
export function steeredBy({ like, unlike }) {
  if (!like.length && !unlike.length) return "";
  const words = [plural(like.length + 1, "example")];
  if (unlike.length) words.push(`${unlike.length} unlike`);
  return words.join(", ");
}
