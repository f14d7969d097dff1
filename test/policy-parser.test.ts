// What is a policy and what is not; its canonical form, its documentation, its size in an action.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { digestOf, InputError, parseIntentJson } from '../ts/intent/intent.ts';
import { transactionForms } from '../ts/intent/transaction/transaction.ts';
import type { TransactionForm } from '../ts/intent/transaction/type.ts';
import { builtinPolicies } from '../ts/policy/builtin.ts';
import { describePolicy } from '../ts/policy/describe.ts';
import { parsePolicy, parsePolicyJson, policyHash, policyJson } from '../ts/policy/policy.ts';
import {
  alice,
  blocks,
  docs,
  documented,
  payRule,
  permitRule,
  permitType,
  policyOf,
  root,
  wrongCase,
} from './support/policies.ts';

describe('the policy parser', () => {
  const rule = (change: object) => ({ version: 1, rules: [{ name: 'x', ...payRule, ...change }] });
  const call = (signature: string, args?: object) => rule({ calls: [{ function: signature, ...(args && { args }) }] });
  const typed = (change: object) => ({ version: 1, rules: [{ name: 'x', ...permitRule, ...change }] });
  const read = (change: object) =>
    rule({ reads: [{ url: 'https://a.example/', balanceOf: alice, min: '1', ...change }] });
  const refused: { [what: string]: [unknown, RegExp] } = {
    'no policy': [null, /^not what is expected/],
    'another version': [{ version: 2, rules: [] }, /^version: /],
    'a version as text': [{ version: '1', rules: [] }, /^version: /],
    'no rules': [{ version: 1 }, /^rules: /],
    'an unknown key': [{ version: 1, rules: [], x: 1 }, /^x: /],
    'a rule without a name': [{ version: 1, rules: [payRule] }, /rules/],
    'two rules of one name': [
      {
        version: 1,
        rules: [
          { name: 'x', ...payRule },
          { name: 'x', ...permitRule },
        ],
      },
      /^rules\[1\].name: another/,
    ],
    'a rule for digests': [{ version: 1, rules: [{ name: 'x', kind: 'digest' }] }, /rules/],
    'a misspelt bound': [rule({ maxgas: '1' }), /maxgas|rules/],
    'a missing bound': [rule({ maxValue: undefined }), /not a JSON value/],
    'an empty list': [rule({ to: [] }), /rules/],
    'a bound as a number': [rule({ maxValue: 10 }), /rules/],
    'a bound in ether': [rule({ maxValue: '0.1' }), /rules/],
    'a wrong checksum': [rule({ to: [wrongCase] }), /^rules\[0\].to\[0\]: not an address/],
    'a guardian with a wrong checksum': [rule({ guardian: wrongCase }), /^rules\[0\].guardian: /],
    'a time that never comes': [rule({ notBefore: '2', notAfter: '1' }), /^rules\[0\].notAfter: before notBefore/],
    'accessList false': [rule({ accessList: false }), /rules/],
    __proto__: [JSON.parse('{"version":1,"rules":[],"__proto__":{}}'), /^__proto__: /],
    'a function without parentheses': [call('transfer'), /function: no \(/],
    'a function with a space': [call('transfer(address to, uint256 amount)'), /function: an unknown type/],
    uint: [call('transfer(address,uint)'), /function: an unknown type/],
    'arguments without a comma': [call('f(bool a bool b)'), /function: no , or \)/],
    'a function without a name': [call('(bool a)'), /function: no name/],
    'something after a function': [call('transfer(address) returns (bool)'), /function: something after/],
    'two arguments of one name': [call('f(bool a,bool a)'), /function: two arguments/],
    'an argument named __proto__': [call('f(bool __proto__)'), /function: a name that is not allowed/],
    'a constraint for no argument': [call('f(bool a)', { b: { in: [true] } }), /args.b: no field or argument/],
    'a constraint for an argument without a name': [call('f(bool)', { '': { in: [true] } }), /no field or argument/],
    'a constraint that a parser could lose': [
      call('f(bool a)', { a: { in: [true] }, constructor: { in: [false] } }),
      /constructor: not a key that is allowed/,
    ],
    'no constraints': [call('f(bool a)', {}), /args: says nothing/],
    'a constraint that says nothing': [call('f(bool a)', { a: {} }), /args.a: says nothing/],
    'a bound for an address': [call('f(address a)', { a: { max: '1' } }), /args.a.max: does not fit/],
    'a bound that is not of the type': [call('f(uint8 a)', { a: { max: '256' } }), /args.a.max: not from 0 to 255/],
    'a negative bound of an unsigned number': [call('f(uint8 a)', { a: { min: '-1' } }), /args.a.min: not from/],
    'a value of another type': [call('f(address a)', { a: { in: ['5'] } }), /args.a.in\[0\]: not an address/],
    'a list without each': [
      call('f(uint8[] a)', { a: { max: '1' } }),
      /args.a.max: does not fit the type; what does: each/,
    ],
    'a tuple without fields': [call('f((uint8 x) a)', { a: { each: { max: '1' } } }), /args.a.each: does not fit/],
    'a type that is not canonical': [typed({ types: ['Permit(address owner, address spender)'] }), /types/],
    'a type with parts in another order': [
      typed({ types: ['A(C c,B b)C(bool x)B(bool x)'] }),
      /not as EIP-712 encodes/,
    ],
    'a type with text between': [typed({ types: ['A(bool x) B(bool y)'] }), /types/],
    'an atom as type': [typed({ types: ['uint256'] }), /types\[0\]: not a struct/],
    'fields without the type in full': [
      typed({ types: ['Permit'], fields: { value: { max: '1' } } }),
      /fields: needs one type in full/,
    ],
    'fields for any type': [typed({ types: 'any', fields: { value: { max: '1' } } }), /fields: needs one type in full/],
    'fields for two types': [
      typed({ types: [permitType, 'A(bool x)'], fields: { value: { max: '1' } } }),
      /fields: needs one type in full/,
    ],
    'a field that is not there': [typed({ fields: { amount: { max: '1' } } }), /fields.amount: no field/],
    'an empty prefix': [{ version: 1, rules: [{ name: 'x', kind: 'message', prefixes: [''] }] }, /rules/],
    'any delegate': [
      { version: 1, rules: [{ name: 'x', kind: 'authorization', chains: ['1'], delegates: 'any' }] },
      /rules/,
    ],
    'no delegate': [
      { version: 1, rules: [{ name: 'x', kind: 'authorization', chains: ['1'], delegates: [] }] },
      /rules/,
    ],
    'delegates on any chain': [
      { version: 1, rules: [{ name: 'x', kind: 'authorization', chains: 'any', delegates: [alice] }] },
      /rules/,
    ],
    'a URL of http': [read({ url: 'http://a.example/' }), /url: not an https URL/],
    'a URL with a password': [read({ url: 'https://a:b@a.example/' }), /url: not an https URL/],
    'a URL in another form': [read({ url: 'https://A.example' }), /url: not an https URL/],
    'a file': [read({ url: 'file:///etc/passwd' }), /url: not an https URL/],
    'a read of nothing': [read({ balanceOf: undefined }), /not a JSON value/],
    'a read of two things': [read({ call: { to: alice, function: 'f()', args: [] } }), /needs either/],
    'a read without a bound': [rule({ reads: [{ url: 'https://a.example/', balanceOf: alice }] }), /needs min or max/],
    'a read of too long': [read({ timeoutMs: '30001' }), /timeoutMs: not from 1/],
    'a read with text': [
      rule({
        reads: [{ url: 'https://a.example/', call: { to: alice, function: 'f(string)', args: ['x'] }, min: '1' }],
      }),
      /function: takes more than/,
    ],
    'a read with too few arguments': [
      rule({ reads: [{ url: 'https://a.example/', call: { to: alice, function: 'f(bool)', args: [] }, min: '1' }] }),
      /args: not 1 arguments/,
    ],
  };
  for (const [what, [value, message]] of Object.entries(refused)) {
    test(`the policy parser refuses ${what}`, () => {
      assert.throws(
        () => parsePolicy(value),
        (error) => (error instanceof InputError && message.test(error.message)) || assert.fail(String(error)),
      );
    });
  }

  test('the policy parser refuses a repeated key', () => {
    assert.throws(() => parsePolicyJson('{"version":1,"rules":[],"rules":"any"}'), InputError);
  });
});

