// @ts-check
/** Messages of the service as sentences. */

/** A message with a capital letter at the start and a full stop at the end. @param {string} message */
export function sentence(message) {
  // Messages start with the name of the file, which is "the file" for an upload. Before a line or column it adds nothing.
  const text = message.replace(/^the file: (?=line |column )/, "").replace(/^the file: /, "the file ");
  return `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
