/** How deep what is parsed here may nest, be it JSON, CBOR or a value that came as one. A recursion over it has an end. */
export const MAX_DEPTH = 64;

/**
 * Parses JSON text; in place of JSON.parse wherever a text is read.
 *
 * @throws Error if the text is not JSON or nests lists and objects deeper than {@link MAX_DEPTH}
 */
export function readJson(text: string): unknown {
  assertShallow(text);
  return JSON.parse(text);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Checks the text, not the value: a hostile text could make the value take much more memory. */
function assertShallow(text: string): void {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if ((code | 0x20) === 0x7d)
      depth--; // ] or }
    else if ((code | 0x20) === 0x7b && ++depth > MAX_DEPTH) {
      throw new Error(`the JSON is nested deeper than ${MAX_DEPTH}`); // by another [ or {
    }
  }
}

/** Where the string that begins at `start` ends. Most of a text is in long strings, through which the engine searches faster. */
function endOfString(text: string, start: number): number {
  let at = text.indexOf('"', start + 1);
  while (at >= 0 && isEscaped(text, at)) at = text.indexOf('"', at + 1);
  return at < 0 ? text.length : at;
}

/** Whether an odd number of backslashes stands before a place. */
function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text.charCodeAt(first - 1) === BACKSLASH) first--;
  return (at - first) % 2 === 1;
}
