/** Numbers as people read them. */

/**
 * Write a number with so many decimals; a dash where there is none.
 *
 * @param {?number} value The number.
 * @param {number} decimals How many.
 * @returns {string} The text.
 */
export function fixed(value, decimals = 2) {
  return value === null || value === undefined ? "–" : value.toFixed(decimals);
}

/**
 * Write a share in per cent: what is there is never written as nothing.
 *
 * @param {?number} percent 0 to 100.
 * @returns {string} Two decimals, "< 0.01" for less; a dash where there is none.
 */
export function share(percent) {
  return percent > 0 && percent < 0.005 ? "< 0.01" : fixed(percent);
}

/**
 * Write an interval; a dash where there is none.
 *
 * @param {?number[]} bounds Lower and upper.
 * @param {number} decimals Of both.
 * @returns {string} The text.
 */
export function interval(bounds, decimals = 2) {
  return bounds ? `${fixed(bounds[0], decimals)} – ${fixed(bounds[1], decimals)}` : "–";
}

/**
 * Write a number with three significant digits, without an exponent.
 *
 * @param {?number} value The number.
 * @returns {string} The text; a dash where there is none.
 */
export function significant(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const digits = Math.min(Math.max(2 - Math.floor(Math.log10(Math.abs(value))), 0), 6);
  return value.toFixed(digits);
}

/**
 * Write a size of a file.
 *
 * @param {number} bytes The size.
 * @returns {string} In B, kB, MB or GB.
 */
export function fileSize(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  return `${step ? (bytes / 1000 ** step).toPrecision(3) : bytes} ${units[step]}`;
}

/**
 * Write a moment in the time of this computer.
 *
 * @param {string} utc RFC 3339.
 * @returns {string} The text.
 */
export function moment(utc) {
  return new Date(utc).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/**
 * Write a duration.
 *
 * @param {number} seconds How long.
 * @returns {string} Seconds or minutes.
 */
export function duration(seconds) {
  if (seconds < 1) return "less than a second";
  return seconds < 100 ? `about ${Math.round(seconds)} s` : `about ${Math.round(seconds / 60)} min`;
}
