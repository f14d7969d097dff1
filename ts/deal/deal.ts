import * as v from 'valibot';
import { TandemError } from '../core/errors.ts';
import { addressOf, toHex } from '../core/evm.ts';
import { loadTandem } from '../core/node.ts';
import type { DealParams, DealStep, ShareInfo, Tandem } from '../core/wasm.ts';
import { ProtocolError, UsageError } from '../errors.ts';
import type { CosignerRequest, FORMAT } from '../protocol/cosigner.ts';
import { ACTION, roleOf } from '../protocol/roles.ts';
import { type AskOptions, ask, base64, fromBase64, Message } from '../runtime/ask.ts';
import type { Action, Runtime } from '../runtime/types.ts';
import type { NewWallet, PartyInfo } from '../store/store.ts';

// A deal between parties on this machine and, if there is one, an action: what keygen, import and reshare have in common.

const MAX_PARTIES = 16;

/** An action, where it runs, and what its policy is called, for people. */
export interface HostedAction extends Action {
  readonly runtime: Runtime;
  readonly policy: string;
  /** What it understands, if it is newer than version 0.1.0: as in wallet.json. */
  readonly format?: typeof FORMAT | undefined;
  /** The addresses that its policy wants approvals of. */
  readonly guardians?: readonly string[] | undefined;
}

/** The parties of a wallet: 1 is hot, 2 the action (if there is one), the others are cold. @throws UsageError */
export function planParties(
  threshold: number,
  count: number,
  action: { readonly interactive?: boolean | undefined } | undefined,
): PartyInfo[] {
  if (!Number.isInteger(count) || count < 2 || count > MAX_PARTIES) {
    throw new UsageError(`${count} parties are not possible.`, { next: `choose from 2 to ${MAX_PARTIES}.` });
  }
  if (!Number.isInteger(threshold) || threshold < 2 || threshold > count) {
    throw new UsageError(`A threshold of ${threshold} is not possible.`, { next: `choose from 2 to ${count}.` });
  }
  if (threshold > 2 && action !== undefined && action.interactive !== true) {
    throw new UsageError(`With a threshold of ${threshold} the action can sign by dkls23 only.`, {
      next:
        'allow it with --allow-interactive (docs/security.md#the-attack says what that costs) when the wallet is made, ' +
        'choose a threshold of 2, or have no action (--runtime none).',
    });
  }
  return Array.from({ length: count }, (_, i) => ({ index: i + 1, role: roleOf(i + 1, action !== undefined) }));
}

/** The authority wanted over the action's share: by default the cold share, if there is one. @throws UsageError */
export function planAuthority(wanted: string | undefined, parties: readonly PartyInfo[]): string {
  const hasCold = parties.some(({ role }) => role === 'cold');
  if (wanted === 'cold' && !hasCold) {
    throw new UsageError('There is no cold share to be the authority.', {
      next: 'have 3 parties, or another authority.',
    });
  }
  if (wanted !== undefined && !/^(cold|none|0x[0-9a-fA-F]{40})$/.test(wanted)) {
    throw new UsageError(`"${wanted}" is no authority.`, { next: "choose cold, none or a guardian's address." });
  }
  return wanted?.toLowerCase() ?? (hasCold ? 'cold' : 'none');
}

/**
 * A key has no say over itself: an attacker who may have it sign would be the authority over the action's share, and the
 * guardian of its policy.
 *
 * @throws UsageError if the authority, or a guardian of the policy, is the key of this address
 */
export function assertOthers(
  account: string,
  authority: string,
  action: Pick<HostedAction, 'guardians'> | undefined,
): void {
  const own = account.toLowerCase();
  if (authority === own) {
    throw new UsageError(`${account} is the wallet's own address, which cannot be the authority over a share of it.`, {
      next: 'choose cold, none or the address of another key.',
    });
  }
  if (action?.guardians?.includes(own)) {
    throw new UsageError(`${account} is the wallet's own address, which cannot be a guardian of its policy.`, {
      next: 'name the address of another key in the policy.',
    });
  }
}

export type Messages = ReadonlyMap<number, Uint8Array>;

/** The action as a party of a deal: three rounds in two calls. */
export interface RemoteParty {
  /** The first call: the others' first messages. */
  deal(round1: Messages): Promise<{ round1: Uint8Array; round2: Uint8Array }>;
  /** The second call: `share` is the action's, sealed. */
  confirm(round2: Messages, round3: Messages): Promise<{ round3: Uint8Array; share: string }>;
}

/** What a finished deal leaves: the shares of the parties here, secret, and the action's, sealed. */
export interface Dealt {
  readonly shares: readonly { readonly share: Uint8Array; readonly info: ShareInfo }[];
  readonly sealed: string | undefined;
}

/**
 * Plays a deal to its end: `here` are the parties on this machine, each with what it brings.
 *
 * @throws ProtocolError if a party broke the protocol; what `remote` throws
 */
