// The map as a file, and over the whole screen.
/** @import { Rgb } from "../types.js" */
/** @import { MapRenderer } from "./renderer.js" */
import { contextOf } from "../canvas.js";

/**
 * Save what the map shows as a PNG file called `name`.
 * @param {MapRenderer} renderer
 * @param {string} name
 */
export async function saveImage(renderer, name) {
  const address = URL.createObjectURL(await renderer.toBlob());
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  // the download has begun by then
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Whether this browser can show an element over the whole screen. */
export const canFillScreen = () => document.fullscreenEnabled === true;

/**
 * Show `element` over the whole screen, or no longer; Escape ends it as well.
 * @param {Element} element
 */
export function toggleFullScreen(element) {
  return document.fullscreenElement === element ? document.exitFullscreen() : element.requestFullscreen();
}

/**
 * Return a colour of the page, such as "--surface", as [red, green, blue], 0 to 255.
 * @param {string} name
 * @returns {Rgb}
 */
export function tokenColour(name, element = document.documentElement) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = contextOf(canvas);
  context.fillStyle = getComputedStyle(element).getPropertyValue(name).trim() || "#fff";
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return [red, green, blue];
}
