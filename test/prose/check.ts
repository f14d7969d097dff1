// Refuses words and turns of phrase that rules.ts lists, in documents, comments and messages. `npm run lint` runs it.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { findingsIn } from './prose.ts';
import { RULES } from './rules.ts';

const root = join(import.meta.dirname, '../..');

/** The files below a folder whose names end in one of these; folders that are not ours are left out. */
function filesIn(folder: string, endings: readonly string[]): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return /^(\.|node_modules$|build$|dist$|fixtures$)/.test(entry.name) ? [] : filesIn(path, endings);
    return endings.some((ending) => entry.name.endsWith(ending)) ? [path] : [];
  });
}

const sources = ['ts', 'actions', 'scripts', 'go', 'examples'].flatMap((folder) =>
  filesIn(join(root, folder), ['.ts', '.go']),
);

let found = 0;
for (const path of [...filesIn(root, ['.md']), ...sources]) {
  for (const { line, text, instead } of findingsIn(path, readFileSync(path, 'utf8'), RULES)) {
    console.error(`${relative(root, path)}:${line}: "${text}": ${instead}`);
    found += 1;
  }
}
if (found > 0) {
  console.error(`${found} times words that test/prose/rules.ts refuses.`);
  process.exitCode = 1;
}
