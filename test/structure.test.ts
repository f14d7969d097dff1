import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { describe, test } from 'node:test';

// Which folder may know which. A rule of the house is easy to find as long as this holds: imports point down.

const root = join(import.meta.dirname, '..');

const BASE = ['ts/errors.ts', 'ts/text', 'ts/json.ts'];
const INTENT = ['ts/intent', 'ts/intent/transaction', 'ts/intent/read'];
const SHARED = [...BASE, 'ts/core', ...INTENT, 'ts/protocol', 'ts/policy'];

/** Each folder, and those that it may import from besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'ts/text': [],
  'ts/command': [],
  'ts/json.ts': [],
  'ts/errors.ts': ['ts/text'],
  'ts/files': BASE,
  'ts/core': BASE,
  'ts/intent/read': BASE,
  'ts/intent/transaction': [...BASE, 'ts/core', 'ts/intent/read'],
  'ts/intent': [...BASE, 'ts/core', 'ts/intent/transaction', 'ts/intent/read'],
  'ts/protocol': [...BASE, 'ts/core', ...INTENT],
  'ts/policy': [...BASE, 'ts/core', ...INTENT, 'ts/protocol'],
  'ts/runtime': SHARED,
  'ts/runtime/local': [...SHARED, 'ts/files', 'ts/runtime'],
  'ts/runtime/chipotle': [...SHARED, 'ts/files', 'ts/runtime'],
  'ts/runtime/lit-node-client': [...SHARED, 'ts/runtime'],
  'ts/store': [...SHARED, 'ts/files', 'ts/runtime'],
  'ts/signing': [...SHARED, 'ts/files', 'ts/runtime', 'ts/store'],
  'ts/deal': [...SHARED, 'ts/runtime', 'ts/store'],
  'ts/deal/files': [...SHARED, 'ts/files', 'ts/runtime', 'ts/store', 'ts/deal'],
  'ts/adapters': [...SHARED, 'ts/signing'],
  'ts/provider': SHARED,
  'ts/browser': [
    ...SHARED,
    'ts/runtime',
    'ts/runtime/chipotle',
    'ts/store',
    'ts/signing',
    'ts/deal',
    'ts/adapters',
    'ts/provider',
  ],
  'ts/mcp': [...SHARED, 'ts/files', 'ts/runtime', 'ts/store', 'ts/signing', 'ts/adapters'],
  'ts/build': [...SHARED, 'ts/files', 'ts/runtime', 'ts/runtime/local', 'ts/deal'],
};

/** The package's own entry points: the modules behind its `exports`. */
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Readonly<Record<string, string | { readonly default: string }>>;
};
const ENTRIES = Object.values(exports).flatMap((target) => {
  const [, name] = /^\.\/dist\/(ts\/[\w-]+)\.js$/.exec(typeof target === 'string' ? target : target.default) ?? [];
  return name === undefined ? [] : [`${name}.ts`];
});

/** What commands have beyond the entry points; the package exports none of it. */
const INTERNALS = 'ts/command/internals.ts';

/** The folder of a file; a file right in ts/ stands for itself. */
const folderOf = (file: string): string => (file.split('/').length === 2 ? file : dirname(file));

