import { loadTandem } from '#load';
import { TandemError } from '../core/errors.ts';
import type { DealParams, DealStep, ShareInfo, Tandem } from '../core/wasm.ts';
import { ProtocolError } from '../errors.ts';
import { ACTION, HOT } from '../protocol/roles.ts';
import { type DealtCorrelation, SetUp } from './correlate.ts';
import { type Deal, participantsOf } from './plan.ts';
import type { RemoteParty } from './remote.ts';

// The rounds of a deal: one state, which goes as far as the messages allow. A deal on one machine runs to its end at once. A
// deal on several machines keeps its state between the files that they exchange.

/** Starts a fresh wasm instance; by default of build/tandem.wasm. */
export type Load = (() => Promise<Tandem>) | undefined;

/** A fresh wasm instance. */
export function fresh(load: Load): Promise<Tandem> {
  return (load ?? loadTandem)();
}

/** A party on this machine: the rounds that it has been through, and what its next one needs, which is secret. */
interface Player {
  readonly index: number;
  round: 1 | 2 | 3;
  session: Uint8Array;
}

/** Round, sender, and its message to all. */
type Sent = [round: 1 | 2 | 3, sender: number, content: Uint8Array];

/** How far a deal is, as this machine knows it. */
export interface Play {
  readonly here: Player[];
  readonly messages: Sent[];
  /** The action, on the machine that calls it: its session between its two calls, and then its share, both sealed. */
  readonly action?: { session?: string | undefined; sealed?: string | undefined } | undefined;
}

/** The result of a deal here: the shares of the parties here by index (secret), their public data, and the action's share, sealed. */
export interface Dealt {
  readonly shares: ReadonlyMap<number, Uint8Array>;
  readonly infos: readonly ShareInfo[];
  readonly sealed?: string | undefined;
  /** The hot party's correlation with the action, if one was set up. */
  readonly correlation?: DealtCorrelation;
}

/** A wasm instance for each party: one serves one session. */
export type Instances = (party: number) => Promise<Tandem>;

export function instances(load: Load): Instances {
  const started = new Map<number, Promise<Tandem>>();
  return (party) => {
    const instance = started.get(party) ?? fresh(load);
    started.set(party, instance);
    return instance;
  };
}

/** The messages of a round from all parties except one. */
export function said({ messages }: Pick<Play, 'messages'>, round: number, except?: number): Map<number, Uint8Array> {
  const sent = messages.filter(([r, sender]) => r === round && sender !== except);
  return new Map(sent.map(([, sender, content]) => [sender, content]));
}

/** Who sends a message in a round: in the last one, those who get shares. */
export function sendersIn(deal: Deal, round: number): readonly number[] {
  return round === 3 ? deal.parties : participantsOf(deal);
}

/** The parties whose message of a round is not here yet. */
export function missing(play: Pick<Play, 'messages'>, deal: Deal, round: number, except?: number): number[] {
  const sent = said(play, round);
  return sendersIn(deal, round).filter((index) => index !== except && !sent.has(index));
}

/** A party on this machine begins: its round 1. */
export async function begin({ here, messages }: Play, params: DealParams, tandemOf: Instances): Promise<void> {
  const { self: index } = params;
  const { session, message } = (await tandemOf(index)).dealRound1(params);
  here.push({ index, round: 1, session });
  messages.push([1, index, message]);
}

/**
 * Goes as far as the messages allow. Clears the session of every step that it takes, so that no step is taken twice.
 *
 * @param remote the action as a party, asked for when it is to be called
 * @throws TandemError; what `remote` throws
 */
