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
