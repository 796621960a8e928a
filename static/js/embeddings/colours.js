// The colours of the points: as far apart as they can be for categories and clusters, from low to high for
// scores.
/** @import { Rgb } from "../map/types.js" */
/** @import { Legend } from "../shared/types.js" */

// degrees on the OKLCH circle; neighbours in the list are far apart, so that few categories are clearly told
// apart
const HUES = [255, 50, 150, 350, 95, 305, 200];
// once round the hues, once darker, once paler; beyond that the hues lie between
const LIGHTNESS = { light: [0.62, 0.42, 0.78], dark: [0.74, 0.56, 0.89] };
const BETWEEN = 23;
const SCORE_HUES = { low: 35, high: 185 };

/**
 * Return a colour of the OKLCH space as [red, green, blue], 0 to 255
 * (https://bottosson.github.io/posts/oklab/).
 * @param {number} lightness
 * @param {number} chroma
 * @param {number} hue
 * @returns {Rgb}
 */
export function oklch(lightness, chroma, hue) {
  const [a, b] = [chroma * Math.cos((hue * Math.PI) / 180), chroma * Math.sin((hue * Math.PI) / 180)];
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    byteOf(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    byteOf(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    byteOf(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

/** @param {number} part */
const byteOf = (part) => Math.round(255 * gamma(Math.min(1, Math.max(0, part))));

/** @param {number} part */
const gamma = (part) => (part <= 0.0031308 ? 12.92 * part : 1.055 * part ** (1 / 2.4) - 0.055);

/**
 * Return [red, green, blue] of `count` categories or clusters.
 * @param {number} count
 * @param {boolean} dark
 */
function apart(count, dark) {
  const levels = LIGHTNESS[dark ? "dark" : "light"];
  return Array.from({ length: count }, (_, number) => {
    const round = Math.floor(number / HUES.length);
    const hue = HUES[number % HUES.length] + BETWEEN * Math.floor(round / levels.length);
    return oklch(levels[round % levels.length], round % levels.length ? 0.11 : 0.15, hue);
  });
}

/**
 * Return [red, green, blue] of `count` bins from low to high.
 * @param {number} count
 * @param {boolean} dark
 */
function ramp(count, dark) {
  return Array.from({ length: count }, (_, number) => {
    const part = count > 1 ? number / (count - 1) : 1;
    const lightness = dark ? 0.6 + 0.24 * part : 0.7 - 0.2 * part;
    return oklch(lightness, 0.15 - 0.05 * part, SCORE_HUES.low + (SCORE_HUES.high - SCORE_HUES.low) * part);
  });
}

/**
 * Return the colours of a legend's names as [[red, green, blue]…].
 * @param {Legend} legend
 */
export function coloursOf({ kind, names }) {
  const dark = document.documentElement.dataset.theme === "dark";
  return kind === "score" ? ramp(names.length, dark) : apart(names.length, dark);
}

/**
 * Call `changed` whenever the page turns light or dark.
 * @param {() => void} changed
 */
export function watchTheme(changed) {
  new MutationObserver(changed).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}