/** The TypeScript files below a folder, by their paths from the root. */
const filesIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name.split(sep).join('/')}`)
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'));

/** What a file imports of ours, by its path from the root. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return Array.from(text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g), ([, path = '']) =>
    normalize(join(dirname(file), path))
      .split(sep)
      .join('/'),
  );
}

/** Each pair of names of which either reaches the other. */
function circlesIn(next: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
    [...(next.get(from) ?? [])].some((into) => into === to || (!seen.has(into) && reaches(into, to, seen.add(into))));
  return [...next].flatMap(([from, into]) =>
    [...into].filter((to) => reaches(to, from)).map((to) => `${from} ⇄ ${to}`),
  );
}

function graphOf(pairs: readonly (readonly [string, string])[]): Map<string, Set<string>> {
  const next = new Map<string, Set<string>>();
  for (const [from, into] of pairs) next.set(from, (next.get(from) ?? new Set()).add(into));
  return next;
}

const files = ['ts', 'actions', 'scripts'].flatMap(filesIn);

/** What files of ts/ import from other folders. */
const arrows = filesIn('ts').flatMap((file) =>
  importsOf(file)
    .filter((to) => folderOf(to) !== folderOf(file))
    .map((to) => ({ file, to })),
);

describe('the structure', () => {
  test('structure: no folder imports from one above it', () => {
    const wrong = arrows.filter(
      ({ file, to }) =>
        ![...ENTRIES, INTERNALS].includes(file) && !(MAY_IMPORT[folderOf(file)] ?? []).includes(folderOf(to)),
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

  test('structure: every file right in ts/ is an entry point, or one of the base', () => {
    assert.ok(ENTRIES.includes('ts/index.ts') && ENTRIES.length > 5, String(ENTRIES));
    const others = readdirSync(join(root, 'ts')).filter(
      (name) => /\.ts$/.test(name) && !ENTRIES.includes(`ts/${name}`),
    );
    assert.deepEqual(others, ['errors.ts', 'json.ts']);
  });

  test('structure: examples import from the entry points, as people do who install the package; commands from one file more', () => {
    const mayHave = (file: string, to: string): boolean => {
      if (ENTRIES.includes(to)) return true;
      // openapi.ts describes what the package has as a file, with what only a clone has.
      return file.startsWith('scripts/') && [INTERNALS, 'ts/runtime/local/openapi.ts'].includes(to);
    };
    const wrong = ['scripts', 'examples'].flatMap(filesIn).flatMap((file) =>
      importsOf(file)
        .filter((to) => to.startsWith('ts/') && !mayHave(file, to))
        .map((to) => `${file} imports ${to}`),
    );
    assert.deepEqual(wrong, []);
  });

  test('structure: how a command is called stands in ts/command alone, as it differs between a clone and the package', () => {
    const tools = ['scripts/ct.ts', 'scripts/policy-schema.ts']; // which are of a clone alone
    const copies = files.filter((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      return !file.startsWith('ts/command/') && !tools.includes(file) && /npx tsx|npx tandem [a-z]/.test(text);
    });
    assert.deepEqual(copies, []);
  });

  test('structure: no circle between folders, a folder and one in it not excepted', () => {
    assert.deepEqual(circlesIn(graphOf(arrows.map(({ file, to }) => [folderOf(file), folderOf(to)]))), []);
  });

  test('structure: no circle between files', () => {
    assert.deepEqual(circlesIn(graphOf(files.flatMap((file) => importsOf(file).map((to) => [file, to] as const)))), []);
  });

  test('structure: the action has nothing of what only the owner of a policy needs', () => {
    const reached = new Set<string>();
    const follow = (file: string): void => {
      if (reached.has(file)) return;
      reached.add(file);
      if (file.endsWith('.ts')) importsOf(file).forEach(follow);
    };
    follow('actions/cosigner/main.ts');
    assert.ok(reached.has('ts/policy/judge.ts') && reached.has('ts/policy/pace.ts'));
    const forOwners = [
      'budget',
      'builtin',
      'describe',
      'describe-budget',
      'effects',
      'explain',
      'file',
      'sequences',
      'templates',
      'tokens',
    ];
    assert.deepEqual(
      forOwners.filter((name) => reached.has(`ts/policy/${name}.ts`)),
      [],
    );
  });

  test('structure: a command gives its own name to whatever names it in advice', () => {
    const named = readdirSync(join(root, 'scripts')).flatMap((file) =>
      Array.from(readFileSync(join(root, 'scripts', file), 'utf8').matchAll(/^ *run\((.*?),/gm), ([, name]) => [
        file,
        name,
      ]),
    );
    assert.ok(named.length > 20);
    assert.deepEqual(
      named.filter(([file, name]) => name !== `'${file?.slice(0, -3)}'`),
      [],
    );
  });

  test('structure: what asks a node is made in one place, as it may ask nobody else', () => {
    const makers = filesIn('ts').filter((file) =>
      /\bcreate\w*Client\(/.test(readFileSync(join(root, file), 'utf8').replace(/\/\*.*?\*\/|\/\/[^\n]*/gs, '')),
    );
    assert.deepEqual(makers, ['ts/adapters/reader.ts']);
  });

  test('structure: the forms of a CID and of an address stand in ts/protocol/schema.ts alone', () => {
    const forms = ['1-9A-HJ-NP-Za-km-z', '[0-9a-fA-F]{40}', '[0-9a-f]{40}'];
    const copies = files.filter((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      return file !== 'ts/protocol/schema.ts' && forms.some((form) => text.includes(form));
    });
    assert.deepEqual(copies, []);
  });
});
