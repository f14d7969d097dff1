import * as v from 'valibot';
import { commandLine } from '#command';
import { toBase64 } from '../core/bytes.ts';
import { TandemError } from '../core/errors.ts';
import type { Tandem } from '../core/wasm.ts';
import { ProtocolError, StaleResponseError } from '../errors.ts';
import { type AskOptions, ask, Message } from '../runtime/ask.ts';
import { type Correlation, type CorrelationKey, correlationKey, correlationName } from '../store/correlations.ts';
import { distrustAdvice } from '../store/store.ts';
import type { HostedSigner } from './action.ts';
import type { Opened } from './opened.ts';
import type { OpenShare } from './prepared.ts';

// The set-up of a correlation with the action: once, and again when it has ended.

/** How many set-ups in a row may fail because of the action, before somebody has to ask for another one. */
const MAX_FAILED = 3;

const Answer = v.object({ answer: Message });

/** A correlation that is ready, the key it is sealed with, and how often the action was called for it. */
export interface Ready {
  readonly correlation: Correlation;
  readonly key: CorrelationKey;
  readonly calls: 0 | 1;
}

/**
 * The correlation of a share here with the action: the existing one, or a new one. For the holder of the wallet. The caller
 * clears it.
 *
 * @throws StaleResponseError, ProtocolError: there is none, and nothing is lost; what `ask` throws
 */
export async function readyCorrelation(
  opened: Opened,
  host: HostedSigner,
  { share, known }: OpenShare,
  options: AskOptions & { readonly isAskedFor?: boolean },
): Promise<Ready> {
  const { correlations, info } = opened;
  const key = await correlationKey(share);
  const there = await correlations.read(key, known.index, host.index);
  if (there !== undefined) return { correlation: there, key, calls: 0 };

  const { failedSetUps } = await correlations.note();
  if (failedSetUps >= MAX_FAILED && !options.isAskedFor) {
    throw new ProtocolError(
      `The action of ${info.address} has given ${failedSetUps} wrong answers to set-ups in a row.`,
      {
        next: `${distrustAdvice(opened.store, info.address)} ${commandLine('wallet')} correlate tries once more.`,
      },
    );
  }
  tell(options, 'there is no correlation with the action: one more call makes one, for all signatures from now on');
  const { runtime, wallet, sealed, index: peer, ...action } = host;
  const { session, request } = (await opened.load()).correlateRequest({ hedge: share, peer });
  try {
    const asked = { op: 'correlate' as const, wallet, share: sealed, peer: known.index, request: toBase64(request) };
    const { answer } = await ask(runtime, action, asked, Answer, options);
    const accepting = { share, session, answer, action: peer, known };
    const correlation = await accept(await opened.load(), accepting, () => correlations.countFailedSetUp());
    await keep(opened, key, correlation, options);
    return { correlation, key, calls: 1 };
  } finally {
    session.fill(0);
  }
}

/** Keeps a correlation, and says so if it can only be in memory. */
async function keep(opened: Opened, key: CorrelationKey, correlation: Correlation, options: AskOptions): Promise<void> {
  const { correlations } = opened;
  const wasLasting = correlations.isLasting;
  await correlations.keep(key, correlation);
  if (wasLasting && !correlations.isLasting) tell(options, MEMORY);
}

/** What is said once where the folder of the user's state cannot be written. */
export const MEMORY =
  'the folder for correlations cannot be written (XDG_STATE_HOME): this process keeps its own in memory, the next makes one';

/** Tells a person something unexpected. */
export function tell({ onNotice, onProgress }: AskOptions, what: string): void {
  (onNotice ?? onProgress)?.(what);
}

/**
 * The correlation that an answer to a set-up gives.
 *
 * @param failed called if the answer is the action's, and wrong
 * @throws StaleResponseError, ProtocolError
 */
export async function accept(
  tandem: Tandem,
  {
    share,
    session,
    answer,
    action,
    known,
  }: {
    readonly share: Uint8Array;
    readonly session: Uint8Array;
    readonly answer: Uint8Array;
    readonly action: number;
    readonly known: OpenShare['known'];
  },
  failed: () => Promise<void>,
): Promise<Correlation> {
  try {
    const { correlation: bytes, id } = tandem.correlateAccept({ share, session, answer });
    return { name: correlationName(known, action, id), bytes };
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    if (error.code === 'stale' || error.code === 'input') {
      throw new StaleResponseError("The answer to the set-up is not the action's, or was altered. It was not used.", {
        next: 'sign again: that repeats the set-up.',
        cause: error,
      });
    }
    await failed();
    throw new ProtocolError(
      `The action's answer to the set-up is wrong (${error.message}). No secret was used on it.`,
      {
        next: 'check whether the host runs the action whose source is in the store, and sign again: that repeats the set-up.',
        cause: error,
      },
    );
  }
}
