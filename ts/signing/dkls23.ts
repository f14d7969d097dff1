import { TandemError } from '../core/errors.ts';
import type { Dkls23Step, Messages, ShareInfo, Signature, Tandem } from '../core/wasm.ts';
import { ProtocolError, UsageError } from '../errors.ts';
import { localParties, type Store, type WalletInfo } from '../store/store.ts';
import { hostedAction } from './action.ts';
import { actionSigner, type RemoteSigner } from './dkls23-action.ts';
import { holdOpened } from './hold.ts';
import { isWithoutAction, type Job, rootFor, type SignOptions } from './job.ts';
import { addressAt, type Opened, openShare, theParty } from './opened.ts';
import { type Signed, type SignedTransaction, signedBy } from './signed.ts';

// A signature in three rounds between signers on this machine and, if it is one of them, the wallet's action.

/** Signs by dkls23: with shares that are here, and the action if it is one of the signers. */
export async function signByDkls23(
  opened: Opened,
  job: Job,
  options: SignOptions,
): Promise<(Signed | SignedTransaction)[]> {
  const start = performance.now();
  const { store, info, load } = opened;
  const { items, path, steps } = job;
  const [item, ...more] = items;
  if (item === undefined || more.length > 0) throw new UsageError('With dkls23 one thing is signed at a time.');
  const { intent, text, digest } = item;
  const { approval } = options;
  const isRecovery = isWithoutAction(info, options);
  const host = isRecovery ? undefined : await interactiveAction(opened);
  const here = await signersHere(store, info, host ? info.threshold - 1 : info.threshold);
  const signers = (host ? [...here, host.index] : here).sort((a, b) => a - b);

  const hold = await holdOpened(opened, { signal: options.signal, isRecovery });
  const shares = new Map<number, Uint8Array>();
  try {
    const known: ShareInfo[] = [];
    for (const index of here) {
      const opening = await openShare(opened, index);
      shares.set(index, opening.share);
      known.push(opening.known);
    }
    const [first] = known as [ShareInfo];
    const account = addressAt(first, steps);
    const remote =
      host &&
      actionSigner(host, { intent: text, path, account, ...rootFor(info, path, approval), signers, approval }, options);
    options.onProgress?.('signing');
    const parts = await runDkls23(load, shares, { signers, digest, path }, remote);
    return [signedBy(intent, parts, { address: account, protocol: 'dkls23', calls: host ? 2 : 0, start })];
  } finally {
    for (const share of shares.values()) share.fill(0);
    hold.release();
  }
}

/** The action as a signer by dkls23. @throws UsageError if that was not allowed when the wallet was made */
async function interactiveAction(opened: Opened): ReturnType<typeof hostedAction> {
  const { info } = opened;
  if (info.action?.interactive === true) return hostedAction(opened);
  throw new UsageError('The action of this wallet does not sign by dkls23.', {
    next:
      'sign by dkls18, or with --recovery. An action forgets, so between the two calls of dkls23 this machine keeps what the ' +
      'action must remember. An attacker here who sends that twice gets the whole key: docs/security.md#the-attack says how, ' +
      'and "the attack" in test/dkls23.test.ts does it. So dkls23 needs a wallet that was made with --allow-interactive.',
  });
}

/** Who signs here: the hot party, and cold parties, first those whose share is here. */
async function signersHere(store: Store, info: WalletInfo, count: number): Promise<number[]> {
  const here = await localParties(store, info);
  const cold = info.parties.filter(({ role }) => role === 'cold');
  cold.sort((a, b) => Number(here.includes(b)) - Number(here.includes(a)));
  return [theParty(info, 'hot'), ...cold].slice(0, count).map(({ index }) => index);
}

/** What is signed, by whom: the same for all signers. */
interface Terms {
  /** The indices of all signers, ascending. */
  readonly signers: readonly number[];
  readonly digest: Uint8Array;
  readonly path: string;
}

/**
 * Plays a signature to its end. A failed signature harms no share: begin it again, with other sessions.
 *
 * @param shares of the signers here, which the caller clears
 * @throws ProtocolError if a signer broke the protocol, which it names; what `remote` throws
 */
async function runDkls23(
  load: () => Promise<Tandem>,
  shares: ReadonlyMap<number, Uint8Array>,
  terms: Terms,
  remote: RemoteSigner | undefined,
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

/** The error for a signature that failed in a round. */
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

/** Takes a signer to its next round. The session of the round before is cleared, whether or not this succeeds. */
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

/** The part of each message that is for one party. */
function forParty(relay: Tandem, party: number, messages: Messages): Messages {
  return new Map([...messages].map(([sender, message]) => [sender, relay.dkls23For(party, message)]));
}
