// The card beside the point in question: its picture, label and file.
import { pictureHere, picturesOf } from "./data.js";
import { number } from "../shared/elements.js";

const card = document.getElementById("card");
const box = document.getElementById("map");
const GAP = 10;
const WAIT_MS = 60;
let shown = 0;
let timer = 0;

/** Show the card of an image at a place of the map, `label` as the map knows it, `reach` half the size of its point; id 0 takes it away. */
export function showCard(id, left = 0, top = 0, { label = "", reach = 0 } = {}) {
  if (!id) {
    shown = 0;
    card.hidden = true;
    delete card.dataset.image;
    return;
  }
  if (id !== shown) {
    shown = id;
    clearTimeout(timer);
    fill(pictureHere(id), id, label);
    // a pointer that sweeps over the map asks for nothing
    if (!pictureHere(id)) timer = setTimeout(() => fetchCard(id, label), WAIT_MS);
  }
  card.hidden = false;
  const [width, height] = [card.offsetWidth, card.offsetHeight];
  const away = reach + GAP;
  const x = left + away + width > box.clientWidth ? left - away - width : left + away;
  const y = Math.min(Math.max(top - height / 2, 8), box.clientHeight - height - 8);
  card.style.transform = `translate(${Math.round(Math.max(8, Math.min(x, box.clientWidth - width - 8)))}px, ${Math.round(y)}px)`;
}

async function fetchCard(id, label) {
  try {
    await picturesOf([id]);
  } catch {
    return; // the label stays, and the next point asks again
  }
  if (shown === id) fill(pictureHere(id), id, label);
}

function fill(picture, id, label) {
  const image = card.querySelector("img");
  card.dataset.image = String(id);
  card.toggleAttribute("data-pending", !picture);
  if (picture) image.src = picture.thumbnail;
  else image.removeAttribute("src");
  card.querySelector("strong").textContent = (picture?.label ?? label) || "No label";
  card.querySelector("span").textContent = picture?.filename ?? `picture ${number(id)}`;
}

/** Return in words what the card says of a picture, for those who listen. */
export async function spoken(id, label) {
  const [picture] = await picturesOf([id]);
  return picture ? `${picture.label || "no label"}, ${picture.filename}` : label;
}
