// Which rule counts; the policies that have a name.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { pad } from 'viem';
import { parseIntent } from '../ts/intent/intent.ts';
import { builtinPolicies } from '../ts/policy/builtin.ts';
import { judge } from '../ts/policy/judge.ts';
import { intents } from './support/intents.ts';
import { bob, message, NOW, pay, payRule, policyOf, verdict } from './support/policies.ts';

test('of a policy the first rule that fits allows, and the one that came closest is named', async () => {
  const policy = policyOf(
    { kind: 'message', prefixes: ['a'] },
    payRule,
    { ...payRule, to: [bob] },
    { kind: 'message', prefixes: 'any' },
  );
  const context = { now: NOW };
  assert.deepEqual(await judge(policy, pay(), context), { allowed: true, rule: 'rule 1' });
  assert.deepEqual(await judge(policy, pay({ to: bob }), context), { allowed: true, rule: 'rule 2' });
  assert.deepEqual(await judge(policy, message('b'), context), { allowed: true, rule: 'rule 3' });
  const refused = await judge(policy, pay({ to: bob, value: 11n }), context);
  assert.deepEqual(refused, {
    allowed: false,
    rule: 'rule 2',
    reason: 'the value 11 is above 10',
    failed: [
      { rule: 'rule 1', reason: `the recipient ${bob.toLowerCase()} is not allowed` },
      { rule: 'rule 2', reason: 'the value 11 is above 10' },
    ],
  });
});

test('a policy without a rule for the kind, or without a rule, refuses', async () => {
  const digest = parseIntent({ kind: 'digest', digest: pad('0x01') });
  const none = { allowed: false, rule: undefined, reason: 'no rule is for raw digests', failed: [] };
  assert.deepEqual(await verdict(payRule, digest), none);
  assert.deepEqual(await judge(policyOf(), digest, { now: NOW }), none);
});

test('judge takes only what the parsers made', async () => {
  await assert.rejects(judge({ version: 1, rules: 'any' }, pay(), { now: NOW }), TypeError);
  await assert.rejects(judge(builtinPolicies.any, { kind: 'message', message: 'x' }, { now: NOW }), TypeError);
});

describe('policies by name', () => {
  test('the policy messages allows every kind except digests and authorizations, any allows all', async () => {
    await fc.assert(
      fc.asyncProperty(intents, async (json) => {
        const intent = parseIntent(json);
        const allowed = intent.kind !== 'digest' && intent.kind !== 'authorization';
        assert.equal((await judge(builtinPolicies.messages, intent, { now: NOW })).allowed, allowed);
        assert.equal((await judge(builtinPolicies.any, intent, { now: NOW })).allowed, true);
        assert.equal((await judge(policyOf(), intent, { now: NOW })).allowed, false);
      }),
      { numRuns: 200, seed: 8 },
    );
  });
});
