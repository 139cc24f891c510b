// @ts-check
/** Number formatting, with a true minus sign. */

/** A number with fixed decimal places; a dash for missing values. @param {number | null | undefined} value @param {number} places @returns {string} */
export function fixed(value, places) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return value.toFixed(places).replace("-", "−");
}

/** A count with thousands separators. @param {number} value */
export function formatCount(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A number of bytes in megabytes. @param {number} bytes */
export function formatMegabytes(bytes) {
  const megabytes = bytes / 1e6;
  return `${megabytes < 10 ? megabytes.toFixed(1) : Math.round(megabytes)} MB`;
}
