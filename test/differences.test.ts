import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MAX_DEPTH } from '../ts/json.ts';
import { DOCUMENTED_LIMITS, MAX_BODY } from '../ts/runtime/limits.ts';
import { MAX_TEXT, NOT_HERE } from '../ts/runtime/local/api.ts';
import { GENERATIONS } from '../ts/runtime/local/generations.ts';
import { CALLS_PER_PROCESSOR, MAX_WAITING } from '../ts/runtime/local/host.ts';
import { MAX_IMPORTED, MAX_MODULES } from '../ts/runtime/local/imports.ts';
import { MAX_SHORT_BODY } from '../ts/runtime/local/server.ts';
import { ACCOUNT_ROOM, MAX_ACCOUNTS } from '../ts/runtime/local/state.ts';

const root = join(import.meta.dirname, '..');
const guest = readFileSync(join(root, 'ts/runtime/local/guest.js'), 'utf8');
const { april, newest } = GENERATIONS;
const code = (name: string) => `\`${name}\``;
const absent = /for \(const name of \[([^\]]*)\]\) delete globalThis\[name\]/.exec(guest)?.[1] ?? '';

/** What docs/lit.md has to say of each row, in Lit's column or in ours, as the code has it. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  'accounts, groups, names, usage keys': [`${MAX_ACCOUNTS} accounts`, `${ACCOUNT_ROOM} bytes`, `${MAX_TEXT} bytes`],
  'wallets and keys of actions': ['a secret in that file'],
  'a call costs': ['`--credit`', 'all accounts together'],
  'a new permission takes effect': ['`--settle`'],
  'body of a request': [`${MAX_BODY} bytes`, `${MAX_SHORT_BODY} where`, `nested ${MAX_DEPTH} deep`],
  parameters: [`${DOCUMENTED_LIMITS.maxParamsLength} bytes with`, '`max_params_length`'],
  'calls at once': [['none', 'one', 'two', 'three', 'four'][CALLS_PER_PROCESSOR] ?? '?', `${MAX_WAITING} wait`, '429'],
  hosts: [`Deno ${newest.deno}`, `Deno ${april.deno}`, ...Object.keys(GENERATIONS).filter((name) => name !== 'newest')],
  'other globals of the newest hosts': [
    `removed: ${absent.replaceAll("'", '`')}`, // every one that is taken away, and no other
  ],
  '`Lit.Actions.proxiedFetch`': ['`fetch`'],
  imports: [`${MAX_IMPORTED} bytes in ${MAX_MODULES} modules`],
  'a wallet or group of another account, or none': ['a 500'],
  'requests under another name than localhost': ['403', '`--address`'],
  'endpoints that are missing here': [NOT_HERE.map(code).join(', '), '404'],
  '`get_node_chain_config`': ['`none`'],
  '`version`': ['`tandem local host`', newest.api, `in April ${april.api}`],
};

test('docs/lit.md says how the local Lit server differs from Lit, as the code has it', () => {
  const text = readFileSync(join(root, 'docs/lit.md'), 'utf8');
  const section = /^## The local Lit server\n([\s\S]*?)^## /m.exec(text)?.[1] ?? '';
  const rows = [...section.matchAll(/^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)].map(([, what, lit, here]) => [
    what,
    `${lit} | ${here}`,
  ]);
  const found = Object.fromEntries(rows.filter(([what]) => what !== '|')) as Record<string, string>;
  assert.deepEqual(Object.keys(found).sort(), Object.keys(EXPECTED).sort());
  for (const [what, parts] of Object.entries(EXPECTED)) {
    for (const part of parts) assert.ok(found[what]?.includes(part), `${what}: ${part}`);
  }
});
