import * as v from 'valibot';
import type { Address, Hex } from 'viem';
import { hashMessage } from 'viem/utils';
import { assertParsed as assertIntent, type Intent, intentJson, type MessageIntent } from '../intent/intent.ts';
import { Address as AnyAddress, AnyHex, Hex as LowerHex } from '../protocol/schema.ts';
import type { Facts } from './constraint.ts';
import { type Check, checkAuthorization, checkMessage, checkTransaction, checkTypedData } from './kinds.ts';
import { assertParsed, policyHash } from './policy.ts';
import { type Fetch, readChain } from './reads.ts';
import type { ChainRead, Policy, Rule } from './schema.ts';

/** What a judgement may depend on besides policy and intent. A rule that needs something missing here does not allow. */
export interface Context {
  /** The host's clock: seconds since 1970. */
  readonly now: number;
  /**
   * The address whose key would sign: rules may read its balances. It may be the client's word, but then the signer must
   * check it against the share first.
   */
  readonly account?: string | undefined;
  /** The path of that key, by default `m`, and at another one the wallet's own address, which is checked in the same way. */
  readonly path?: string | undefined;
  readonly root?: string | undefined;
  /** A guardian's signature (65 bytes) of {@link approvalText} as a message (EIP-191). */
  readonly approval?: string | undefined;
  /** Recovers the address whose key made a signature of 65 bytes. */
  readonly recover?: ((digest: Hex, signature: Hex) => Promise<string> | string) | undefined;
  readonly fetch?: Fetch | undefined;
  /** Called with every number that a rule read. */
  readonly onRead?: ((value: bigint) => void) | undefined;
}

/** What a policy says of an intent: the name of the rule that allows it, or why none does. */
export type Verdict = { readonly allowed: true; readonly rule: string } | Refusal;

export interface Refusal {
  readonly allowed: false;
  /** The rule that came closest; undefined if there is none for this kind of intent. */
  readonly rule: string | undefined;
  /** What failed there. It depends on policy, intent and context alone: it is not secret. */
  readonly reason: string;
  /** Every rule for this kind of intent, in their order. */
  readonly failed: readonly { readonly rule: string; readonly reason: string }[];
}

const kindNames = {
  message: 'messages',
  typedData: 'typed data',
  transaction: 'transactions',
  authorization: 'authorizations of a delegate',
  digest: 'raw digests',
};

/**
 * Judges an intent: the first rule that it fits in every respect allows it; otherwise it is refused. A check that cannot be
 * made, because there is no chain or clock, fails.
 */
export async function judge(policy: Policy, intent: Intent, context: Context): Promise<Verdict> {
  assertParsed(policy);
  assertIntent(intent);
  if (policy.rules === 'any') return { allowed: true, rule: 'any' };

  const failed: { rule: string; reason: string }[] = [];
  let closest: { rule: string; reason: string; passed: number } | undefined;
  for (const rule of policy.rules) {
    if (rule.kind !== intent.kind) continue;
    const failure = await apply(policy, rule, intent, context);
    if (failure === undefined) return { allowed: true, rule: rule.name };
    failed.push({ rule: rule.name, reason: failure.reason });
    if (closest === undefined || failure.passed > closest.passed) closest = { rule: rule.name, ...failure };
  }
  const reason = closest?.reason ?? `no rule is for ${kindNames[intent.kind]}`;
  return { allowed: false, rule: closest?.rule, reason, failed };
}

/** What failed, and after how many checks; undefined if nothing did. */
async function apply(policy: Policy, rule: Rule, intent: Intent, context: Context) {
  let passed = 0;
  try {
    for (const check of checks(policy, rule, intent, context)) {
      const reason = await check;
      if (reason !== false) return { reason, passed };
      passed += 1;
    }
    return undefined;
  } catch (error) {
    return { reason: `a check failed: ${error instanceof Error ? error.message : 'unknown error'}`, passed };
  }
}

/** The checks of a rule, each made only when the one before it has passed; what takes time comes last. */
function* checks(policy: Policy, rule: Rule, intent: Intent, context: Context): Generator<Check | Promise<Check>> {
  yield* checkKind(rule, intent, { now: context.now, account: addressOf(context.account) });
  yield checkTime(rule, context.now);
  if (rule.guardian !== undefined) yield checkApproval(policy, rule.guardian, intent, context);
  for (const read of rule.reads ?? []) yield checkChain(read, context);
}