describe('the canonical form', () => {
  const shuffled = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(shuffled);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, item]) => [key, shuffled(item)] as const);
    return Object.fromEntries(entries.sort(() => Math.random() - 0.5));
  };

  test('the canonical form of a policy is the same in any order of keys, case of addresses, and spacing', () => {
    for (const text of documented) {
      const policy = parsePolicyJson(text);
      const canonical = policyJson(policy);
      for (let i = 0; i < 10; i++) assert.equal(policyJson(parsePolicy(shuffled(JSON.parse(text)))), canonical);
      const lower = text.replace(/"0x[0-9a-fA-F]{40}"/g, (address) => address.toLowerCase());
      assert.equal(policyHash(parsePolicyJson(JSON.stringify(JSON.parse(lower)))), policyHash(policy));
      assert.equal(policyJson(parsePolicyJson(canonical)), canonical);
      assert.ok(Object.isFrozen(policy) && Object.isFrozen(policy.rules) && Object.isFrozen(policy.rules[0]));
    }
  });

  test('the hashes of policies that differ differ', () => {
    const hashes = [
      policyOf(payRule),
      policyOf({ ...payRule, maxValue: '11' }),
      policyOf({ ...payRule, create: 'any' }),
      policyOf(payRule, permitRule),
      policyOf(permitRule, payRule),
      builtinPolicies.any,
      builtinPolicies.messages,
    ].map(policyHash);
    assert.equal(new Set(hashes).size, hashes.length);
  });

  test('the canonical form of the named policies does not change unnoticed: their hashes are in the CIDs of wallets', () => {
    assert.equal(policyJson(builtinPolicies.any), '{"rules":"any","version":1}');
    assert.equal(policyHash(builtinPolicies.any), '0x0d958ee82d85e9af57871553f5eeea101e9c48ab54d18b2eecb626646b69077a');
    assert.equal(
      policyHash(builtinPolicies.messages),
      '0xd866030791f58cca24d07dc7d59f7a379132eb7ac826e9c58d8a818fd12f510c',
    );
  });
});

