// Numbers as people read them.

const whole = new Intl.NumberFormat("en");

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
export const percent = (value) => (value === null || value === undefined ? "–" : value.toFixed(1));

/**
 * Return 4652008 as "4.7 M".
 * @param {number} count
 */
export function millions(count) {
  if (count >= 1e6) return `${(count / 1e6).toFixed(count >= 1e8 ? 0 : 1)} M`;
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
