// Numbers as people read them, in the language of the browser; the examples are those of English.

const whole = new Intl.NumberFormat();
/** @type {Intl.NumberFormat[]} */
const decimals = [];

/**
 * Return 1234.5 with two digits as "1,234.50".
 * @param {number} value
 * @param {number} digits
 */
export function decimal(value, digits) {
  decimals[digits] ??= new Intl.NumberFormat(undefined, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return decimals[digits].format(value);
}

/**
 * Return 12345 as "12,345".
 * @param {number} value
 */
export const number = (value) => whole.format(value);

/**
 * Return "1 picture", "2 pictures".
 * @param {number} count
 * @param {string} one
 */
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/**
 * Return 92.345 as "92.3", and a dash where there is no score.
 * @param {number | null | undefined} value
 */
export const percent = (value) => (value === null || value === undefined ? "–" : decimal(value, 1));

/**
 * Return 4652008 as "4.7 M".
 * @param {number} count
 */
export function millions(count) {
  if (count >= 1e6) return `${decimal(count / 1e6, count >= 1e8 ? 0 : 1)} M`;
  return count >= 1000 ? `${Math.round(count / 1000)} k` : String(count);
}

/**
 * Return a share in percent, with as many digits as tell it from all and nothing.
 * @param {number} share
 */
export function shareWords(share) {
  const nines = share < 1 ? Math.floor(-Math.log10(1 - share) + 1e-6) : 0;
  const digits = Math.max(0, nines - 2);
  const text = (Math.floor(share * 100 * 10 ** digits + 1e-6) / 10 ** digits).toFixed(digits);
  return share > 0 && share < 0.01 ? "under 1 %" : `${text} %`;
}