export async function advance(
  play: Play,
  deal: Deal,
  remote: () => Promise<RemoteParty>,
  tandemOf: Instances,
): Promise<void> {
  const { here, action, messages } = play;
  const isComplete = (round: number, except?: number) => missing(play, deal, round, except).length === 0;
  if (action && action.session === undefined && isComplete(1, ACTION)) {
    const first = await (await remote()).first(said(play, 1, ACTION));
    if (first === undefined) return;
    action.session = first.session;
    messages.push([1, ACTION, first.round1], [2, ACTION, first.round2]);
  }
  for (const party of here) {
    if (party.round !== 1 || !isComplete(1)) continue;
    const tandem = await tandemOf(party.index);
    take(play, party, 2, tandem.dealRound2(party.session, said(play, 1, party.index)));
  }
  for (const party of here) {
    if (party.round !== 2 || !isComplete(2)) continue;
    if (party.session.length === 0) continue; // who deals and receives nothing is done
    const tandem = await tandemOf(party.index);
    take(play, party, 3, tandem.dealRound3(party.session, said(play, 2, party.index)));
  }
  if (action?.session !== undefined && action.sealed === undefined && isComplete(2) && isComplete(3, ACTION)) {
    const second = await (await remote()).second(action.session, said(play, 2, ACTION), said(play, 3, ACTION));
    action.sealed = second.sealed;
    messages.push([3, ACTION, second.round3]);
  }
}

/** Takes a party to its next round. */
function take({ messages }: Play, party: Player, round: 2 | 3, { session, message }: DealStep): void {
  party.session.fill(0);
  Object.assign(party, { round, session });
  messages.push([round, party.index, message]);
}

/**
 * The shares of the parties here, once all parties have confirmed theirs; undefined before, and if nobody here gets one. The
 * caller clears them. The sessions stay, so that this may be asked again.
 *
 * @throws TandemError
 */
export async function dealtBy(play: Play, deal: Deal, tandemOf: Instances): Promise<Dealt | undefined> {
  const receiving = play.here.filter(({ index }) => deal.parties.includes(index));
  if (receiving.some(({ round }) => round !== 3) || missing(play, deal, 3).length > 0) return undefined;
  const shares = new Map<number, Uint8Array>();
  const infos: ShareInfo[] = [];
  try {
    for (const { index, session } of receiving) {
      const { share, info } = (await tandemOf(index)).dealFinish(session, said(play, 3, index));
      shares.set(index, share);
      infos.push(info);
    }
  } catch (error) {
    clear(shares);
    throw error;
  }
  return shares.size === 0 ? undefined : { shares, infos, sealed: play.action?.sealed };
}

/** Clears shares. */
export function clear(shares: ReadonlyMap<number, Uint8Array>): void {
  for (const share of shares.values()) share.fill(0);
}

/**
 * Plays a deal of parties on this machine, and the action if there is one, from its beginning to its end.
 *
 * @param params what each party here begins with
 * @throws ProtocolError if a party broke the protocol; what `remote` throws
 */
export async function playHere(
  deal: Deal,
  params: readonly DealParams[],
  remote: RemoteParty | undefined,
  load: Load,
): Promise<Dealt> {
  const play: Play = { here: [], messages: [], action: remote && {} };
  const tandemOf = instances(load);
  const setUp = remote?.correlates && deal.parties.includes(HOT) ? new SetUp(() => fresh(load)) : undefined;
  const hot = () => play.here.find(({ index }) => index === HOT)?.session ?? new Uint8Array();
  const asked = remote && setUp ? setUp.along(remote, hot) : remote;
  const toItsEnd = async () => {
    for (const of of params) await begin(play, of, tandemOf);
    await advance(play, deal, async () => asked as RemoteParty, tandemOf);
    const dealt = await dealtBy(play, deal, tandemOf);
    if (dealt === undefined) throw new Error('a deal on one machine waits for nobody');
    const share = dealt.shares.get(HOT);
    return { ...dealt, correlation: share && (await setUp?.accept(share)) };
  };
  try {
    return await blaming(toItsEnd, (why) => `Nothing was dealt: ${why}. Nothing was stored.`, HOST_ADVICE);
  } finally {
    for (const { session } of play.here) session.fill(0);
    setUp?.clear();
  }
}

const HOST_ADVICE = 'try again. If that repeats, check whether the host runs the action that was built here.';

/** Turns errors of the module into a ProtocolError that names the party at fault, where the module knows it. */
export async function blaming<T>(work: () => Promise<T>, what: (why: string) => string, next: string): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    const who = error.party === undefined ? '' : ` (party ${error.party})`;
    throw new ProtocolError(what(`${error.message}${who}`), { next, cause: error });
  }
}
