// The map as a file, and over the whole screen.

/** Save what the map shows as a PNG file called `name`. */
export async function savePicture(renderer, name) {
  const address = URL.createObjectURL(await renderer.toBlob());
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  // the download has begun by then
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Whether this browser can show an element over the whole screen. */
export const canFillScreen = () => document.fullscreenEnabled === true;

/** Show `element` over the whole screen, or no longer; Escape ends it as well. */
export function toggleFullScreen(element) {
  return document.fullscreenElement === element ? document.exitFullscreen() : element.requestFullscreen();
}

/** Return a colour of the page, such as "--surface", as [red, green, blue], 0 to 255. */
export function tokenColour(name, element = document.documentElement) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(element).getPropertyValue(name).trim() || "#fff";
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}
