import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { describe, test } from 'node:test';

// Which folder may know which. A rule of the house is easy to find as long as this holds: imports point down.

const root = join(import.meta.dirname, '..');

const BASE = ['ts/errors.ts', 'ts/text', 'ts/json.ts'];
const SHARED = [...BASE, 'ts/core', 'ts/intent', 'ts/intent/transaction', 'ts/policy', 'ts/protocol'];

/** Each folder, and those that it may import from besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'ts/text': [],
  'ts/json.ts': [],
  'ts/errors.ts': ['ts/text'],
  'ts/files': BASE,
  'ts/core': BASE,
  'ts/intent/transaction': [...BASE, 'ts/core', 'ts/intent'],
  'ts/intent': [...BASE, 'ts/core', 'ts/intent/transaction'],
  'ts/policy': [...BASE, 'ts/core', 'ts/intent', 'ts/intent/transaction'],
  'ts/protocol': SHARED,
  'ts/runtime': SHARED,
  'ts/runtime/local': [...SHARED, 'ts/files', 'ts/runtime'],
  'ts/runtime/chipotle': [...SHARED, 'ts/files', 'ts/runtime'],
  'ts/runtime/lit-node-client': [...SHARED, 'ts/runtime'],
  'ts/store': [...SHARED, 'ts/files', 'ts/runtime'],
  'ts/signing': [...SHARED, 'ts/files', 'ts/runtime', 'ts/store'],
  'ts/deal': [...SHARED, 'ts/runtime', 'ts/store', 'ts/deal/files'],
  'ts/deal/files': [...SHARED, 'ts/files', 'ts/runtime', 'ts/store', 'ts/deal'],
  'ts/adapters': [...SHARED, 'ts/signing'],
  'ts/build': [...SHARED, 'ts/files', 'ts/runtime', 'ts/runtime/local', 'ts/deal'],
};

/** The folder of a file; a file right in ts/ stands for itself. */
const folderOf = (file: string): string => (file.split('/').length === 2 ? file : dirname(file));

/** The TypeScript files below a folder, by their paths from the root. */
const filesIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name.split(sep).join('/')}`)
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'));

/** What a file imports from other folders of ts/ and actions/. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const found = Array.from(text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g), ([, path = '']) =>
    normalize(join(dirname(file), path))
      .split(sep)
      .join('/'),
  );
  return found.filter((path) => folderOf(path) !== folderOf(file));
}

const arrows = filesIn('ts').flatMap((file) => importsOf(file).map((to) => ({ file, to })));

describe('the structure', () => {
  test('structure: no folder imports from one above it', () => {
    const wrong = arrows.filter(
      ({ file, to }) => folderOf(file) !== 'ts/index.ts' && !(MAY_IMPORT[folderOf(file)] ?? []).includes(folderOf(to)),
    );
    assert.deepEqual(
      wrong.map(({ file, to }) => `${file} imports ${to}`),
      [],
    );
  });

  test('structure: nothing in ts/ imports from actions/, scripts/ or test/', () => {
    const wrong = arrows.filter(({ to }) => !to.startsWith('ts/') && !to.startsWith('build/'));
    assert.deepEqual(
      wrong.map(({ file, to }) => `${file} imports ${to}`),
      [],
    );
  });

  test('structure: no circle between folders', () => {
    const next = new Map<string, Set<string>>();
    for (const { file, to } of arrows) {
      const [from, into] = [folderOf(file), folderOf(to)];
      next.set(from, (next.get(from) ?? new Set()).add(into));
    }
    const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
      [...(next.get(from) ?? [])].some((into) => into === to || (!seen.has(into) && reaches(into, to, seen.add(into))));
    const isParent = (a: string, b: string) => a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
    const circles = [...next].flatMap(([from, into]) =>
      [...into].filter((to) => !isParent(from, to) && reaches(to, from)).map((to) => `${from} ⇄ ${to}`),
    );
    assert.deepEqual(circles, []);
  });
});
