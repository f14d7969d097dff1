import { bytesToHex } from '@noble/hashes/utils.js';
import * as v from 'valibot';
import { TandemError } from '../core/errors.ts';
import { loadTandem } from '../core/node.ts';
import type { DealParams, DealStep, ShareInfo, Tandem } from '../core/wasm.ts';
import type { Action, Runtime } from '../runtime/types.ts';
import { type AskOptions, ask, base64, fromBase64, Message } from './ask.ts';
import { ProtocolError, UsageError } from './errors.ts';
import { addressOf, type Hex, toHex } from './evm.ts';
import { draftWallet, type NewWallet, type PartyInfo, type Store, type WalletInfo } from './store.ts';

export interface KeygenOptions extends AskOptions {
  readonly store: Store;
  /** Starts a fresh wasm instance, one for each party here; by default of build/tandem.wasm. */
  readonly load?: (() => Promise<Tandem>) | undefined;
  /** The action that becomes party 2, and where it runs. Without it all parties are here. */
  readonly action?: HostedAction | undefined;
  /** How many shares sign. With more than 2, and an action, it has to be `interactive`. */
  readonly threshold: number;
  /** How many shares there are, from the threshold to 16: 1 is hot, 2 the action's (if there is one), the others cold. */
  readonly parties: number;
  /** Who may ask the action to deal again: the cold share (default, if there is one), a guardian's address, or nobody. */
  readonly authority?: 'cold' | 'none' | Hex | undefined;
  /**
   * Let the action sign by dkls23 as well. Whoever has the hot share's machine then gets the whole key, past the policy:
   * docs/security.md, "Why one call".
   */
  readonly interactive?: boolean | undefined;
}

export interface HostedAction extends Action {
  readonly runtime: Runtime;
  /** What the policy that was built into the action is called, for people. */
  readonly policy: string;
}

const ACTION = 2;
const MAX_PARTIES = 16;

/**
 * Makes a wallet: a key that is dealt so that nobody ever holds it, in two calls of the action. The shares of this machine
 * and the action's sealed one appear in the store together, in one step, once every party has confirmed its share.
 *
 * @returns what is public about the wallet, and how often the action was called
 * @throws UsageError, StoreError, RefusedError, ProtocolError (if a party broke the protocol); RuntimeError of the host
 */
export async function createWallet(options: KeygenOptions): Promise<{ wallet: WalletInfo; calls: number }> {
  const { store, action, threshold, onProgress, signal } = options;
  const interactive = options.interactive === true;
  const parties = planParties(threshold, options.parties, action !== undefined);
  if (threshold > 2 && action !== undefined && !interactive) {
    throw new UsageError(`With a threshold of ${threshold} the action can sign by dkls23 only.`, {
      next:
        'allow it with --allow-interactive (docs/security.md, "Why one call", says what that costs), choose a threshold of 2, ' +
        'or have no action (--runtime none).',
    });
  }
  const authority = authorityOf(options.authority, parties);
  const indices = parties.map((party) => party.index);
  const deal = { kind: 'keygen' as const, threshold, parties: indices, contributors: indices, epoch: 0 };
  const local = parties.filter((party) => party.role !== 'action').map((party) => party.index);

  const draft = await draftWallet(store, local.length);
  try {
    onProgress?.('dealing');
    const here = await Promise.all(local.map((self) => beginLocal(options.load ?? loadTandem, { ...deal, self })));
    const remote =
      action && (await beginRemote(action, { threshold, parties: indices, authority, interactive }, options));

    const round1 = broadcast(here);
    const theirs = await remote?.deal(round1);
    if (theirs) round1.set(ACTION, theirs.round1);

    for (const party of here) advance(party, (session) => party.tandem.dealRound2(session, round1));
    const round2 = broadcast(here);
    if (theirs) round2.set(ACTION, theirs.round2);

    for (const party of here) advance(party, (session) => party.tandem.dealRound3(session, round2));
    const round3 = broadcast(here);
    const confirmed = await remote?.confirm(round2, round3);
    if (confirmed) round3.set(ACTION, confirmed.round3);

    onProgress?.('storing the shares');
    const dealt = here.map((party) => finishLocal(party, round3));
    const shares = new Map(dealt.map(({ share, info }) => [info.index, share]));
    try {
      const held: Held | undefined =
        remote && confirmed ? { ...remote.held, authority, interactive, sealed: confirmed.share } : undefined;
      const wallet = describe(
        dealt.map(({ info }) => info),
        parties,
        held,
      );
      signal?.throwIfAborted();
      await draft.finish({ ...wallet, shares });
      return { wallet: wallet.info, calls: remote?.calls() ?? 0 };
    } finally {
      for (const share of shares.values()) share.fill(0);
    }
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    const who = error.party === undefined ? '' : ` (party ${error.party})`;
    throw new ProtocolError(`The key was not dealt: ${error.message}${who}. Nothing was stored.`, {
      next: 'try again. If that repeats, see whether the host runs the action that was built here.',
      cause: error,
    });
  } finally {
    draft.discard();
  }
}

export function authorityOf(wanted: KeygenOptions['authority'], parties: PartyInfo[]): string {
  const hasCold = parties.some((party) => party.role === 'cold');
  if (wanted === 'cold' && !hasCold) {
    throw new UsageError('There is no cold share to be the authority.', {
      next: 'have 3 parties, or another authority.',
    });
  }
  return wanted?.toLowerCase() ?? (hasCold ? 'cold' : 'none');
}

