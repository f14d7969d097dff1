// Text from outside: what hosts, actions, other people's files and the wasm module say. A terminal does more with text than
// show it (it moves the cursor, sets the clipboard, turns the direction of what follows), and people believe what stands on a
// line of its own. So no such text is shown, stored or logged before it went through here.

/**
 * What is not seen, or moves or covers what is: controls, formats, what is not assigned, line separators, blank letters, and the
 * combining marks after the fourth on one letter, which fonts stack over the lines above and below.
 */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?<=\p{M}{4})\p{M}/gu;

/** Line breaks with the blanks after them, or one blank of any width. */
const BREAKS = /[\r\n\u0085\p{Zl}\p{Zp}\t\v\f][\s\u0085]*|\p{Zs}/gu;

const MARK = '  | ';
const INDENT = '    ';

/**
 * Text from outside, which cannot be printed as it is: whatever makes a text of it (a template, `String`, `JSON.stringify`, an
 * inspection) gets {@link cleanLine} of it, without a full stop at the end, as it becomes part of a sentence.
 */
export class Untrusted {
  readonly #raw: string;
  readonly #limit: number;

  constructor(raw: string, limit = 2000) {
    this.#raw = raw;
    this.#limit = limit;
  }

  /** The text itself, for parsers. */
  get raw(): string {
    return this.#raw;
  }

  toString(): string {
    return cleanLine(this.#raw.trim().replace(/\.$/, ''), this.#limit);
  }

  toJSON(): string {
    return this.toString();
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** A text on one line, of `limit` characters at most, in which nothing is unseen and no secret of this process is left. */
export function cleanLine(text: string, limit = Number.POSITIVE_INFINITY): string {
  const line = withoutSecrets(text.slice(0, 16 * limit)).replace(BREAKS, ' ');
  return cut(withoutSecrets(visible(line)), limit);
}

/**
 * A text on several lines, likewise. Those after the first are marked, so that none passes for one of ours; all but those
 * that are indented so far as nothing of ours begins, as a trace of calls is.
 */
export function cleanBlock(text: string): string {
  const [first = '', ...others] = cleanText(text).trimEnd().split('\n');
  return [first, ...others.map((line) => (line.startsWith(MARK) || line.startsWith(INDENT) ? line : MARK + line))].join(
    '\n',
  );
}

/** A text of ours that others may have a part in: its lines stay, and everything else as {@link cleanLine} does. */
export function cleanText(text: string): string {
  const lines = withoutSecrets(text).replaceAll('\r\n', '\n').split('\n');
  const clean = lines.map((line) => line.split('\t').map(visible).join('\t'));
  return withoutSecrets(clean.join('\n'));
}

/** Puts an escape for each character that is not seen, line breaks too. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}

/** A text in quotation marks, which it cannot leave. */
export function quoted(text: string): string {
  return visible(JSON.stringify(text));
}

/** The JSON of a value, in which characters that are not seen are escaped. It has the same value. */
export function visibleJson(value: unknown): string {
  const units = (char: string) =>
    char.split('').map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return (JSON.stringify(value) ?? 'null').replace(UNSEEN, (char) => units(char).join(''));
}

const secrets = new Set<string>();

/** Variables of the environment that hold secrets. */
const SECRET_NAMES = [
  'LIT_API_KEY',
  'LIT_USAGE_KEY',
  'LIT_ETHEREUM_KEY',
  'TANDEM_PASSPHRASE',
  'TANDEM_KEYSTORE_PASSPHRASE',
];

/** What is shorter is part of too many texts: where it is missing, they would tell it. */
const SHORTEST_SECRET = 8;

/** Has a secret of this process left out of every text that goes through here. */
export function hideSecret(secret: string): void {
  if (secret.length >= SHORTEST_SECRET) secrets.add(secret);
}

function withoutSecrets(text: string): string {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  for (const name of SECRET_NAMES) hideSecret(process?.env?.[name] ?? '');
  let rest = text;
  for (const secret of [...secrets].sort((a, b) => b.length - a.length)) {
    for (const spelling of spellings(secret)) rest = rest.replaceAll(spelling, '…');
  }
  return rest;
}

/** A secret as it is, in JSON, in a URL, and as it looks once it was made visible. */
function spellings(secret: string): string[] {
  const inUrl = /\p{Surrogate}/u.test(secret) ? [] : [encodeURIComponent(secret)];
  return [secret, JSON.stringify(secret).slice(1, -1), visible(secret), ...inUrl];
}

function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit).replace(/\p{Surrogate}$/u, '')}…`;
}
