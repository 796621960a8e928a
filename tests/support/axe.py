"""axe-core in a page: what of a page somebody cannot see, read or reach."""

from __future__ import annotations

from pathlib import Path

AXE = Path(__file__).resolve().parents[2] / "node_modules/axe-core/axe.min.js"
# a tree that is read aloud: what axe calls moderate, but leads people who do not see the page
READ = [
    "heading-order",
    "page-has-heading-one",
    "landmark-one-main",
    "landmark-unique",
    "region",
    "empty-heading",
]
# what axe says is wrong, each with its weight and where it is
RUN = """async ([colours, read]) => {
  // colours that are on their way from one theme to the other are none of either
  for (const one of document.getAnimations()) try { one.finish(); } catch { /* it has no end */ }
  const only = colours ? { runOnly: { type: "rule", values: ["color-contrast"] } } : {};
  const { violations } = await axe.run(document, { resultTypes: ["violations"], ...only });
  return violations
    .filter(({ id, impact }) => impact === "serious" || impact === "critical" || read.includes(id))
    .map(({ id, nodes }) => [id, ...nodes.slice(0, 4).map(({ target }) => target.join(" "))].join(" | "));
}"""
# all that axe finds
FAULTS = """async () => (await axe.run(document)).violations
  .map(({ id, nodes }) => [id, ...nodes.map(({ target }) => target.join(" "))].join(" | "))"""
# nothing is waited for, and nothing changes its look: what fades is of too little contrast
SETTLED = """() => !document.querySelector("[aria-busy=true]")
  && !document.getAnimations().some(one => one instanceof CSSTransition)"""
OVER_THE_EDGE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
