import { TandemError } from '../core/errors.ts';
import type { Dkls23Step, Messages, Signature, Tandem } from '../core/wasm.ts';
import { ProtocolError } from './errors.ts';

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
