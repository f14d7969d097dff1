// Intents, rules and what is asked of them, for all tests of policies.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { encodeFunctionData, getAddress, type Hex, parseAbi } from 'viem';
import { transactionIntent } from '../../ts/intent/from.ts';
import { type Intent, parseIntent } from '../../ts/intent/intent.ts';
import { type Context, judge, type Verdict } from '../../ts/policy/judge.ts';
import { parsePolicy } from '../../ts/policy/policy.ts';

export const alice = getAddress(`0x${'a1'.repeat(20)}`);
export const bob = getAddress(`0x${'b0'.repeat(20)}`);
export const mallory = getAddress(`0x${'66'.repeat(20)}`);
export const token = getAddress(`0x${'70'.repeat(20)}`);
/** Alice's address with its first letter in the other case. */
export const wrongCase = alice.replace(/[a-f]/i, (char) =>
  char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase(),
);
export const NOW = 1_800_000_000;
export const root = fileURLToPath(new URL('../..', import.meta.url));

export const abi = parseAbi([
  'function transfer(address to,uint256 amount)',
  'function approve(address spender,uint256 amount)',
  'function pause()',
  'function execTransaction(address to,uint256 value,bytes data,uint8 operation)',
  'function multicall(bytes[] calls)',
  'function batch((address to,uint256 amount)[] payments,bool strict)',
  'function swap((address tokenIn,address tokenOut,uint24 fee,int256 limit) params)',
  'function note(string text,bytes4 tag,bytes data)',
]);
export const transfer = (to: Hex, amount: bigint) =>
  encodeFunctionData({ abi, functionName: 'transfer', args: [to, amount] });

/** A transaction intent of type eip1559 (or as `change` says) that pays alice. */
export function pay(change: object = {}): Intent {
  return transactionIntent({
    type: 'eip1559',
    chainId: 1,
    nonce: 0,
    gas: 21_000n,
    maxFeePerGas: 10n,
    maxPriorityFeePerGas: 1n,
    to: alice,
    value: 5n,
    ...change,
  });
}
export const message = (text: unknown) => parseIntent({ kind: 'message', message: text });
export const authorization = (change: object = {}) =>
  parseIntent({ kind: 'authorization', authorization: { chainId: '1', address: alice, nonce: '0', ...change } });
export const blobs = (n: number) => Array.from({ length: n }, () => `0x01${'00'.repeat(31)}`);
export const signedAuthorization = { chainId: 1, address: alice, nonce: 0, yParity: 0, r: '0x01', s: '0x01' };

export const permitTypes = {
  Permit: [
    { name: 'owner', type: 'address' },
    { name: 'spender', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'details', type: 'Detail[]' },
  ],
  Detail: [
    { name: 'note', type: 'string' },
    { name: 'share', type: 'int8' },
  ],
};
export const permitType =
  'Permit(address owner,address spender,uint256 value,Detail[] details)Detail(string note,int8 share)';
export const permitDomain = { name: 'Token', version: '1', chainId: '1', verifyingContract: token };
export const permitMessage = { owner: bob, spender: alice, value: '5', details: [{ note: 'a', share: '-1' }] };
export const permit = (change: object = {}) =>
  parseIntent({
    kind: 'typedData',
    typedData: { domain: permitDomain, types: permitTypes, primaryType: 'Permit', message: permitMessage, ...change },
  });

/**
 * Typed data of a type in full, such as `Mail(address to)`. Fields that are not given are alice, 0, true or nothing.
 */
export function typedOf(type: string, given: object, domain: object): Intent {
  const structs = new Map(
    [...type.matchAll(/(\w+)\(([^()]*)\)/g)].map(([, name = '', fields = '']) => [
      name,
      fields.split(',').map((field) => {
        const [type = '', name = ''] = field.split(' ');
        return { type, name };
      }),
    ]),
  );
  const blanks: { [type: string]: unknown } = { address: alice, bool: true, string: '', bytes: '0x' };
  const blankOf = (type: string): unknown => {
    if (type.endsWith(']')) return [];
    const fields = structs.get(type);
    if (fields !== undefined) return Object.fromEntries(fields.map(({ type, name }) => [name, blankOf(type)]));
    return type === 'bytes32' ? `0x${'00'.repeat(32)}` : (blanks[type] ?? '0');
  };
  const [primaryType = ''] = structs.keys();
  const message = { ...(blankOf(primaryType) as object), ...given };
  const typedData = { domain, types: Object.fromEntries(structs), primaryType, message };
  return parseIntent({ kind: 'typedData', typedData });
}

export const payRule = { kind: 'transaction', chains: ['1'], to: [alice], maxValue: '10', maxFee: 'any' };
export const callRule = { ...payRule, to: [token], maxValue: '0' };
export const permitRule = { kind: 'typedData', domains: [permitDomain], types: [permitType] };

export const policyOf = (...rules: object[]) =>
  parsePolicy({ version: 1, rules: rules.map((rule, i) => ({ name: `rule ${i}`, ...rule })) });

export function verdict(rule: object, intent: Intent, context: Partial<Context> = {}): Promise<Verdict> {
  return judge(policyOf(rule), intent, { now: NOW, ...context });
}

export async function refuses(
  rule: object,
  intent: Intent,
  reason: RegExp,
  context: Partial<Context> = {},
): Promise<void> {
  const result = await verdict(rule, intent, context);
  assert.ok(!result.allowed, 'it was allowed');
  assert.equal(result.rule, 'rule 0');
  assert.match(result.reason, reason);
}

export async function allows(rule: object, intent: Intent, context: Partial<Context> = {}): Promise<void> {
  assert.deepEqual(await verdict(rule, intent, context), { allowed: true, rule: 'rule 0' });
}

/** A rule: what it is about, the rule, an intent that fits, one that does not, and why not. */
export type Case = readonly [what: string, rule: object, fits: Intent, not: Intent, reason: RegExp];

/** Each rule allows what fits, and refuses the other, for that reason. */
export function testRules(kind: string, cases: readonly Case[]): void {
  for (const [what, rule, fits, not, reason] of cases) {
    test(`a rule for ${kind} allows what fits and refuses another: ${what}`, async () => {
      await allows(rule, fits);
      if (reason.source !== '^$') await refuses(rule, not, reason);
    });
  }
}

/** The documentation of policies and intents. */
export const docs = ['policies', 'policy-reference', 'policy-budgets', 'intents']
  .map((name) => readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8'))
  .join('\n');
/** The JSON in it, and of that the policies. */
export const blocks: readonly string[] = [...docs.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text = '']) => text);
export const documented: readonly string[] = blocks.filter((text) => text.includes('"rules"'));
