// Suggested words on the page of an image; the labels above them follow at the next look.
import { byId, elementIn, make } from "../shared/elements.js";
import { listenForSuggested, showSuggested } from "../shared/suggested.js";

const area = document.getElementById("suggested");
if (area?.dataset.image) {
  showSuggested(area, area.dataset.image);
  listenForSuggested(area, ({ labels }) => {
    elementIn(byId("labels"), "dd").replaceChildren(
      labels.length ? labels.join(", ") : make("span", { class: "muted" }, "none"),
    );
    document.getElementById("further")?.remove();
  });
}
