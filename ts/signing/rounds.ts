import * as v from 'valibot';
import { loadTandem } from '#load';
import { decodeCbor } from '../core/cbor.ts';
import { TandemError } from '../core/errors.ts';
import { fromHex, parsePath } from '../core/evm.ts';
import type { ShareInfo, Tandem } from '../core/wasm.ts';
import { UsageError } from '../errors.ts';
import { digestOf, type Intent, intentJson, parseIntentJson } from '../intent/intent.ts';
import type { Key } from '../store/age.ts';
import {
  assertCurrent,
  checkShare,
  findWallet,
  holdWallet,
  localParties,
  readShare,
  readWallet,
  type Store,
  type WalletInfo,
} from '../store/store.ts';
import { brokenProtocol } from './dkls23.ts';
import { addressAt } from './opened.ts';
import { forget, keep, readSession, type Session, sessionFile } from './rounds-session.ts';
import { type Signed, type SignedTransaction, signedBy } from './signed.ts';

// A signature by dkls23 between people on different machines, who pass messages by any channel: a step for each round.
// The session is deleted, durably, before the resulting message leaves. So a step that fails ends the signature for this
// party.

/** Which party of which wallet signs. */
export interface RoundsOptions {
  readonly store: Store;
  /** The wallet's address; may be left out if the store has only one. */
  readonly id?: string | undefined;
  /** The party that signs here; by default the first whose share is here. */
  readonly party?: number | undefined;
  /** Starts a fresh wasm instance; by default of build/tandem.wasm. */
  readonly load?: (() => Promise<Tandem>) | undefined;
}

/** The result of a step: a message for all other signers. */
export interface Sent {
  readonly round: 1 | 2 | 3;
  readonly party: number;
  /** The signers whose messages of this round the next step needs. */
  readonly waitingFor: number[];
  readonly message: Uint8Array;
}

/** The longest message: of round 2, for 15 others. */
export const MESSAGE_LIMIT = 700_000;

/**
 * The first step. Each signer names what is signed and who signs, independently. If a signature of this party is under way, it
 * is given up.
 *
 * @throws UsageError, InputError, StoreError
 */
export async function beginRounds(
  options: RoundsOptions & { readonly signers: readonly number[]; readonly intent: Intent; readonly path?: string },
): Promise<Sent> {
  const { store, intent, path = 'm', load = loadTandem } = options;
  const signers = [...options.signers].sort((a, b) => a - b);
  return held(options, async (info, party) => {
    const key = await store.key('any', sessionFile(party));
    const share = await readShare(store, info, party);
    try {
      const tandem = await load();
      checkShare(store, info, party, tandem.shareInfo(share));
      const step = tandem.dkls23Round1({ share, signers, digest: fromHex(digestOf(intent)), path });
      const { address: wallet, keyId } = info;
      const begun = { version: 1, wallet, keyId, party, round: 1, signers, intent: intentJson(intent), path } as const;
      await keep(store, info, { ...begun, session: step.session }, key);
      return { round: 1, party, waitingFor: besides(signers, party), message: step.message };
    } catch (error) {
      if (error instanceof TandemError && error.code === 'input') throw new UsageError(`${error.message}.`);
      throw error;
    } finally {
      share.fill(0);
    }
  });
}

export interface StepOptions extends RoundsOptions {
  /** The messages of the other signers in the previous round. */
  readonly messages: readonly Uint8Array[];
}

/**
 * Rounds 2 and 3. First checks that all messages are there. From then on the session is used up.
 *
 * @throws UsageError, StoreError; ProtocolError if a message was refused, with its sender: this signature cannot be finished
 */
export async function nextRound(options: StepOptions): Promise<Sent> {
  const { store } = options;
  return held(options, (info, party) =>
    resumed(options, info, party, async ({ session, key, input, tandem }) => {
      const { round, signers } = session;
      if (round === 3)
        throw new UsageError('All rounds are done here.', { next: 'finish, with the files of round 3.' });
      await forget(store, info, party);
      const step = round === 1 ? tandem.dkls23Round2(input) : tandem.dkls23Round3(input);
      const next = round === 1 ? 2 : 3;
      await keep(store, info, { ...session, round: next, session: step.session }, key);
      return { round: next, party, waitingFor: besides(signers, party), message: step.message };
    }),
  );
}