describe('the documentation', () => {
  test('the examples of the documents are policies and intents', () => {
    assert.equal(documented.length, 7);
    assert.equal(blocks.length - documented.length, 6);
    for (const text of documented) assert.ok(describePolicy(parsePolicyJson(text)).split('\n').length > 4);
    for (const text of blocks.filter((text) => !documented.includes(text))) digestOf(parseIntentJson(text));
  });

  test('docs/intents.md has every type of transaction, with the fields that no other has', () => {
    for (const [type, { fields = {} }] of Object.entries<TransactionForm<never>>(transactionForms)) {
      const row =
        docs.split('\n').find((line) => line.startsWith(`| \`${type}\` |`)) ?? assert.fail(`no row for ${type}`);
      const own = Object.keys(fields).filter((field) => fields[field]?.('0', '') !== undefined);
      for (const field of own) assert.ok(row.includes(`\`${field}\``), `${type}: no ${field}`);
    }
  });

  test('docs/policy.schema.json is the JSON Schema of the parser', () => {
    const { stdout } = spawnSync(process.execPath, ['--import', 'tsx', 'scripts/policy-schema.ts'], {
      cwd: root,
      encoding: 'utf8',
    });
    const published = readFileSync(new URL('../docs/policy.schema.json', import.meta.url), 'utf8');
    assert.deepEqual(JSON.parse(stdout), JSON.parse(published), 'npx tsx scripts/policy-schema.ts prints the new one');
  });
});

test('intent and policy take at most 100 KB of an action, gzipped 35 KB, and no code from strings', async () => {
  const contents = `
    import { digestOf, parseIntentJson } from './ts/intent/intent.ts';
    import { judge } from './ts/policy/judge.ts';
    import { parsePolicy, policyHash } from './ts/policy/policy.ts';
    export { digestOf, judge, parseIntentJson, parsePolicy, policyHash };`;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    // viem knows of WebSockets, which Node has in a package of its own.
    conditions: ['deno'],
    target: 'es2022',
    charset: 'ascii',
  });
  const bundle = outputFiles[0]?.contents ?? new Uint8Array(0);
  assert.ok(bundle.length > 0 && bundle.length < 100_000, `${bundle.length} bytes`);
  assert.ok(gzipSync(bundle, { level: 9 }).length < 35_000);
  assert.doesNotMatch(Buffer.from(bundle).toString(), /\beval\b|\bFunction\(|from"node:/);
});
