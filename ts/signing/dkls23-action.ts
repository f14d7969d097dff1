import * as v from 'valibot';
import { byteLength } from '../core/bytes.ts';
import type { Hex } from '../core/evm.ts';
import type { Messages } from '../core/wasm.ts';
import { UsageError } from '../errors.ts';
import { type AskOptions, ask, Message, messageTexts } from '../runtime/ask.ts';
import { fits } from '../runtime/fits.ts';
import type { Limits } from '../runtime/types.ts';
import { excess, type HostedSigner, inBase64 } from './action.ts';

/** The action as a signer by dkls23: three rounds in two calls. */
export interface RemoteSigner {
  readonly index: number;
  /** The first call: the others' first messages. */
  join(round1: Messages): Promise<{ round1: Uint8Array; round2: Uint8Array }>;
  /** The second call: their second ones. */
  finish(round2: Messages): Promise<Uint8Array>;
}

const Joined = v.object({ session: v.string(), messages: v.object({ round1: Message, round2: Message }) });
const Finished = v.object({ message: Message });

/** The most bytes of a message of round 1 or 2: the part for one receiver, and everything else in it. */
const MESSAGE1 = 27_500;
const MESSAGE2 = 41_000;
/** The most characters of a sealed session. */
const SESSION = 4096;

/**
 * The action as a signer of an intent.
 *
 * @throws UsageError, of `join` too, if the host's limits would refuse one of the two calls or its answer
 */
export function actionSigner(
  { runtime, index, wallet, sealed, cid, source }: HostedSigner,
  job: { intent: string; path: string; account: Hex; root?: string; signers: number[]; approval?: string | undefined },
  options: AskOptions,
): RemoteSigner {
  const action = { cid, source };
  const { approval, ...rest } = job;
  const common = { wallet, share: sealed };
  const begin = { op: 'dkls23Join' as const, ...common, ...rest, ...(approval !== undefined && { approval }) };
  let session = '';
  return {
    index,
    join: async (round1) => {
      assertPossible(await runtime.limits(), job.signers.length - 1, byteLength(JSON.stringify(begin)));
      options.onProgress?.('first call of the action: it takes part');
      const joined = await ask(runtime, action, { ...begin, messages: messageTexts(round1) }, Joined, options);
      session = joined.session;
      return { round1: joined.messages.round1, round2: joined.messages.round2 };
    },
    finish: async (round2) => {
      options.onProgress?.('second call of the action: its share of the signature');
      const finish = { op: 'dkls23Finish' as const, ...common, session, messages: messageTexts(round2) };
      const { message } = await ask(runtime, action, finish, Finished, options);
      session = '';
      return message;
    },
  };
}

/** docs/protocol.md has the arithmetic: no coding makes it fit 64 KB with two others. */
function assertPossible(limits: Limits, others: number, rest: number): void {
  const params = rest + SESSION + others * inBase64(MESSAGE2);
  const sizes = { params, response: SESSION + others * inBase64(MESSAGE1 + MESSAGE2) };
  if (fits(sizes, limits)) return;
  throw new UsageError(`With ${others} other signers the call of the action is too long: ${excess(sizes, limits)}.`, {
    next: 'sign with the shares of people (--recovery), or at a host with wider limits.',
  });
}