export async function runDeal(
  here: readonly DealParams[],
  remote: RemoteParty | undefined,
  load: (() => Promise<Tandem>) | undefined,
): Promise<Dealt> {
  try {
    let parties = await Promise.all(here.map((params) => begin(load ?? loadTandem, params)));
    const round1 = broadcast(parties);
    const theirs = await remote?.deal(round1);
    if (theirs) round1.set(ACTION, theirs.round1);

    parties = parties.map((party) => advance(party, (session) => party.tandem.dealRound2(session, round1)));
    const round2 = broadcast(parties);
    if (theirs) round2.set(ACTION, theirs.round2);

    // Who deals and receives nothing is done.
    parties = parties.filter(({ step }) => step.session.length > 0);
    parties = parties.map((party) => advance(party, (session) => party.tandem.dealRound3(session, round2)));
    const round3 = broadcast(parties);
    const confirmed = await remote?.confirm(round2, round3);
    if (confirmed) round3.set(ACTION, confirmed.round3);

    const shares = parties.map(({ tandem, step: { session } }) => {
      const finished = tandem.dealFinish(session, round3);
      session.fill(0);
      return finished;
    });
    return { shares, sealed: confirmed?.share };
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    const who = error.party === undefined ? '' : ` (party ${error.party})`;
    throw new ProtocolError(`Nothing was dealt: ${error.message}${who}. Nothing was stored.`, {
      next: 'try again. If that repeats, see whether the host runs the action that was built here.',
      cause: error,
    });
  }
}

/** A party of the deal that is on this machine. */
interface LocalParty {
  readonly index: number;
  readonly tandem: Tandem;
  readonly step: DealStep;
}

async function begin(load: () => Promise<Tandem>, params: DealParams): Promise<LocalParty> {
  const tandem = await load();
  return { index: params.self, tandem, step: tandem.dealRound1(params) };
}

/** Goes on to a party's next round; the session of the round before is cleared. */
function advance(
  { index, tandem, step: { session } }: LocalParty,
  next: (session: Uint8Array) => DealStep,
): LocalParty {
  const step = next(session);
  session.fill(0);
  return { index, tandem, step };
}

function broadcast(parties: readonly LocalParty[]): Map<number, Uint8Array> {
  return new Map(parties.map(({ index, step }) => [index, step.message]));
}

type Deal1 = Extract<CosignerRequest, { op: 'deal1' }>;
type WithoutMessages<T> = T extends unknown ? Omit<T, 'op' | 'messages'> : never;

const First = v.object({ session: v.string(), messages: v.object({ round1: Message, round2: Message }) });
const Second = v.object({ message: Message, share: v.string() });

/** An action as a party of a deal; `begin` gives what the first call asks for, once the others' messages are there. */
export function remoteParty(
  { runtime, ...action }: Action & { readonly runtime: Runtime },
  begin: (round1: Messages) => WithoutMessages<Deal1> | Promise<WithoutMessages<Deal1>>,
  options: AskOptions,
): RemoteParty {
  let wallet = '';
  let session = '';
  return {
    deal: async (round1) => {
      const request = await begin(round1);
      wallet = request.wallet;
      options.onProgress?.('first call of the action: it deals its part');
      const params = { op: 'deal1', ...request, messages: encodeAll(round1) } as Deal1;
      const { session: sealed, messages } = await ask(runtime, action, params, First, options);
      session = sealed;
      return { round1: fromBase64(messages.round1), round2: fromBase64(messages.round2) };
    },
    confirm: async (round2, round3) => {
      options.onProgress?.('second call of the action: it confirms and seals its share');
      const messages = { round2: encodeAll(round2), round3: encodeAll(round3) };
      const { message, share } = await ask(
        runtime,
        action,
        { op: 'deal2', wallet, session, messages },
        Second,
        options,
      );
      return { round3: fromBase64(message), share };
    },
  };
}

/** The messages of the parties here, as the action takes them; its own it knows. */
function encodeAll(messages: Messages): Record<string, string> {
  const others = Array.from(messages).filter(([index]) => index !== ACTION);
  return Object.fromEntries(others.map(([index, message]) => [String(index), base64(message)]));
}

/** What wallet.json says of the action. */
export type HeldBy = Pick<NewWallet['info'], 'runtime' | 'action'>;

/**
 * What is stored about a key, once all parties here agree on it, it is shared as was planned, and noble agrees with the module
 * on its address.
 *
 * @throws ProtocolError otherwise
 */
export function describeKey(
  infos: readonly ShareInfo[],
  { threshold, parties }: { readonly threshold: number; readonly parties: readonly PartyInfo[] },
  held: HeldBy,
  created = new Date().toISOString(),
): NewWallet['info'] {
  const [info] = infos;
  const isSame = infos.every((other) => info !== undefined && toHex(other.keyId) === toHex(info.keyId));
  if (info === undefined || !isSame || addressOf(info.publicKey).toLowerCase() !== toHex(info.address)) {
    throw new ProtocolError('The parties here ended with different keys; nothing was stored.');
  }
  if (info.threshold !== threshold || String(info.parties) !== String(parties.map(({ index }) => index))) {
    throw new ProtocolError('The key is shared otherwise than was planned; nothing was stored.');
  }
  return {
    version: 1,
    address: addressOf(info.publicKey),
    publicKey: toHex(info.publicKey),
    keyId: toHex(info.keyId),
    epoch: info.epoch,
    threshold: info.threshold,
    parties: [...parties],
    created,
    ...held,
  };
}
