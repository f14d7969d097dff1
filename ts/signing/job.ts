import { fromHex, type Hex, parsePath } from '../core/evm.ts';
import { UsageError } from '../errors.ts';
import { digestOf, type Intent, intentJson } from '../intent/intent.ts';
import { MAX_SIGNATURES } from '../protocol/cosigner.ts';
import type { AskOptions } from '../runtime/ask.ts';
import type { WalletInfo } from '../store/store.ts';
import type { Protocol } from './signed.ts';

// The first two steps: what is signed, and what the policy needs to judge it.

export interface SignOptions extends AskOptions {
  /** Sign with the hot and cold shares, all here, instead of the action. */
  readonly recovery?: boolean | undefined;
  /** Sign with the key at this path of non-hardened BIP32 steps; default `m`, the wallet's own. */
  readonly path?: string | undefined;
  /** Give up after this time, with a TimeoutError. */
  readonly timeoutMs?: number | undefined;
  /** A guardian's signature of {@link approvalText}, for a policy with a rule that requires one. */
  readonly approval?: Hex | undefined;
  /**
   * `onecall`, between the hot share and the action: the default if both know it. `dkls18`, between two shares: the default for
   * recovery and for actions of version 0.1.0. `dkls23`, in three rounds between as many signers as the threshold: the default if
   * that is above 2. With the action, dkls23 is possible only if it was allowed when the wallet was made.
   */
  readonly protocol?: Protocol | undefined;
}

/** What is signed, as both sides of a protocol get it. */
export interface Job {
  readonly items: readonly Item[];
  readonly path: string;
  readonly steps: readonly number[];
}

export interface Item {
  readonly intent: Intent;
  /** As the action gets it. */
  readonly text: string;
  readonly digest: Uint8Array;
}

/** @throws UsageError, InputError */
export function jobOf(intents: readonly Intent[], { path = 'm' }: Pick<SignOptions, 'path'>): Job {
  if (intents.length < 1 || intents.length > MAX_SIGNATURES) {
    throw new UsageError(
      `${intents.length} signatures at a time are not possible; choose from 1 to ${MAX_SIGNATURES}.`,
    );
  }
  const items = intents.map((intent) => ({ intent, text: intentJson(intent), digest: fromHex(digestOf(intent)) }));
  return { items, path, steps: parsePath(path) };
}

/** Whether the action takes no part in signing: it is not asked for, or there is none. */
export function isWithoutAction({ action }: WalletInfo, { recovery }: Pick<SignOptions, 'recovery'>): boolean {
  return recovery === true || action === undefined;
}

/** A guardian approves for the wallet's own address. The action does not know it if the key at a path signs, so it is sent. */
export function rootFor({ address, action }: WalletInfo, path: string, approval: Hex | undefined): { root?: string } {
  return path !== 'm' && approval !== undefined && action?.format !== undefined ? { root: address } : {};
}
