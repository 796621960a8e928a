// The ways a picture reaches the page: a chosen file, a drop anywhere, the clipboard.

const carriesPicture = (transfer) =>
  ["Files", "text/uri-list"].some((type) => transfer?.types.includes(type));

function firstAddress(transfer) {
  const lines = (transfer.getData("text/uri-list") || transfer.getData("text/plain")).split(/\r?\n/);
  return lines.map((line) => line.trim()).find((line) => /^https?:\/\/\S+$/i.test(line));
}

/** A picture among the files if there is one, else the first: the server then says what it is. */
function firstPicture(files) {
  return [...files].find((file) => file.type.startsWith("image/")) ?? files[0];
}

export function listenForPictures({ file, overlay, takeFile, takeAddress, fail }) {
  file.addEventListener("change", () => {
    const chosen = file.files[0];
    if (chosen) takeFile(chosen);
    file.value = ""; // so that choosing the same file again is a change
  });

  let depth = 0;
  const leave = () => {
    depth = 0;
    overlay.hidden = true;
  };
  addEventListener("dragenter", (event) => {
    if (!carriesPicture(event.dataTransfer)) return;
    depth += 1;
    overlay.hidden = false;
  });
  addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) overlay.hidden = true;
  });
  addEventListener("dragover", (event) => {
    if (!carriesPicture(event.dataTransfer)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  addEventListener("dragend", leave);
  addEventListener("drop", (event) => {
    leave();
    if (!carriesPicture(event.dataTransfer)) return;
    event.preventDefault();
    const dropped = firstPicture(event.dataTransfer.files);
    const address = dropped ? null : firstAddress(event.dataTransfer);
    if (dropped) takeFile(dropped);
    else if (address) takeAddress(address);
    else fail("What you dropped is neither a picture nor the address of one.");
  });

  addEventListener("paste", (event) => {
    const pasted = firstPicture(event.clipboardData.files);
    if (pasted) {
      event.preventDefault();
      takeFile(pasted);
      return;
    }
    // text that is pasted into a field belongs to the field
    if (event.target instanceof Element && event.target.closest("input, textarea, select")) return;
    const address = firstAddress(event.clipboardData);
    if (address) takeAddress(address);
  });
}
