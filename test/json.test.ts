import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { actionMain } from '../actions/template/action.ts';
import { parseJson } from '../ts/intent/read/json.ts';
import { MAX_DEPTH, readJson } from '../ts/json.ts';

const root = join(import.meta.dirname, '..');
const nested = (depth: number, inner = ''): string => '['.repeat(depth) + inner + ']'.repeat(depth);

test('audit 2: JSON is parsed as JSON.parse has it, to a depth of 64', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 8 }), (text) => assert.deepEqual(readJson(text), JSON.parse(text))),
    { seed: 14 },
  );
  // Brackets in texts do not count, whatever stands before the quotes that end them.
  for (const text of ['[[[', ']]]]', '"[', '\\"[', '\\\\"[', '{"a":[', '\\', '\u2028[']) {
    const written = JSON.stringify([text.repeat(100), { [text]: text.repeat(100) }]);
    assert.deepEqual(readJson(written), JSON.parse(written));
  }
  const deepest = `${'[{"a":'.repeat(MAX_DEPTH / 2)}1${'}]'.repeat(MAX_DEPTH / 2)}`;
  assert.deepEqual(readJson(deepest), JSON.parse(deepest));
  for (const text of [
    nested(MAX_DEPTH + 1),
    `"a"${nested(MAX_DEPTH + 1)}`,
    '['.repeat(1e6),
    `{"a":${nested(MAX_DEPTH)}}`,
  ]) {
    assert.throws(() => readJson(text), /nested deeper than 64/);
  }
  for (const text of ['', '[', ']', '"', '"\\', '[1,]', nested(3, '"')])
    assert.throws(() => readJson(text), SyntaxError);
});

test('audit 2: an intent, a policy and the parameters of an action are no deeper', async () => {
  const { length } = JSON.stringify(parseJson(nested(MAX_DEPTH)));
  assert.equal(length, 2 * MAX_DEPTH);
  assert.throws(() => parseJson(nested(MAX_DEPTH + 1)), /nested deeper than 64/);
  const main = actionMain(async (params) => JSON.stringify(params).length);
  assert.deepEqual(await main(JSON.parse(nested(MAX_DEPTH))), { ok: 2 * MAX_DEPTH });
  for (const depth of [MAX_DEPTH + 1, 20_000]) assert.ok('error' in (await main(JSON.parse(nested(depth)))));
});

test('audit 2: nothing else parses JSON', () => {
  const found = ['ts', 'actions', 'scripts'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.[jt]s$/.test(name) && !name.endsWith('.test.ts'))
      .map((name) => join(folder, name))
      .filter((name) => readFileSync(join(root, name), 'utf8').includes('JSON.parse(')),
  );
  assert.deepEqual(found.sort(), [
    'scripts/action-starter.ts', // in the test that it writes for others
    'scripts/bench.ts', // what commands of this repository print
    'scripts/chain.ts',
    'scripts/ct.ts',
    'scripts/package.ts', // the package.json of packages that are installed
    'scripts/policy.ts',
    'scripts/try-lit.ts',
    'ts/build/apart.ts', // in the sandbox, what the builder sends
    'ts/intent/read/faults.ts', // a key of a text that readJson took
    'ts/intent/read/json.ts', // tokens that readJson took
    'ts/json.ts',
    'ts/policy/constants.ts', // what policyJson wrote
    'ts/runtime/local/guest.js', // what the host sends, which bounds it
  ]);
});