function* checkKind(rule: Rule, intent: Intent, facts: Facts): Generator<Check> {
  if (rule.kind === 'message' && intent.kind === 'message') yield* checkMessage(rule, intent.message);
  else if (rule.kind === 'typedData' && intent.kind === 'typedData')
    yield* checkTypedData(rule, intent.typedData, facts);
  else if (rule.kind === 'transaction' && intent.kind === 'transaction')
    yield* checkTransaction(rule, intent.transaction, facts);
  else if (rule.kind === 'authorization' && intent.kind === 'authorization') {
    yield* checkAuthorization(rule, intent.authorization, facts);
  } else yield 'the rule is for another kind of intent';
}

function checkTime({ notBefore, notAfter }: Rule, now: number): Check {
  if (notBefore === undefined && notAfter === undefined) return false;
  if (!Number.isSafeInteger(now)) return 'the time is not known';
  if (notBefore !== undefined && BigInt(now) < BigInt(notBefore)) return `not valid before ${notBefore}`;
  return notAfter !== undefined && BigInt(now) > BigInt(notAfter) && `not valid after ${notAfter}`;
}

async function checkApproval(policy: Policy, guardian: string, intent: Intent, context: Context): Promise<Check> {
  const { approval, recover, path = OWN } = context;
  const account = addressOf(context.account);
  const root = context.root === undefined && path === OWN ? account : addressOf(context.root);
  if (guardian === account || guardian === root) return `the guardian ${guardian} is the account itself`;
  if (approval === undefined) return `the approval of the guardian ${guardian} is missing`;
  if (recover === undefined || root === undefined) return 'an approval cannot be checked here';
  if (!v.is(AnyHex(65), approval)) return 'the approval is not a signature of 65 bytes';
  const digest = hashMessage(approvalText(policy, root, intent, path));
  const signer = await recover(digest, approval as Hex);
  return signer.toLowerCase() !== guardian && `the approval is not of the guardian ${guardian} for this intent`;
}

async function checkChain(read: ChainRead, context: Context): Promise<Check> {
  const what = read.call === undefined ? 'the balance' : `${read.call.function.split('(')[0]} of ${read.call.to}`;
  if (context.fetch === undefined) return `${what} cannot be read here`;
  let value: bigint;
  try {
    value = await readChain(read, addressOf(context.account), context.fetch);
  } catch (error) {
    return `${what} could not be read: ${error instanceof Error ? error.message : 'unknown error'}`;
  }
  context.onRead?.(value);
  if (read.min !== undefined && value < BigInt(read.min)) return `${what} is ${value}, below ${read.min}`;
  return read.max !== undefined && value > BigInt(read.max) && `${what} is ${value}, above ${read.max}`;
}

function addressOf(text: string | undefined): Address | undefined {
  return v.is(AnyAddress, text) ? (text.toLowerCase() as Address) : undefined;
}

/** The path of a wallet's own key. */
const OWN = 'm';
const APPROVAL = 'tandem approval';

/**
 * The text that a guardian signs as a message (EIP-191) to approve an intent: for this wallet, for its key at this path, and under
 * this policy only. An approval does not expire. For a transaction, the nonce makes sure that it works only once.
 *
 * The wallet's own key, at `m`, needs no line for its path. So its text is the same as in version 0.1.0. An action of that
 * version knows no paths, and takes the text for a derived address as if it were a wallet's own.
 *
 * @param account the wallet's own address
 */
export function approvalText(policy: Policy, account: Address, intent: Intent, path = OWN): string {
  return [
    APPROVAL,
    `account ${account.toLowerCase()}`,
    ...(path === OWN ? [] : [`path ${path}`]),
    `policy ${policyHash(policy)}`,
    `intent ${intentJson(intent)}`,
  ].join('\n');
}

/** The account that a message is an approval for, in lower-case hex; undefined if it is not an approval. */
export function approvedAccount(message: MessageIntent['message']): string | undefined {
  const text = typeof message === 'string' ? message : textOf(message.raw);
  const [first, second = ''] = text.slice(0, HEAD).split('\n', 2);
  const account = /^account (.*)$/.exec(second)?.[1];
  return first === APPROVAL && v.is(LowerHex(20), account) ? account : undefined;
}

/** More than the first two lines of an approval. */
const HEAD = 100;

/** The first bytes as text, each one character: an approval's first lines are ASCII. */
function textOf(hex: Hex): string {
  return hex.slice(2, 2 + 2 * HEAD).replace(/../g, (byte) => String.fromCharCode(Number.parseInt(byte, 16)));
}
