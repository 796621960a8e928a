// What is recommended for the dataset on the screen, from the scores and costs that were measured on it.
/** @import { DrawLater } from "../types.js" */
import { make } from "../../shared/elements.js";
import { everyNetwork } from "../../shared/experiments/experiments.js";
import { recommendation, sentence } from "../../shared/experiments/recommendation.js";
import { decimal } from "../../shared/format.js";

/** @type {DrawLater} */
export async function draw(figure, { rows, score }) {
  const found = recommendation(rows, score);
  if (!found) throw new Error("Nothing has been measured with labels yet, so nothing can be recommended.");
  const titles = new Map((await everyNetwork()).map((network) => [network.name, network.title]));
  const words = sentence(found, score, titles);
  const most = Number(found.best.extract_ms ?? 1);
  figure.replaceChildren(
    make("p", { class: "recommended" }, words),
    make(
      "ul",
      { class: "poolings number" },
      ...[...new Set([found.best, found.taken])].map((row) => {
        const bar = make("span", { class: "pooled-bar" });
        bar.style.setProperty("--share", String(Number(row.extract_ms ?? 0) / most));
        return make(
          "li",
          { "data-chosen": row === found.taken },
          make("span", {}, `${titles.get(row.model) ?? row.model}, ${row.layer}`),
          make("span", { class: "pooled-bars" }, bar),
          make("strong", {}, row.extract_ms === null ? "–" : `${decimal(row.extract_ms, 1)} ms`),
        );
      }),
    ),
    make("figcaption", { class: "small muted" }, "Processor time for one image, measured on this machine."),
  );
}
