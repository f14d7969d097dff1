// All that commands show goes through here: nothing in it moves the cursor, hides, or is a secret. Not a command itself.
import { cleanLine, cleanText, visibleJson } from '../ts/command/internals.ts';

/** Prints a result. */
export function say(text: string): void {
  console.log(cleanText(text));
}

/** Prints a result as one line of JSON. */
export function sayJson(value: unknown): void {
  console.log(visibleJson(value));
}

/** Prints what is not a result: to stderr. */
export function tell(text: string): void {
  console.error(cleanText(text));
}

/** Shows on the terminal's last line what is being done; with an empty text, nothing any more. */
export function status(text: string): void {
  process.stderr.write(`\r\x1b[K${cleanLine(text)}`);
}
