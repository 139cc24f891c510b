// @ts-check
/** Sentences as the service says them, for people. */

/** A sentence on its own: begun with a capital letter, ended with a full stop. @param {string} text */
export function sentence(text) {
  // The service puts the name of a file first, and calls what was sent "the file": before a place that goes without saying.
  const said = text.replace(/^the file: (?=line |column )/, "").replace(/^the file: /, "the file ");
  return `${said[0]?.toUpperCase() ?? ""}${said.slice(1)}${/[.!?]$/.test(said) ? "" : "."}`;
}

/** A number of bytes, to be compared with another. @param {number} bytes */
export function megabytes(bytes) {
  const mega = bytes / 1e6;
  return `${mega < 10 ? mega.toFixed(1) : Math.round(mega)} MB`;
}
