// The mark of a result that is right or wrong: a tick or a cross, in words for those who listen.
import { make, makeSvg } from "./elements.js";

const TICK = "m5 12.5 4.5 4.5L19 7.5";
const CROSS = "M6.5 6.5l11 11m0-11-11 11";

/**
 * Return the mark.
 * @param {boolean} right
 */
export function markOf(right) {
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
    makeSvg("path", { d: right ? TICK : CROSS }),
  );
  return make(
    "span",
    { class: "mark", "data-right": String(right) },
    sign,
    make("span", { class: "visually-hidden" }, right ? "right: " : "wrong: "),
  );
}
