import * as v from 'valibot';
import { TandemError } from '../core/errors.ts';
import type { Hex } from '../core/evm.ts';
import type { Dkls23Step, Messages, Signature, Tandem } from '../core/wasm.ts';
import { ProtocolError, UsageError } from '../errors.ts';
import { type AskOptions, ask, base64, fromBase64, Message } from '../runtime/ask.ts';
import type { Action, Limits, Runtime } from '../runtime/types.ts';

// A signature in three rounds between signers on this machine and, if it is one of them, the wallet's action.

/** What is signed, by whom: the same for all signers. */
export interface Terms {
  /** The indices of all signers, ascending. */
  readonly signers: readonly number[];
  readonly digest: Uint8Array;
  readonly path: string;
}

/** The action as a signer: three rounds in two calls. */
export interface RemoteSigner {
  readonly index: number;
  /** The first call: the others' first messages. */
  join(round1: Messages): Promise<{ round1: Uint8Array; round2: Uint8Array }>;
  /** The second call: their second ones. */
  finish(round2: Messages): Promise<Uint8Array>;
}

/**
 * Plays a signature to its end. No share is harmed by one that fails: it is begun anew, with other sessions.
 *
 * @param shares of the signers here, which the caller clears
 * @throws ProtocolError if a signer broke the protocol, which it names; what `remote` throws
 */
export async function runDkls23(
  load: () => Promise<Tandem>,
  shares: ReadonlyMap<number, Uint8Array>,
  terms: Terms,
  remote?: RemoteSigner | undefined,
): Promise<Signature> {
  let signers: Signer[] = [];
  try {
    for (const [index, share] of shares) signers.push(begin(await load(), index, share, terms));
    const relay = await load();
    const round1 = broadcast(signers);
    const theirs = remote && (await remote.join(forParty(relay, remote.index, round1)));
    if (remote && theirs) round1.set(remote.index, theirs.round1);

    signers = signers.map((signer) => advance(signer, round1, (tandem, input) => tandem.dkls23Round2(input)));
    const round2 = broadcast(signers);
    const last = remote && (await remote.finish(forParty(relay, remote.index, round2)));
    if (remote && theirs) round2.set(remote.index, theirs.round2);

    signers = signers.map((signer) => advance(signer, round2, (tandem, input) => tandem.dkls23Round3(input)));
    const round3 = broadcast(signers);
    if (remote && last) round3.set(remote.index, last);

    const [first] = signers;
    if (first === undefined) throw new Error('there is no signer here');
    const { tandem, index, share, step } = first;
    return tandem.dkls23Finish({ share, session: step.session, messages: besides(round3, index) });
  } catch (error) {
    throw error instanceof TandemError ? brokenProtocol(error) : error;
  } finally {
    for (const { step } of signers) step.session.fill(0);
  }
}

/** What to say of a signature that failed in a round. */
export function brokenProtocol(error: TandemError): Error {
  const who = error.party === undefined ? '' : ` by party ${error.party}`;
  return new ProtocolError(`There is no signature: a message${who} was refused (${error.message}).`, {
    next: 'sign again, from the first message on. If that repeats, sign without that party, or see who changes messages.',
    cause: error,
  });
}

interface Signer {
  readonly index: number;
  readonly tandem: Tandem;
  readonly share: Uint8Array;
  readonly step: Dkls23Step;
}

function begin(tandem: Tandem, index: number, share: Uint8Array, terms: Terms): Signer {
  return { index, tandem, share, step: tandem.dkls23Round1({ share, ...terms }) };
}

type Round = (tandem: Tandem, input: { share: Uint8Array; session: Uint8Array; messages: Messages }) => Dkls23Step;

/** Goes on to a signer's next round; the session of the round before is cleared, whatever comes of it. */
function advance({ index, tandem, share, step: { session } }: Signer, messages: Messages, round: Round): Signer {
  try {
    const step = round(tandem, { share, session, messages: besides(messages, index) });
    return { index, tandem, share, step };
  } finally {
    session.fill(0);
  }
}

function broadcast(signers: readonly Signer[]): Map<number, Uint8Array> {
  return new Map(signers.map(({ index, step }) => [index, step.message]));
}

function besides(messages: Messages, index: number): Messages {
  return new Map([...messages].filter(([sender]) => sender !== index));
}

/** Of each message what is for one party. */
function forParty(relay: Tandem, party: number, messages: Messages): Messages {
  return new Map([...messages].map(([sender, message]) => [sender, relay.dkls23For(party, message)]));
}

/** An action that is to sign, where it runs, and its sealed share. */
export interface HostedSigner extends Action {
  readonly runtime: Runtime;
  readonly index: number;
  /** At the host. */
  readonly wallet: string;
  readonly sealed: string;
}

const Joined = v.object({ session: v.string(), messages: v.object({ round1: Message, round2: Message }) });
const Finished = v.object({ message: Message });

/** The most bytes that a message of round 1 or 2 has for one receiver, with what else there is in it. */
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
  { runtime, index, wallet, sealed, ...action }: HostedSigner,
  job: { intent: string; path: string; account: Hex; root?: string; signers: number[]; approval?: string | undefined },
  options: AskOptions,
): RemoteSigner {
  const { approval, ...rest } = job;
  const common = { wallet, share: sealed };
  const begin = { op: 'dkls23Join' as const, ...common, ...rest, ...(approval !== undefined && { approval }) };
  let session = '';
  return {
    index,
    join: async (round1) => {
      assertFits(await runtime.limits(), job.signers.length - 1, JSON.stringify(begin).length);
      options.onProgress?.('first call of the action: it takes part');
      const joined = await ask(runtime, action, { ...begin, messages: encodeAll(round1) }, Joined, options);
      session = joined.session;
      return { round1: fromBase64(joined.messages.round1), round2: fromBase64(joined.messages.round2) };
    },
    finish: async (round2) => {
      options.onProgress?.('second call of the action: its share of the signature');
      const finish = { op: 'dkls23Finish' as const, ...common, session, messages: encodeAll(round2) };
      const { message } = await ask(runtime, action, finish, Finished, options);
      session = '';
      return fromBase64(message);
    },
  };
}

function encodeAll(messages: Messages): Record<string, string> {
  return Object.fromEntries([...messages].map(([index, message]) => [String(index), base64(message)]));
}

/** docs/protocol.md has the arithmetic: no coding makes it fit 64 KB with two others. */
function assertFits({ maxParamsLength, maxResponseLength }: Limits, others: number, rest: number): void {
  const inBase64 = (bytes: number) => Math.ceil(bytes / 3) * 4;
  const params = rest + SESSION + others * inBase64(MESSAGE2);
  const answer = SESSION + others * inBase64(MESSAGE1 + MESSAGE2);
  if (params <= maxParamsLength && answer <= maxResponseLength) return;
  throw new UsageError(
    `With ${others} other signers the action needs parameters of ${params} bytes and an answer of ${answer}, ` +
      `where the host takes ${maxParamsLength} and ${maxResponseLength}.`,
    { next: 'sign with the shares of people (--recovery), or at a host that takes more.' },
  );
}