export function planParties(threshold: number, count: number, hasAction: boolean): PartyInfo[] {
  if (!Number.isInteger(count) || count < 2 || count > MAX_PARTIES) {
    throw new UsageError(`${count} parties are not possible.`, { next: `choose from 2 to ${MAX_PARTIES}.` });
  }
  if (!Number.isInteger(threshold) || threshold < 2 || threshold > count) {
    throw new UsageError(`A threshold of ${threshold} is not possible.`, { next: `choose from 2 to ${count}.` });
  }
  return Array.from({ length: count }, (_, i) => ({
    index: i + 1,
    role: i === 0 ? 'hot' : i + 1 === ACTION && hasAction ? 'action' : 'cold',
  }));
}

/** A party of the deal that is on this machine. */
interface LocalParty {
  readonly index: number;
  readonly tandem: Tandem;
  step: DealStep;
}

async function beginLocal(load: () => Promise<Tandem>, params: DealParams): Promise<LocalParty> {
  const tandem = await load();
  return { index: params.self, tandem, step: tandem.dealRound1(params) };
}

/** Goes on to a party's next round; the session of the round before is cleared. */
function advance(party: LocalParty, next: (session: Uint8Array) => DealStep): void {
  const { session } = party.step;
  party.step = next(session);
  session.fill(0);
}

function finishLocal(party: LocalParty, round3: Messages): { share: Uint8Array; info: ShareInfo } {
  const { session } = party.step;
  const finished = party.tandem.dealFinish(session, round3);
  session.fill(0);
  return finished;
}

type Messages = Map<number, Uint8Array>;

function broadcast(here: readonly LocalParty[]): Messages {
  return new Map(here.map((party) => [party.index, party.step.message]));
}

const Dealt = v.object({ session: v.string(), messages: v.object({ round1: Message, round2: Message }) });
const Confirmed = v.object({ message: Message, share: v.string() });

/** The action as a party of the deal: three rounds in two calls. */
interface RemoteParty {
  readonly held: Omit<Held, 'authority' | 'interactive' | 'sealed'>;
  deal(round1: Messages): Promise<{ round1: Uint8Array; round2: Uint8Array }>;
  confirm(round2: Messages, round3: Messages): Promise<{ round3: Uint8Array; share: string }>;
  calls(): number;
}

async function beginRemote(
  action: HostedAction,
  deal: { threshold: number; parties: number[]; authority: string; interactive: boolean },
  options: AskOptions,
): Promise<RemoteParty> {
  const { runtime, cid, source, policy } = action;
  options.onProgress?.('asking the host for a wallet');
  const wallet = await runtime.createWallet();
  await runtime.permit(wallet, cid);
  let session = '';
  let calls = 0;
  return {
    held: { runtime: runtime.name, wallet, cid, source, policy },
    calls: () => calls,
    deal: async (round1) => {
      options.onProgress?.('first call of the action: it deals its part');
      calls++;
      const params = { op: 'deal1' as const, wallet, ...deal, self: ACTION, messages: encodeAll(round1) };
      const dealt = await ask(runtime, action, params, Dealt, options);
      session = dealt.session;
      return { round1: fromBase64(dealt.messages.round1), round2: fromBase64(dealt.messages.round2) };
    },
    confirm: async (round2, round3) => {
      options.onProgress?.('second call of the action: it confirms and seals its share');
      calls++;
      const messages = { round2: encodeAll(round2), round3: encodeAll(round3) };
      const confirmed = await ask(runtime, action, { op: 'deal2', wallet, session, messages }, Confirmed, options);
      return { round3: fromBase64(confirmed.message), share: confirmed.share };
    },
  };
}

/** The messages of the parties here, as the action takes them; its own it knows. */
function encodeAll(messages: Messages): Record<string, string> {
  const others = Array.from(messages).filter(([index]) => index !== ACTION);
  return Object.fromEntries(others.map(([index, message]) => [String(index), base64(message)]));
}

/** The action's part of a wallet. */
interface Held {
  readonly runtime: Runtime['name'];
  readonly wallet: string;
  readonly cid: string;
  readonly source: string;
  readonly policy: string;
  readonly authority: string;
  readonly interactive: boolean;
  readonly sealed: string;
}

/** What is stored about a key, once all parties here agree on it and noble agrees with the module on its address. */
function describe(infos: readonly ShareInfo[], parties: PartyInfo[], held?: Held): Omit<NewWallet, 'shares'> {
  const [info] = infos;
  const isSame = infos.every((other) => info !== undefined && bytesToHex(other.keyId) === bytesToHex(info.keyId));
  if (info === undefined || !isSame || addressOf(info.publicKey).toLowerCase() !== toHex(info.address)) {
    throw new ProtocolError('The parties here ended with different keys; nothing was stored.');
  }
  const key = {
    version: 1 as const,
    address: addressOf(info.publicKey),
    publicKey: toHex(info.publicKey),
    keyId: toHex(info.keyId),
    epoch: info.epoch,
    threshold: info.threshold,
    parties,
    created: new Date().toISOString(),
  };
  if (held === undefined) return { info: { ...key, runtime: 'none' } };
  const { runtime, wallet, cid, policy, authority, interactive, source, sealed } = held;
  const kept = { wallet, cid, policy, authority, ...(interactive && { interactive }) };
  return { info: { ...key, runtime, action: kept }, action: { sealed, source } };
}
