// Folds results that show nearly the same, and says which groups the first results fall into.
/** @import { FoldedHit, FoundHit, ResultGroup } from "../../shared/types.js" */
/** @import { Grouping, State } from "../types.js" */
import { byId, closest, elementIn, elementsIn, make } from "../../shared/elements.js";
import { number, plural } from "../../shared/format.js";
import { siteAddress } from "../../shared/site.js";
import { quoted } from "../address.js";

const GROUPINGS = /** @type {Grouping[]} */ (["label", "cluster"]);
/** @type {ResultGroup[]} */
let shown = [];

/**
 * Return the address of the page of an image that another result stands for.
 * @param {FoldedHit} folded
 */
export const pageOf = ({ image: { dataset, id } }) =>
  siteAddress(`/datasets/${encodeURIComponent(dataset)}/images/${id}/`);

/**
 * Return what shows the near-identical images that a result stands for, null where there are none.
 * @param {Pick<FoundHit, "folded">} hit
 */
export function nearOnes({ folded }) {
  const near = (folded ?? []).filter(({ same }) => same === "look");
  if (!near.length) return null;
  return make(
    "details",
    { class: "folded" },
    make("summary", {}, `${number(near.length)} nearly identical`),
    make(
      "ul",
      {},
      ...near.map((one) =>
        make(
          "li",
          {},
          make(
            "a",
            { href: pageOf(one), title: one.image.filename },
            make("img", {
              src: one.image.thumbnail,
              alt: one.image.label || one.image.filename,
              width: 56,
              height: 56,
              loading: "lazy",
            }),
          ),
        ),
      ),
    ),
  );
}

/**
 * Return in words what a group is called.
 * @param {ResultGroup} group
 * @param {number} at
 * @param {Grouping} by
 */
export function nameOf({ label }, at, by) {
  if (by === "label") return label || "no label";
  return label ? `mostly ${label}` : `Group ${at + 1}`;
}

/**
 * @param {ResultGroup} group
 * @param {number} at
 * @param {Grouping} by
 */
function chip(group, at, by) {
  return make(
    "li",
    {},
    make(
      "button",
      { class: "group", type: "button", "data-group": at },
      make("img", { src: group.image.thumbnail, alt: "", width: 44, height: 44 }),
      make(
        "span",
        { class: "group-words" },
        make("span", { class: "group-name" }, nameOf(group, at, by)),
        make("span", { class: "group-count" }, plural(group.count, "result")),
      ),
    ),
  );
}

/**
 * Bring the choices in step with a state; what they choose needs something to search with.
 * @param {State} state
 */
export function showGrouping({ query, fold, group }) {
  byId("grouping").hidden = !query;
  byId("fold-near", HTMLInputElement).checked = fold;
  for (const button of elementsIn(byId("grouping"), "[data-by]"))
    button.setAttribute("aria-pressed", String(button.dataset.by === group));
  if (!group) showGroups([], group);
}

/**
 * Show the groups of the first results.
 * @param {ResultGroup[]} groups
 * @param {Grouping | ""} by
 */
export function showGroups(groups, by) {
  shown = groups;
  byId("groups").replaceChildren(...groups.map((group, at) => chip(group, at, by || "label")));
  byId("groups-title").hidden = byId("groups").hidden = !groups.length;
  byId("groups-title").textContent = by === "cluster" ? "Which do you mean?" : "Only those labelled";
  byId("groups-none").hidden = !by || Boolean(groups.length);
}

/**
 * What a chosen group makes of a state: its label is a filter, its examples steer.
 * @param {ResultGroup} group
 * @param {State} state
 * @returns {Partial<State>}
 */
export function narrowedTo(group, { query, judged, filters, group: by }) {
  if (by === "label") {
    const condition = group.label ? `label:${quoted(group.label)}` : "no:label";
    return { group: "", filters: { ...filters, where: `${filters.where} ${condition}`.trim() } };
  }
  const own = query?.kind === "image" ? query.image : 0;
  const more = group.like.filter((image) => image !== own && !judged.like.includes(image));
  return { group: "", judged: { ...judged, like: [...judged.like, ...more] } };
}

/**
 * @param {() => State} current
 * @param {(change: Partial<State>) => void} changed
 */
export function listenForGrouping(current, changed) {
  const fold = elementIn(byId("grouping"), "#fold-near", HTMLInputElement);
  fold.addEventListener("change", () => changed({ fold: fold.checked }));
  byId("grouping").addEventListener("click", (event) => {
    const button = closest(event, "[data-by], [data-group]");
    const by = GROUPINGS.find((one) => one === button?.dataset.by);
    if (by) changed({ group: by === current().group ? "" : by });
    const group = shown[Number(button?.dataset.group ?? -1)];
    if (group) changed(narrowedTo(group, current()));
  });
}