/** The signature, from the messages of round 3. @throws as {@link nextRound} does */
export async function finishRounds(options: StepOptions): Promise<Signed | SignedTransaction> {
  const start = performance.now();
  return held(options, (info, party) =>
    resumed(options, info, party, async ({ session, input, tandem, known }) => {
      if (session.round !== 3)
        throw new UsageError('Not all rounds are done.', { next: 'next, with the newest files.' });
      await forget(options.store, info, party);
      const parts = tandem.dkls23Finish(input);
      const address = addressAt(known, parsePath(session.path));
      return signedBy(parseIntentJson(session.intent), parts, { address, protocol: 'dkls23', calls: 0, start });
    }),
  );
}

interface Resumed {
  readonly session: Session;
  /** For sealing the next session. */
  readonly key: Key;
  readonly input: { share: Uint8Array; session: Uint8Array; messages: Map<number, Uint8Array> };
  readonly tandem: Tandem;
  readonly known: ShareInfo;
}

/** Opens the session and the share for a step, and clears both after it. */
async function resumed<T>(
  { store, messages, load = loadTandem }: StepOptions,
  info: WalletInfo,
  party: number,
  step: (resumed: Resumed) => Promise<T>,
): Promise<T> {
  const { session, key } = await readSession(store, info, party);
  let share: Uint8Array = new Uint8Array();
  try {
    const all = sorted(messages, session);
    share = await readShare(store, info, party);
    const tandem = await load();
    const known = tandem.shareInfo(share);
    checkShare(store, info, party, known);
    return await step({ session, key, input: { share, session: session.session, messages: all }, tandem, known });
  } catch (error) {
    throw error instanceof TandemError ? brokenProtocol(error) : error;
  } finally {
    share.fill(0);
    session.session.fill(0);
  }
}

/** Runs a step with the wallet held, for the party that signs here. */
async function held<T>(options: RoundsOptions, step: (info: WalletInfo, party: number) => Promise<T>): Promise<T> {
  const { store } = options;
  const info = await readWallet(store, await findWallet(store, options.id));
  const local = info.parties.filter(({ role }) => role !== 'action').map(({ index }) => index);
  const [first] = await localParties(store, info);
  const party = options.party ?? first?.index ?? local[0];
  if (party === undefined || !local.includes(party)) throw new UsageError(`Party ${party} has no share file here.`);
  const hold = await holdWallet(store, info.address);
  try {
    await assertCurrent(store, info);
    return await step(info, party);
  } finally {
    hold.release();
  }
}

/** The messages of a round by sender: one from each other signer, and no others. @throws UsageError */
function sorted(messages: readonly Uint8Array[], { round, signers, party }: Session): Map<number, Uint8Array> {
  const all = new Map<number, Uint8Array>();
  for (const message of messages) {
    const { kind, from } = headOf(message);
    if (kind !== `dkls23/${round}`)
      throw new UsageError(`A message ${kind} was given; those of round ${round} are needed.`);
    if (from === party) continue;
    if (!signers.includes(from)) throw new UsageError(`Party ${from} is not one of the signers.`);
    if (all.has(from)) throw new UsageError(`Two messages of party ${from} were given.`);
    all.set(from, message);
  }
  const missing = besides(signers, party).filter((index) => !all.has(index));
  if (missing.length > 0) {
    throw new UsageError(`The message of round ${round} of party ${missing.join(', ')} is missing.`);
  }
  return all;
}

/** The kind that a message states, and its sender. @throws UsageError if it is not a message */
function headOf(message: Uint8Array): { kind: string; from: number } {
  try {
    const fields = decodeCbor(message) as Map<number, unknown>;
    const head = { kind: fields.get(2), from: fields.get(3) };
    return v.parse(v.object({ kind: v.pipe(v.string(), v.startsWith('dkls23/')), from: v.number() }), head);
  } catch (cause) {
    throw new UsageError('A file was given that is not a message of dkls23.', { cause });
  }
}

function besides(signers: readonly number[], party: number): number[] {
  return signers.filter((index) => index !== party);
}
