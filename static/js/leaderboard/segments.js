// A choice of one among few, as buttons side by side: radio buttons, so that the arrow keys work as
// everywhere.
import { make } from "../shared/elements.js";

/**
 * Show the options [[value, text]] in a `[data-segments]` fieldset, one of them chosen; hidden when there is
 * no choice.
 * @param {HTMLElement} root
 * @param {[value: string, text: string][]} options
 * @param {string} chosen
 */
export function showSegments(root, options, chosen) {
  const name = root.dataset.segments;
  const shown = JSON.stringify(options);
  // made anew only when they differ: the focus stays
  if (root.dataset.shown !== shown) {
    root.dataset.shown = shown;
    root.lastElementChild?.replaceChildren(
      ...options.map(([value, text]) =>
        make("label", {}, make("input", { type: "radio", name, value }), make("span", {}, text)),
      ),
    );
  }
  for (const input of root.querySelectorAll("input")) input.checked = input.value === chosen;
  root.hidden = options.length < 2;
}
