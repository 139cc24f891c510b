// @ts-check
/** Number formatting, with a true minus sign. */

/** A number with fixed decimal places; a dash for missing values. @param {number | null | undefined} value @param {number} places @returns {string} */
export function fixed(value, places) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return value.toFixed(places).replace("-", "−");
}

/** A fraction as a signed percentage. @param {number | null | undefined} fraction */
export function signedPercent(fraction) {
  if (fraction === null || fraction === undefined) return "–";
  const percent = fraction * 100;
  const places = Math.abs(percent) < 100 ? 1 : 0;
  const text = fixed(percent, places);
  return `${Number(percent.toFixed(places)) > 0 ? "+" : ""}${text}%`;
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
