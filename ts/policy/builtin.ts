import { type Policy, parsePolicy, policyHash } from './policy.ts';

/**
 * The policies that have a name:
 * - `messages`: messages, typed data and transactions of every kind; no raw digests, no authorizations of a delegate
 * - `any`: everything, raw digests too, and so anything that has a digest
 */
export const builtinPolicies: { readonly messages: Policy; readonly any: Policy } = {
  messages: parsePolicy({
    version: 1,
    rules: [
      { name: 'messages', kind: 'message', prefixes: 'any' },
      { name: 'typed data', kind: 'typedData', domains: 'any', types: 'any' },
      {
        name: 'transactions',
        kind: 'transaction',
        chains: 'any',
        to: 'any',
        maxValue: 'any',
        maxFee: 'any',
        calls: 'any',
        create: 'any',
        accessList: 'any',
        maxBlobs: 'any',
        delegates: 'any',
      },
    ],
  }),
  any: parsePolicy({ version: 1, rules: 'any' }),
};

/** The name of a policy in wallet.json: its own name if it has one, otherwise its hash. */
export function policyName(policy: Policy): string {
  const hash = policyHash(policy);
  return Object.entries(builtinPolicies).find(([, builtin]) => policyHash(builtin) === hash)?.[0] ?? hash;
}
