// The card beside the point in question: its picture, label and file.
/** @import { ImageRow } from "../../shared/types.js" */
import { byId, elementIn } from "../../shared/elements.js";
import { number } from "../../shared/format.js";
import { imageHere, imagesOf } from "../data.js";

const GAP = 10;
const WAIT_MS = 60;
let shown = 0;
let timer = 0;

/**
 * Show the card of an image at a place of the map, `label` as the map knows it, `reach` half the size of its
 * point; id 0 takes it away.
 * @param {number} id
 */
export function showCard(id, left = 0, top = 0, { label = "", reach = 0 } = {}) {
  const card = byId("card");
  if (!id) {
    shown = 0;
    card.hidden = true;
    delete card.dataset.image;
    return;
  }
  if (id !== shown) {
    shown = id;
    clearTimeout(timer);
    fill(imageHere(id), id, label);
    // a pointer that sweeps over the map asks for nothing
    if (!imageHere(id)) timer = setTimeout(() => fetchCard(id, label), WAIT_MS);
  }
  card.hidden = false;
  const [width, height] = [card.offsetWidth, card.offsetHeight];
  const box = byId("map");
  const away = reach + GAP;
  const x = left + away + width > box.clientWidth ? left - away - width : left + away;
  const y = Math.min(Math.max(top - height / 2, 8), box.clientHeight - height - 8);
  const within = Math.max(8, Math.min(x, box.clientWidth - width - 8));
  card.style.transform = `translate(${Math.round(within)}px, ${Math.round(y)}px)`;
}

/**
 * @param {number} id
 * @param {string} label
 */
async function fetchCard(id, label) {
  try {
    await imagesOf([id]);
  } catch {
    return; // the label stays, and the next point asks again
  }
  if (shown === id) fill(imageHere(id), id, label);
}

/**
 * @param {ImageRow | undefined} image
 * @param {number} id
 * @param {string} label
 */
function fill(image, id, label) {
  const card = byId("card");
  const thumbnail = elementIn(card, "img", HTMLImageElement);
  card.dataset.image = String(id);
  card.toggleAttribute("data-pending", !image);
  if (image) thumbnail.src = image.thumbnail;
  else thumbnail.removeAttribute("src");
  elementIn(card, "strong").textContent = (image?.label ?? label) || "No label";
  elementIn(card, "span").textContent = image?.filename ?? `image ${number(id)}`;
}

/**
 * Return in words what the card says of a picture, for those who listen.
 * @param {number} id
 * @param {string} label
 */
export async function spoken(id, label) {
  const [image] = await imagesOf([id]);
  return image ? `${image.label || "no label"}, ${image.filename}` : label;
}
