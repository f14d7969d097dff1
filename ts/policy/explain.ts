import { describeIntent, fieldLines } from '../intent/describe.ts';
import type { Intent, TypedDataIntent } from '../intent/intent.ts';
import type { Transaction } from '../intent/transaction/transaction.ts';
import { encodeType, type Value } from '../intent/types.ts';
import { decodeArguments, parseFunction } from './abi.ts';
import { placesInCall, typedEffects } from './effects.ts';
import type { Policy } from './schema.ts';
import { inUnits, tokenAt } from './tokens.ts';

/** What tokens have, whatever a policy says. */
const KNOWN = [
  'transfer(address to,uint256 amount)',
  'transferFrom(address from,address to,uint256 amount)',
  'approve(address spender,uint256 amount)',
];

/**
 * An intent in words, as {@link describeIntent} has it; what its data calls, if that is a function of the policy or of every token; and
 * its amount in units, of a token that has a name here. What a contract does is for the contract to say.
 */
export function explainIntent(policy: Policy, intent: Intent): string {
  const more =
    intent.kind === 'transaction'
      ? describeCall(policy, intent.transaction)
      : intent.kind === 'typedData'
        ? describeAmount(intent.typedData)
        : undefined;
  return [describeIntent(intent), ...(more === undefined ? [] : [more])].join('\n');
}

function describeAmount({ domain, types, primaryType, message }: TypedDataIntent['typedData']): string | undefined {
  const type = encodeType(types, primaryType);
  const effect = typedEffects.find((effect) => effect.type === type && effect.isCoin === undefined);
  const address = effect?.token === undefined ? domain.verifyingContract : at(message, effect.token);
  const token = tokenAt(String(domain.chainId), String(address));
  const amount = effect && at(message, effect.amount);
  return token === undefined || typeof amount !== 'bigint' ? undefined : `  that is ${inUnits(amount, token)}`;
}

function describeCall(policy: Policy, { chainId, to, data }: Transaction): string | undefined {
  if (to === null || data.length < 10) return undefined;
  const rules = policy.rules === 'any' ? [] : policy.rules;
  const named = rules.flatMap((rule) => (rule.kind === 'transaction' && Array.isArray(rule.calls) ? rule.calls : []));
  for (const signature of [...named.map((call) => call.function), ...KNOWN]) {
    const parsed = parseFunction(signature, '');
    if (data.slice(0, 10) !== parsed.selector) continue;
    const values = decodeArguments(parsed, data);
    if (values === undefined) continue;
    const { amount, token: path } = placesInCall({ function: signature }) ?? {};
    const token = tokenAt(String(chainId), path === undefined ? to : String(at(values, path)));
    const moved = amount === undefined ? undefined : at(values, amount);
    const units = token === undefined || typeof moved !== 'bigint' ? [] : [`that is ${inUnits(moved, token)}`];
    return [`It calls ${signature}`, ...[...fieldLines(values, ''), ...units].map((line) => `  ${line}`)].join('\n');
  }
  return undefined;
}

function at(value: Value | undefined, path: string): Value | undefined {
  return path
    .split('.')
    .reduce<Value | undefined>(
      (inner, name) =>
        typeof inner === 'object' && !Array.isArray(inner) ? (inner as { [name: string]: Value })[name] : undefined,
      value,
    );
}
