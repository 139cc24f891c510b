// @ts-check
/** Numbers as they are shown: with a real minus, and as many places as mean something. */

/** @param {number | null | undefined} value @param {number} places @returns {string} */
export function fixed(value, places) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return value.toFixed(places).replace("-", "−");
}

/** A share in percent, with its sign. @param {number | null | undefined} share */
export function signedPercent(share) {
  if (share === null || share === undefined) return "–";
  const percent = share * 100;
  const places = Math.abs(percent) < 100 ? 1 : 0;
  const text = fixed(percent, places);
  return `${Number(percent.toFixed(places)) > 0 ? "+" : ""}${text} %`;
}

/** A count with thin spaces between thousands. @param {number} value */
export function count(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}
