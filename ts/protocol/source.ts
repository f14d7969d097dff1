import { BuildError } from '../errors.ts';

// What an action's source is: Unicode text, which has one form in UTF-8. With half of a surrogate pair in it, the text
// that is hashed (all encoders write U+FFFD there) would not be the text that runs: two sources would have one CID.

/**
 * The source, if it is valid. Code that computes a CID, or passes a source on to be run or stored, calls this first.
 *
 * @throws {BuildError}
 */
export function wellFormed(source: string): string {
  if (!/\p{Surrogate}/u.test(source)) return source;
  throw new BuildError(
    'the source holds half of a surrogate pair: it would be hashed as another text than it is run as',
  );
}

/**
 * The source that a file holds, character by character.
 *
 * @throws {BuildError} if the file is not UTF-8
 */
export function sourceOf(file: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(file);
  } catch (cause) {
    throw new BuildError('the source is not UTF-8: it would be run as another than it is hashed', { cause });
  }
}
