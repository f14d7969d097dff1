import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Puts lines of Markdown in the place of those between the two comments of that name in docs/performance.md. */
export function putFigures(name: string, lines: readonly string[]): void {
  const path = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
  const [begin, end] = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->\n`];
  const text = readFileSync(path, 'utf8');
  const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)];
  if (from < begin.length || to < from) throw new Error(`docs/performance.md has no place for ${name}`);
  writeFileSync(path, `${text.slice(0, from)}${lines.join('\n')}\n${text.slice(to)}`);
}
