// The axes of the scatter: where a value lies, and round numbers for the ticks.
/** @import { Axis } from "./types.js" */

const LOG_FROM = 8; // a span of less than this factor reads better on a linear axis

/**
 * Return round numbers from low to high, about `count` of them.
 * @param {number} low
 * @param {number} high
 * @param {number} count
 */
function linearTicks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough) ?? rough;
  const ticks = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index += 1)
    ticks.push(Number((index * step).toPrecision(12)));
  return ticks;
}

/**
 * @param {number} low
 * @param {number} high
 * @param {number[]} times
 * @param {number} base
 */
function logTicks(low, high, times, base) {
  const ticks = [];
  for (let power = base ** Math.floor(Math.log(low) / Math.log(base)); power <= high; power *= base) {
    for (const factor of times)
      if (power * factor >= low && power * factor <= high) ticks.push(power * factor);
  }
  return ticks;
}

/**
 * Where an axis lies, and of which kind it may be; `most` is the highest value that there can be.
 * @typedef {object} AxisOptions
 * @property {number} from
 * @property {number} to
 * @property {boolean} [logged]
 * @property {boolean} [binary]
 * @property {number} [count]
 * @property {number} [most]
 */

/**
 * Return {at, ticks, log}: `at(value)` is the coordinate between `from` and `to`. With `logged` the axis is
 * logarithmic where the values span more than a factor of eight; `binary` puts its ticks at powers of two.
 * @param {number[]} values
 * @param {AxisOptions} options
 * @returns {Axis}
 */
export function axis(values, { from, to, logged = false, binary = false, count = 5, most = Infinity }) {
  const smallest = Math.min(...values);
  const largest = Math.max(...values);
  const log = logged && smallest > 0 && largest / smallest >= LOG_FROM;
  if (log) {
    const low = smallest / (largest / smallest) ** 0.05;
    const high = largest * (largest / smallest) ** 0.05;
    const every = Math.max(1, Math.ceil(Math.log2(high / low) / 7));
    const ticks = binary
      ? logTicks(low, high, [1], 2 ** every)
      : logTicks(low, high, high / low > 2000 ? [1] : [1, 2, 5], 10);
    /** @param {number} value */
    const at = (value) =>
      from + ((Math.log(value) - Math.log(low)) / (Math.log(high) - Math.log(low))) * (to - from);
    return { at, ticks, log };
  }
  const margin = (largest - smallest) * 0.07 || Math.abs(largest) * 0.1 || 1;
  const low = Math.max(0, smallest - margin);
  const high = Math.min(most, largest + margin);
  return {
    at: (value) => from + ((value - low) / (high - low)) * (to - from),
    ticks: linearTicks(low, high, count),
    log,
  };
}
