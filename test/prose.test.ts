import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { findingsIn } from './prose/prose.ts';
import { RULES } from './prose/rules.ts';

const RULE = { pattern: /\bbut that\b/i, instead: 'write "except that"', bad: [] };
const linesOf = (name: string, text: string) => findingsIn(name, text, [RULE]).map(({ line }) => line);

describe('the prose check', () => {
  for (const rule of RULES) {
    test(`the prose check: ${rule.instead}, not ${rule.pattern}`, () => {
      assert.notEqual(rule.bad.length, 0);
      for (const text of rule.bad) assert.equal(findingsIn('a.md', text, [rule]).length, 1, text);
      for (const text of rule.good ?? []) assert.deepEqual(findingsIn('a.md', text, [rule]), [], text);
    });
  }

  test('the prose check reads a document, also across lines, but no code in it', () => {
    assert.deepEqual(findingsIn('a.md', 'x\n\nBoth do, but\nthat it may.', [RULE]), [
      { line: 3, text: 'but that', instead: 'write "except that"' },
    ]);
    assert.deepEqual(
      linesOf('a.md', 'a\n\n    but that\n\n```\nbut that\n```\n`but that` [a](but that)\nbut that'),
      [9],
    );
  });

  test('the prose check reads comments and strings, but no code and no regular expression', () => {
    const source = [
      '// one but',
      '//   that two',
      'f(/but that/, but, that);',
      '/**',
      ' * three, but',
      ' * that four',
      ' */',
      "const a = 'but that';",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the source that is checked
      'const b = `${but} but that ${that}`;',
      'but(); // here',
      'that(); // `but that`',
      'const c = "// no comment"; // but that',
    ];
    assert.deepEqual(linesOf('a.ts', source.join('\n')), [1, 5, 8, 9, 12]);
  });

  test('the prose check reads the comments of Go, and not its strings, which its wasm contains', () => {
    assert.deepEqual(linesOf('a.go', '// but that\nx := \'a\' // but that\ny := "but that"\nz := `but that`'), [1, 2]);
  });

  test('the prose check passes', () => {
    execFileSync(process.execPath, ['--import', 'tsx', 'test/prose/check.ts'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  });
});
