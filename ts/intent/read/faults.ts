import { readJson } from '../../json.ts';
import { InputError, within } from './json.ts';

/**
 * Finds what {@link parseJson} refuses without a place: a key that is repeated, or a number that has another form than its
 * value is written in, as one has that loses digits. For clients.
 *
 * @returns undefined if there is none, or if the text is not JSON
 */
export function faultIn(text: string): InputError | undefined {
  try {
    readJson(text);
  } catch {
    return undefined;
  }
  const open: {
    readonly path: string;
    readonly keys: Set<string> | undefined;
    index: number;
    key: string | undefined;
  }[] = [];
  const place = () => {
    const top = open.at(-1);
    if (top === undefined) return '';
    return top.keys === undefined ? `${top.path}[${top.index}]` : within(top.path, top.key ?? '');
  };
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],]|[^\s{}[\],:"]+/g)) {
    const top = open.at(-1);
    if (token === '{' || token === '[') {
      open.push({ path: place(), keys: token === '{' ? new Set() : undefined, index: 0, key: undefined });
    } else if (token === '}' || token === ']') {
      open.pop();
    } else if (token === ',' && top !== undefined) {
      top.index += 1;
      top.key = undefined;
    } else if (token.startsWith('"')) {
      if (top?.keys === undefined || top.key !== undefined) continue;
      const key = String(JSON.parse(token));
      if (top.keys.has(key)) return new InputError(within(top.path, key), 'given twice');
      top.keys.add(key);
      top.key = key;
    } else if (/^[-\d]/.test(token) && token !== JSON.stringify(Number(token))) {
      return new InputError(
        place(),
        `the number ${token.slice(0, 80)} would be read as ${Number(token)}: write it as a string`,
      );
    }
  }
  return undefined;
}
