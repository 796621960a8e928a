// The ways a picture reaches the page: a chosen file, a drop anywhere, the clipboard.
import { closest } from "../../shared/elements.js";

/**
 * What a picture comes through, what covers the page while one is dragged over it, and who takes what.
 * @typedef {object} Takers
 * @property {HTMLInputElement} file
 * @property {HTMLElement} overlay
 * @property {(file: File) => void} takeFile
 * @property {(url: string) => void} takeAddress
 * @property {(sentence: string) => void} fail
 */

/** @param {DataTransfer | null} transfer */
const carriesImage = (transfer) => ["Files", "text/uri-list"].some((type) => transfer?.types.includes(type));

/** @param {DataTransfer} transfer */
function firstAddress(transfer) {
  const lines = (transfer.getData("text/uri-list") || transfer.getData("text/plain")).split(/\r?\n/);
  return lines.map((line) => line.trim()).find((line) => /^https?:\/\/\S+$/i.test(line));
}

/**
 * A picture among the files if there is one, else the first: the server then says what it is.
 * @param {FileList} files
 */
function firstImage(files) {
  return [...files].find((file) => file.type.startsWith("image/")) ?? files[0];
}

/** @param {Takers} takers */
export function listenForImages({ file, overlay, takeFile, takeAddress, fail }) {
  file.addEventListener("change", () => {
    const chosen = file.files?.[0];
    if (chosen) takeFile(chosen);
    file.value = ""; // so that choosing the same file again is a change
  });

  let depth = 0;
  const leave = () => {
    depth = 0;
    overlay.hidden = true;
  };
  addEventListener("dragenter", (event) => {
    if (!carriesImage(event.dataTransfer)) return;
    depth += 1;
    overlay.hidden = false;
  });
  addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) overlay.hidden = true;
  });
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer || !carriesImage(event.dataTransfer)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  addEventListener("dragend", leave);
  addEventListener("drop", (event) => {
    leave();
    if (!event.dataTransfer || !carriesImage(event.dataTransfer)) return;
    event.preventDefault();
    const dropped = firstImage(event.dataTransfer.files);
    const address = dropped ? null : firstAddress(event.dataTransfer);
    if (dropped) takeFile(dropped);
    else if (address) takeAddress(address);
    else fail("What you dropped is neither an image nor the address of one.");
  });

  addEventListener("paste", (event) => {
    if (!event.clipboardData) return;
    const pasted = firstImage(event.clipboardData.files);
    if (pasted) {
      event.preventDefault();
      takeFile(pasted);
      return;
    }
    // text that is pasted into a field belongs to the field
    if (closest(event, "input, textarea, select")) return;
    const address = firstAddress(event.clipboardData);
    if (address) takeAddress(address);
  });
}
