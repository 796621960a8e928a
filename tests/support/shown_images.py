"""What Chromium shows of image files: drawn on white in one page, the pixels handed back."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import numpy as np
from playwright.sync_api import Page

from search.types import RGB

# [[address of data, …]] -> for each [width, height, pixels in base64], or null where nothing is shown
DRAW = """async (addresses) => {
  const shown = [];
  for (const address of addresses) {
    const image = new Image();
    const ended = await new Promise((done) => {
      image.onload = () => done(true);
      image.onerror = () => done(false);
      image.src = address;
    });
    if (!ended || !image.naturalWidth) { shown.push(null); continue; }
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const drawing = canvas.getContext("2d", { willReadFrequently: true });
    drawing.fillStyle = "#fff";
    drawing.fillRect(0, 0, canvas.width, canvas.height);
    drawing.drawImage(image, 0, 0);
    const { data } = drawing.getImageData(0, 0, canvas.width, canvas.height);
    let binary = "";
    for (let at = 0; at < data.length; at += 0x4000)
      binary += String.fromCharCode(...data.subarray(at, at + 0x4000));
    shown.push([canvas.width, canvas.height, btoa(binary)]);
  }
  return shown;
}"""


def shown(page: Page, files: Mapping[str, tuple[str, bytes]]) -> dict[str, RGB | None]:
    """Return the (h, w, 3) uint8 pixels that a page shows of files, MIME type and bytes by name.

    None stands for a file that is not shown.
    """
    addresses = [
        f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}" for mime, data in files.values()
    ]
    found: dict[str, RGB | None] = {}
    for name, answer in zip(files, page.evaluate(DRAW, addresses), strict=True):
        if answer is None:
            found[name] = None
            continue
        width, height, pixels = answer
        rgba = np.frombuffer(base64.b64decode(pixels), dtype=np.uint8).reshape(height, width, 4)
        found[name] = np.ascontiguousarray(rgba[:, :, :3])
    return found
