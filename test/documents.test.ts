import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';

// What documents refer to is there: files, sections, tests.

const root = join(import.meta.dirname, '..');
const filesIn = (folder: string, ending: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

const documents = [...readdirSync(root).filter((name) => name.endsWith('.md')), ...filesIn('docs', '.md')];
const withoutCode = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, '');

/** The anchors of a document, as GitHub makes them of headings. */
const anchorsOf = (file: string): string[] =>
  Array.from(withoutCode(read(file)).matchAll(/^#+ (.*)$/gm), ([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );

describe('the documents', () => {
  test('documents: every link to a file or a section leads somewhere', () => {
    const broken = documents.flatMap((file) =>
      [...withoutCode(read(file)).matchAll(/\]\(([^):]*)\)/g)]
        .map(([, target = '']) => target)
        .filter((target) => {
          const [path = '', anchor] = target.split('#');
          const to = path === '' ? file : join(dirname(file), path);
          return !existsSync(join(root, to)) || (anchor !== undefined && !anchorsOf(to).includes(anchor));
        })
        .map((target) => `${file}: ${target}`),
    );
    assert.deepEqual(broken, []);
  });

  test('documents: every section that the code names is there', () => {
    const sources = ['ts', 'actions', 'scripts', 'go', 'examples'].flatMap((folder) => [
      ...filesIn(folder, '.ts'),
      ...filesIn(folder, '.go'),
    ]);
    const broken = sources.flatMap((source) =>
      [...read(source).matchAll(/\b((?:docs\/)?[a-z-]+\.md)#([a-z][a-z-]+)/g)]
        .map(([, file = '', anchor = '']) => [join('docs', file.replace(/^docs\//, '')), anchor] as const)
        .filter(([file, anchor]) => !existsSync(join(root, file)) || !anchorsOf(file).includes(anchor))
        .map(([file, anchor]) => `${source}: ${file}#${anchor}`),
    );
    assert.deepEqual(broken, []);
  });

  test('documents: every test that shows a promise of docs/security.md is there', () => {
    const security = read('docs/security.md');
    const tests = filesIn('test', '.test.ts').map(read).join('\n').replaceAll("\\'", "'");
    const named = Array.from(security.matchAll(/(?<![*\w])\*(\w[^*|]* [^*|]*)\*(?!\*)/g), ([, name = '']) =>
      name.replace(/\s+/g, ' '),
    );
    assert.ok(named.length > 20);
    assert.deepEqual(
      named.filter((name) => !tests.includes(name)),
      [],
    );

    const goTests = filesIn('go', '_test.go').map(read).join('\n');
    const missing = documents.flatMap((file) =>
      [...read(file).matchAll(/`(Test[A-Z]\w+)`/g)]
        .map(([, name = '']) => name)
        .filter((name) => !goTests.includes(`func ${name}(`)),
    );
    assert.deepEqual(missing, []);
  });
});
