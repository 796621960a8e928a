// One feature map of the image on the screen, and the one number that each pooling makes of it.
/** @import { DrawLater } from "../types.js" */
import { make, makeSvg } from "../../shared/elements.js";
import { decimal, number } from "../../shared/format.js";
import { loaded, sharesOf, strongestMaps } from "./maps.js";

const GRID = 12; // places of a finer map are put together
const BOX = 168;
const SHOWN = 24; // numbers of the vector

/** @type {DrawLater} */
export async function draw(figure, { image, network, layer, pooling }) {
  if (!image || !layer || !network?.available)
    throw new Error("Choose a network that is available here, and its pooling is drawn from an image.");
  const { maps, shape } = await strongestMaps(image.id, network.name, layer.name, SHOWN);
  const rows = Math.min(GRID, shape[0]);
  const columns = Math.min(GRID, shape[1]);
  const shares = sharesOf(await loaded(maps[0].picture), rows, columns);
  const pooled = poolings(shares, rows, columns);
  figure.replaceChildren(
    make(
      "div",
      { class: "pooled" },
      grid(shares, rows, columns),
      make(
        "ul",
        { class: "poolings number" },
        ...pooled.map((one) => bar(one, one.name.toLowerCase() === pooling)),
      ),
    ),
    strip(maps.map((map) => map.mean)),
    make(
      "figcaption",
      { class: "small muted" },
      `Channel ${maps[0].channel} of ${layer.name} for this image, 1 where it is strongest. `,
      `So with all ${number(shape[2])} channels: the strip shows the averages of the ${maps.length} strongest, the begin of a vector.`,
    ),
  );
}

/**
 * Return what the poolings make of the shares of a map.
 * @param {number[]} shares row by row
 * @param {number} rows
 * @param {number} columns
 */
export function poolings(shares, rows, columns) {
  /** @param {number[]} values */
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [down, across] = [Math.ceil(rows / 2), Math.ceil(columns / 2)];
  /**
   * @param {number} top
   * @param {number} left
   */
  const quarter = (top, left) =>
    mean(
      shares.filter((_, n) => {
        const [row, column] = [Math.floor(n / columns) - top, (n % columns) - left];
        return row >= 0 && row < down && column >= 0 && column < across;
      }),
    );
  const quarters = [0, rows - down].flatMap((top) => [0, columns - across].map((left) => quarter(top, left)));
  return [
    { name: "Average", values: [mean(shares)] },
    { name: "Max", values: [Math.max(...shares)] },
    { name: "GeM", values: [Math.cbrt(mean(shares.map((share) => share ** 3)))] },
    { name: "Pyramid", values: [mean(shares), ...quarters] },
  ];
}

/**
 * @param {number[]} shares
 * @param {number} rows
 * @param {number} columns
 */
function grid(shares, rows, columns) {
  const [width, height] = [BOX / columns, BOX / rows];
  return makeSvg(
    "svg",
    {
      class: "map-grid",
      viewBox: `0 0 ${BOX} ${BOX}`,
      role: "img",
      "aria-label": `A map of ${rows} by ${columns} places`,
    },
    ...shares.map((share, n) => {
      const cell = makeSvg("rect", {
        x: (n % columns) * width + 0.5,
        y: Math.floor(n / columns) * height + 0.5,
        width: width - 1,
        height: height - 1,
        "fill-opacity": (0.06 + 0.94 * share).toFixed(3),
      });
      cell.style.setProperty("--at", String(n));
      return cell;
    }),
  );
}

/**
 * @param {{ name: string, values: number[] }} pooled
 * @param {boolean} chosen
 */
function bar({ name, values }, chosen) {
  return make(
    "li",
    { "data-chosen": chosen },
    make("span", {}, name),
    make(
      "span",
      { class: "pooled-bars" },
      ...values.map((value) => {
        const part = make("span", { class: "pooled-bar" });
        part.style.setProperty("--share", String(value));
        return part;
      }),
    ),
    make("strong", {}, values.length > 1 ? `${values.length} numbers` : decimal(values[0], 2)),
  );
}

/** @param {number[]} means */
function strip(means) {
  const most = Math.max(...means);
  return makeSvg(
    "svg",
    {
      class: "vector-strip",
      viewBox: `0 0 ${means.length * 10} 24`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    },
    ...means.map((mean, n) => {
      const height = most > 0 ? (24 * Math.max(0, mean)) / most : 0;
      return makeSvg("rect", { x: n * 10 + 1, y: 24 - height, width: 8, height });
    }),
  );
}
