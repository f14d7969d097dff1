import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import { TandemError } from '../../core/errors.ts';
import { loadTandem } from '../../core/node.ts';
import type { DealParams, ShareInfo, Tandem } from '../../core/wasm.ts';
import { ProtocolError, StoreError, UsageError, WalletError } from '../../errors.ts';
import type { CosignerRequest } from '../../protocol/cosigner.ts';
import { hashOf } from '../../protocol/permission.ts';
import { HOT } from '../../protocol/roles.ts';
import { type AskOptions, ask, Message as Base64, base64, fromBase64 } from '../../runtime/ask.ts';
import type { Runtime } from '../../runtime/types.ts';
import type { Key } from '../../store/age.ts';
import { draftWallet, localParties, readWallet, type Store, type WalletInfo } from '../../store/store.ts';
import { describeKey, type HostedAction } from '../deal.ts';
import type { Authorizer } from '../permission.ts';
import {
  assertTerms,
  dealName,
  type Envelope,
  forget,
  hasSession,
  keepEnvelope,
  listDeals,
  locked,
  type Message,
  phraseOf,
  readEnvelope,
  readSession,
  removeSession,
  reshareOf,
  resharesOf,
  round1PhraseOf,
  type Session,
  type Terms,
  writeEnvelope,
  writeSession,
} from './envelope.ts';
import {
  allow,
  allowedCall,
  assertJoinable,
  assertSameKey,
  draftReshare,
  planReshare,
  type ReshareDealOptions,
  sharesFor,
  walletOf,
} from './reshare.ts';

// Keys of parties on several machines, which exchange files: no share but its own is ever on a machine.
//
// Each file holds every message that its writer knows, so that they may go round in any way. A machine goes as far as the
// messages allow, keeps its session in the place of the one before, and only then writes its own file: a step that was
// taken is never taken again. Two machines, of which one runs the action:
//
//     hot, action → cold   round 1 of hot
//     cold → hot, action   round 1 of cold
//     hot, action → cold   rounds 1 and 2 of the action, 2 of hot
//     cold → hot, action   rounds 2 and 3 of cold
//     hot, action → cold   round 3 of both
//
// At the end both show the same six words. Until somebody has compared them there is no wallet: whoever stands between the
// machines could have dealt with each of them alone.
//
// Of new shares for a key that exists, a part would be lost to him by then. There twelve words come once round 1 is complete,
// but for the action's, and nothing is dealt, nor the action asked to deal, on a machine where they were not compared. What
// comes after round 1 follows from it, so the deal ends without any: docs/protocol.md.

interface PartyOptions extends AskOptions {
  readonly store: Store;
  /** Starts a fresh wasm instance; by default of build/tandem.wasm. */
  readonly load?: (() => Promise<Tandem>) | undefined;
}

/** How far a deal is on this machine. */
export interface DealState {
  /** Names the deal, in hex. */
  readonly deal: string;
  readonly terms: Terms;
  /** The parties that are on this machine. */
  readonly here: readonly number[];
  /** Those whose messages are waited for. */
  readonly waitingFor: readonly number[];
  /** New shares: the words to compare, as long as nobody has here. */
  readonly phrase?: string;
  /** New shares that a guardian allows: what he is to sign as `messages`, once round 1 is complete. */
  readonly messages?: string;
  /** Once all have confirmed their shares: the key's address, and of a new key the words to compare. */
  readonly dealt?: { readonly address: string; readonly phrase?: string };
}

export interface BeginOptions extends PartyOptions {
  readonly threshold: number;
  /** 1 is hot, 2 the action, if there is one, the others are cold. */
  readonly parties: Terms['parties'];
  /** The parties that are on this machine, besides the action. */
  readonly here: readonly number[];
  /** The action, and where it runs: this machine calls it. */
  readonly action?: (HostedAction & { readonly authority: string }) | undefined;
  /** The file for the other machines. */
  readonly out: string;
}

/** Begins a deal. @throws UsageError, StoreError; RuntimeError of the host */
export async function beginDeal(options: BeginOptions): Promise<DealState> {
  const { store, threshold, parties, here, action, onProgress } = options;
  if (action && threshold > 2) {
    throw new UsageError('With a threshold above 2 the action could not sign.', {
      next: 'have no action: --runtime none.',
    });
  }
  const key = await store.key('any', 'the session');
  onProgress?.('asking the host for a wallet');
  const wallet = await action?.runtime.createWallet();
  if (action && wallet !== undefined) await action.runtime.permit(wallet, action.cid);
  const terms: Terms = {
    threshold,
    parties,
    runtime: action?.runtime.name ?? 'none',
    ...(action && wallet !== undefined && { action: held(action, wallet) }),
    created: new Date().toISOString(),
  };
  const session = await newSession(options, randomBytes(16), terms, here);
  if (action) session.action = { source: action.source };
  try {
    await writeSession(store, session, key);
    send(session, options.out);
    return stateOf(session);
  } finally {
    forget(session);
  }
}

/**
 * Begins to deal new shares of a wallet that is here: the address stays, the epoch goes up.
 *
 * @throws UsageError, StoreError; RuntimeError of the host
 */
export async function beginReshare(
  options: PartyOptions & ReshareDealOptions & Pick<BeginOptions, 'here' | 'out'>,
): Promise<DealState> {
  const { store, here, out } = options;
  const { terms, source } = await planReshare(options);
  if (source !== undefined && !here.includes(HOT)) {
    throw new UsageError('The machine with the hot share begins: it calls the action.', {
      next: 'if the hot share is lost, make another with scripts/recover.ts first.',
    });
  }
  const key = await store.key('any', 'the session');
  const session = await newSession(options, randomBytes(16), terms, here);
  if (source !== undefined) session.action = { source };
  try {
    await writeSession(store, session, key);
    send(session, out);
    return stateOf(session);
  } finally {
    forget(session);
  }
}

function held({ cid, policy, authority, format }: NonNullable<BeginOptions['action']>, wallet: string) {
  return { wallet, cid, policy, authority, ...(format && { format }) };
}

interface GoOnOptions extends PartyOptions {
  /** Connects to the host of the action, if this machine is the one that calls it. */
  readonly connect?: ((name: Runtime['name']) => Promise<Runtime | undefined>) | undefined;
  /** Asks the authority over the action's share, if it takes no part in the deal: a guardian. */
  readonly authorize?: Authorizer | undefined;
  /** The file for the other machines. */
  readonly out: string;
}

export interface StepOptions extends GoOnOptions {
  /** Files of the other machines, all of one deal. */
  readonly files: readonly string[];
  /** The parties on this machine, if it joins the deal with this step; by default those whose old shares are here. */
  readonly here?: readonly number[] | undefined;
}

/**
 * Takes the others' messages, goes as far as they allow and writes what this machine has to say. May be called again with the
 * same files: it then writes the same messages.
 *
 * @throws UsageError, StoreError, ProtocolError (a party broke the protocol, or a file was changed on its way: the session is
 *   as it was before), RefusedError; RuntimeError of the host
 */
export async function stepDeal(options: StepOptions): Promise<DealState> {
  const { store, files, here } = options;
  const envelopes = files.map((path) => ({ path, envelope: readEnvelope(path) }));
  const [first] = envelopes;
  if (first === undefined) throw new UsageError('There is no file to take.');
  const { deal } = first.envelope;
  return locked(store, deal, async () => {
    const { session, key } = hasSession(store, deal)
      ? await readSession(store, deal)
      : { session: await joined(options, first.envelope, here), key: await store.key('any', 'the session') };
    try {
      for (const { path, envelope } of envelopes) merge(session, envelope, path);
      return await goOn(session, key, options);
    } finally {
      forget(session);
    }
  });
}

/** Goes as far as the messages allow, keeps the session and writes the file. */
async function goOn(session: Live, key: Key, options: GoOnOptions): Promise<DealState> {
  await blaming(() => advance(session, options));
  const state = stateOf(session, await dealtBy(session, options));
  options.onProgress?.('storing the session');
  await writeSession(options.store, session, key);
  send(session, options.out);
  return state;
}

/**
 * Goes on with new shares whose words were compared: from here on this machine deals, and a cold share on it has signed that
 * the action may. Once more, it signs anew.
 *
 * @param phrase the words that all other machines show, or how to ask for them
 * @throws ProtocolError if they are others: nothing was dealt; UsageError if there are no words yet; as {@link stepDeal}
 */
export async function confirmDeal(options: GoOnOptions & { deal: Uint8Array; phrase: Phrase }): Promise<DealState> {
  const { store, deal, phrase } = options;
  if (!hasSession(store, deal)) throw new UsageError('There is no such deal here.');
  return locked(store, deal, async () => {
    const { session, key } = await readSession(store, deal);
    try {
      const { terms } = session;
      const words = wordsOf(session);
      if (terms.reshare === undefined) throw new UsageError('The words of a new key come at the end: finish.');
      if (words === undefined) throw new UsageError('This deal is not so far: the words come once all have joined.');
      if ((await typed(phrase, session)) !== words) {
        throw new ProtocolError('The words are not the same: the machines do not speak of the same deal.', {
          next: 'nothing was dealt. Compare once more; if they differ, drop the deal on all machines and send the files another way.',
        });
      }
      const { reshare } = terms;
      return await locked(store, reshare.account, async () => {
        walletOf(store, reshare); // of new shares that were finished meanwhile, the old ones are not dealt once more
        await assertOnly(store, deal, reshare.account);
        session.isConfirmed = true;
        const round1 = said(session, 1, actionOf(terms));
        if (session.action === undefined) {
          session.authorization = await allow(store, terms, reshare, round1, options.load);
        }
        return goOn(session, key, options);
      });
    } finally {
      forget(session);
    }
  });
}

/**
 * Of two deals that go on at the same time one machine might finish the one, another the other.
 *
 * @throws WalletError if another one of this wallet was confirmed here
 */
async function assertOnly(store: Store, deal: Uint8Array, account: string): Promise<void> {
  const all = await resharesOf(store, account);
  const other = all.find((one) => one.isConfirmed && Buffer.compare(one.deal, deal) !== 0);
  if (other === undefined) return;
  throw new WalletError(`Another deal of new shares of ${account} was confirmed here, and is under way.`, {
    next: `finish it, or drop it on all machines: --deal ${dealName(other.deal)}`,
  });
}

/** Words that somebody types, given or asked for. */
type Phrase = string | ((state: DealState) => Promise<string>);

async function typed(phrase: Phrase, session: Live): Promise<string> {
  const text = typeof phrase === 'string' ? phrase : await phrase(stateOf(session));
  return text.trim().toLowerCase().split(/\s+/).join(' ');
}

/** Of new shares, the words that stand for round 1 of all people, once it is complete. */
function wordsOf(session: Live): string | undefined {
  const { terms, deal } = session;
  const remote = actionOf(terms);
  if (terms.reshare === undefined || missing(session, 1, remote).length > 0) return undefined;
  return round1PhraseOf(terms, deal, said(session, 1, remote));
}

/**
 * Makes the wallet of a deal whose words were compared, or gives it its new shares: this machine's, and the action's if it
 * has it, appear in the store in one step, and the session is deleted.
 *
 * @param phrase the words that the other machine shows, or how to ask for them: of a new key
 * @throws ProtocolError if they are others, or the deal is not so far; StoreError, UsageError
 */
export async function finishDeal(
  options: PartyOptions & { deal: Uint8Array; phrase?: Phrase | undefined },
): Promise<WalletInfo> {
  const { store, deal, phrase = '' } = options;
  if (!hasSession(store, deal)) throw new UsageError('There is no such deal here.');
  return locked(store, deal, async () => {
    const { session } = await readSession(store, deal);
    const dealt = await dealtBy(session, options);
    if (dealt === undefined) throw new UsageError('This deal is not so far: not all have confirmed their shares.');
    try {
      if (dealt.phrase !== undefined && (await typed(phrase, session)) !== dealt.phrase) {
        throw new ProtocolError('The words are not the same: the machines do not speak of the same key.', {
          next: 'compare them once more; if they differ, drop the deal on all machines and send the files another way.',
        });
      }
      const { info, shares } = dealt;
      const { sealed, source } = session.action ?? {};
      const { reshare } = session.terms;
      const action = sealed !== undefined && source !== undefined ? { sealed, source } : undefined;
      const wallet = { info, shares, action };
      options.onProgress?.('storing the shares');
      const draft = reshare ? await draftReshare(store, wallet, reshare.keyId) : await draftWallet(store, shares.size);
      try {
        await draft.finish(wallet);
      } catch (error) {
        // A process that was killed here has stored it already.
        if (!(error instanceof StoreError) || error.kind !== 'exists') throw error;
        if (readWallet(store, info.address).keyId !== info.keyId) throw error;
      } finally {
        draft.discard();
      }
      keepEnvelope(store, envelopeOf(session));
      if (reshare) await removeVoid(store, reshare, deal);
      removeSession(store, deal);
      return info;
    } finally {
      for (const share of dealt.shares.values()) share.fill(0);
      forget(session);
    }
  });
}

/**
 * Of other deals that were begun with the same old shares: their sessions have parts of these. One at which a process is at
 * work is waited for, since it would write its session anew. What does not open is left.
 */
async function removeVoid(store: Store, { account, keyId }: NonNullable<Terms['reshare']>, done: Uint8Array) {
  for (const deal of listDeals(store)) {
    if (Buffer.compare(deal, done) === 0) continue;
    const remove = async () => {
      const other = await reshareOf(store, deal);
      if (other?.account === account && other.keyId === keyId) removeSession(store, deal);
    };
    await locked(store, deal, remove).catch(() => {});
  }
}

/**
 * Forgets a deal. What the others have of it is worth nothing without this machine's part, unless it has confirmed new shares:
 * then the others may have given up the old ones, and `isLost` says that this machine's are to be lost.
 *
 * @throws WalletError if the others may rely on it; UsageError, StoreError
 */
export async function dropDeal(store: Store, deal: Uint8Array, isLost = false): Promise<void> {
  if (!hasSession(store, deal)) throw new UsageError('There is no such deal here.');
  await locked(store, deal, async () => {
    if (!isLost && (await hasConfirmed(store, deal))) {
      throw new WalletError(
        'The others may have the new shares already: without its own this machine would be left out.',
        {
          next: 'have their newest files sent again, and finish. If they all have dropped the deal: --yes.',
        },
      );
    }
    removeSession(store, deal);
  });
}

async function hasConfirmed(store: Store, deal: Uint8Array): Promise<boolean> {
  const { session } = await readSession(store, deal);
  try {
    return session.terms.reshare !== undefined && session.here.some(({ round }) => round === 3);
  } finally {
    forget(session);
  }
}

type Live = Omit<Session, 'version'>;

async function newSession(
  { store, load = loadTandem }: PartyOptions,
  deal: Uint8Array,
  terms: Terms,
  here: readonly number[],
): Promise<Live> {
  assertTerms(terms);
  const session: Live = { deal, terms, here: [], messages: [] };
  const shares = terms.reshare ? await sharesFor(store, terms.reshare, load) : new Map<number, Uint8Array>();
  try {
    if (terms.reshare) assertSameKey(terms.reshare, shares, await load());
    for (const index of [...here].sort((a, b) => a - b)) {
      if (!participantsOf(terms).includes(index) || index === actionOf(terms)) {
        throw new UsageError(`Party ${index} is none that a machine can be.`);
      }
      const params = paramsOf(terms, index, shares.get(index));
      const { session: secret, message } = await blaming(async () => (await load()).dealRound1(params));
      session.here.push({ index, round: 1, session: secret });
      session.messages.push([1, index, message]);
    }
  } finally {
    for (const share of shares.values()) share.fill(0);
  }
  if (session.here.length === 0) throw new UsageError('Which party is here?');
  return session;
}

function paramsOf({ threshold, parties, reshare }: Terms, self: number, share: Uint8Array | undefined): DealParams {
  const indices = parties.map(({ index }) => index);
  if (reshare === undefined) {
    return { kind: 'keygen', threshold, parties: indices, contributors: indices, self, epoch: 0 };
  }
  const { dealers, epoch, old, account } = reshare;
  const isDealer = dealers.includes(self);
  if (isDealer && share === undefined) {
    throw new StoreError('missing', `Party ${self} deals, and its share of ${account} is not here.`, {
      next: 'put its file back into the folder of the wallet, or have others deal.',
    });
  }
  const deal = { kind: 'reshare' as const, threshold, parties: indices, contributors: dealers, self, epoch };
  return isDealer && share !== undefined ? { ...deal, share } : { ...deal, old };
}

/** All who take part: those who get shares, and those who deal. */
function participantsOf({ parties, reshare }: Terms): number[] {
  const all = new Set([...parties.map(({ index }) => index), ...(reshare?.dealers ?? [])]);
  return [...all].sort((a, b) => a - b);
}

/** Who sends a message in a round: in the last one, those who get shares. */
function sendersIn(terms: Terms, round: number): number[] {
  return round === 3 ? terms.parties.map(({ index }) => index) : participantsOf(terms);
}

async function joined(options: StepOptions, { deal, terms, messages }: Envelope, named: readonly number[] | undefined) {
  const others = messages.filter(([round]) => round === 1).map(([, sender]) => sender);
  const here = named ?? sharesHere(options, terms).filter((index) => !others.includes(index));
  if (here.length === 0) {
    const free = participantsOf(terms).filter((index) => index !== actionOf(terms) && !others.includes(index));
    throw new UsageError('This machine has no part in this deal.', {
      next: `to join, say which party it is, of ${free.join(', ')}.${left(options.store, terms)}`,
    });
  }
  const taken = here.find((index) => messages.some(([, sender]) => sender === index));
  if (taken !== undefined) {
    throw new UsageError(
      `Party ${taken} of this deal is another machine, or was this one, which has finished or dropped it.`,
    );
  }
  if (terms.reshare !== undefined) assertJoinable(options.store, terms, terms.reshare, here);
  return newSession(options, deal, terms, here);
}

/** The parties of a deal of new shares whose old ones are here. */
function sharesHere({ store }: PartyOptions, terms: Terms): number[] {
  const info = terms.reshare && walletOf(store, terms.reshare);
  if (info === undefined) return [];
  const here = localParties(store, info).map(({ index }) => index);
  return participantsOf(terms).filter((index) => here.includes(index));
}

/** What becomes of the shares of a machine that takes no part. */
function left(store: Store, { reshare }: Terms): string {
  if (reshare === undefined || walletOf(store, reshare) === undefined) return '';
  return ` The shares that are here are void once the others have finished: delete the folder of ${reshare.account} then.`;
}

/** Takes the messages of a file that are new. @throws ProtocolError, leaving the session as it was */
function merge(session: Live, { deal, terms, messages, authorization }: Envelope, path: string): void {
  if (!isDeepStrictEqual(new Uint8Array(deal), new Uint8Array(session.deal))) {
    throw new UsageError(`${path} is of another deal.`, { next: 'take the files of one deal at a time.' });
  }
  if (!isDeepStrictEqual(terms, session.terms)) {
    throw new ProtocolError(`${path} names other terms than the file that this machine began with.`, { next: AGAIN });
  }
  const fresh: Message[] = [];
  // Of new shares, what comes after round 1 is taken only once that is confirmed: it comes again with every file.
  const isOpen = terms.reshare === undefined || session.isConfirmed === true;
  for (const message of messages) {
    const [round, sender, content] = message;
    if (!isOpen && (round > 1 || sender === actionOf(terms))) continue;
    const known = session.messages.find(([r, i]) => r === round && i === sender);
    if (known !== undefined && Buffer.compare(known[2], content) === 0) continue;
    // A confirmation is checked whenever it is used: one that was changed makes room for the right one. If it were kept, the
    // others could finish, and this machine could not.
    const isFinal = round === 3;
    if (isFinal && isHere(session, sender)) continue;
    if ((known !== undefined && !isFinal) || !sendersIn(terms, round).includes(sender) || isHere(session, sender)) {
      throw new ProtocolError(`${path} holds another message of party ${sender} in round ${round}.`, { next: AGAIN });
    }
    fresh.push(message);
  }
  const isReplaced = ([round, sender]: Message) => fresh.some(([r, i]) => r === round && i === sender);
  session.messages = [...session.messages.filter((message) => !isReplaced(message)), ...fresh];
  const isNewer = (authorization?.expires ?? 0) > (session.authorization?.expires ?? 0);
  if (isOpen && isNewer && session.action !== undefined) session.authorization = authorization;
}

const AGAIN =
  'files were mixed up or changed on their way: have the newest sent again. If that repeats, drop the deal on all machines and begin anew.';

function isHere({ here, action, terms }: Live, index: number): boolean {
  return here.some((party) => party.index === index) || (action !== undefined && index === actionOf(terms));
}

function actionOf({ parties }: Terms): number | undefined {
  return parties.find(({ role }) => role === 'action')?.index;
}

/** The messages of a round by all but one party. */
function said({ messages }: Live, round: number, except?: number): Map<number, Uint8Array> {
  const sent = messages.filter(([r, sender]) => r === round && sender !== except);
  return new Map(sent.map(([, sender, content]) => [sender, content]));
}

function missing(session: Live, round: number, except?: number): number[] {
  const sent = said(session, round);
  return sendersIn(session.terms, round).filter((index) => index !== except && !sent.has(index));
}

/** Goes as far as the messages allow. */
async function advance(session: Live, options: GoOnOptions): Promise<void> {
  const { terms, here, action, messages } = session;
  const { load = loadTandem } = options;
  const remote = actionOf(terms);
  const call = async () => remoteOf(session, options);
  if (terms.reshare !== undefined && session.isConfirmed !== true) return;
  if (action && remote !== undefined && action.session === undefined && missing(session, 1, remote).length === 0) {
    const first = await (await call()).first(said(session, 1, remote));
    if (first === undefined) return;
    action.session = first.session;
    messages.push([1, remote, first.round1], [2, remote, first.round2]);
  }
  for (const party of here) {
    if (party.round !== 1 || missing(session, 1).length > 0) continue;
    const step = (await load()).dealRound2(party.session, said(session, 1, party.index));
    party.session.fill(0);
    Object.assign(party, { round: 2, session: step.session });
    messages.push([2, party.index, step.message]);
  }
  for (const party of here) {
    if (party.round !== 2 || missing(session, 2).length > 0) continue;
    if (party.session.length === 0) continue; // who deals and receives nothing is done
    const step = (await load()).dealRound3(party.session, said(session, 2, party.index));
    party.session.fill(0);
    Object.assign(party, { round: 3, session: step.session });
    messages.push([3, party.index, step.message]);
  }
  const isConfirmed = missing(session, 2).length === 0 && missing(session, 3, remote).length === 0;
  if (action?.session !== undefined && remote !== undefined && action.sealed === undefined && isConfirmed) {
    const second = await (await call()).second(action.session, said(session, 2, remote), said(session, 3, remote));
    action.sealed = second.sealed;
    messages.push([3, remote, second.round3]);
  }
}

const First = v.object({ session: v.string(), messages: v.object({ round1: Base64, round2: Base64 }) });
const Second = v.object({ message: Base64, share: v.string() });

/** The two calls of the action. */
async function remoteOf(session: Live, options: GoOnOptions) {
  const { terms, action } = session;
  const held = terms.action;
  const self = actionOf(terms);
  if (held === undefined || action === undefined || self === undefined) throw new Error('there is no action here');
  const runtime = terms.runtime === 'none' ? undefined : await options.connect?.(terms.runtime);
  if (runtime === undefined) {
    throw new UsageError(`The action of this deal runs at ${terms.runtime}, which is not connected.`);
  }
  const hosted = { cid: held.cid, source: action.source };
  const { wallet, authority } = held;
  const { threshold } = terms;
  const parties = terms.parties.map(({ index }) => index);
  return {
    /** Of new shares nothing, as long as the authority has not signed that the action may deal. */
    first: async (round1: ReadonlyMap<number, Uint8Array>) => {
      const deal = { op: 'deal1' as const, threshold, parties, wallet, authority, messages: texts(round1) };
      let request: Extract<CosignerRequest, { op: 'deal1' }> = { ...deal, kind: 'keygen', self };
      if (terms.reshare !== undefined) {
        const given = await allowedCall(options, session, terms.reshare, round1, runtime);
        if (given === undefined) return undefined;
        const { holder, authorization } = given;
        const share = { share: holder.sealed, contributors: [...terms.reshare.dealers], authorization };
        request = { ...deal, kind: 'reshare', ...share };
      }
      options.onProgress?.('first call of the action: it deals its part');
      const { session: sealed, messages } = await ask(runtime, hosted, request, First, options);
      return { session: sealed, round1: fromBase64(messages.round1), round2: fromBase64(messages.round2) };
    },
    second: async (
      session: string,
      round2: ReadonlyMap<number, Uint8Array>,
      round3: ReadonlyMap<number, Uint8Array>,
    ) => {
      options.onProgress?.('second call of the action: it confirms and seals its share');
      const messages = { round2: texts(round2), round3: texts(round3) };
      const { message, share } = await ask(
        runtime,
        hosted,
        { op: 'deal2', wallet, session, messages },
        Second,
        options,
      );
      return { round3: fromBase64(message), sealed: share };
    },
  };
}

function texts(messages: ReadonlyMap<number, Uint8Array>): Record<string, string> {
  return Object.fromEntries([...messages].map(([index, message]) => [String(index), base64(message)]));
}

interface Dealt {
  readonly info: WalletInfo;
  readonly shares: ReadonlyMap<number, Uint8Array>;
  readonly phrase?: string;
}

/** The shares here, once all parties have confirmed theirs; the caller clears them. */
async function dealtBy(session: Live, { load = loadTandem }: PartyOptions): Promise<Dealt | undefined> {
  const { terms, here, deal } = session;
  const receiving = here.filter(({ index }) => terms.parties.some((party) => party.index === index));
  if (receiving.some(({ round }) => round !== 3) || missing(session, 3).length > 0) return undefined;
  const shares = new Map<number, Uint8Array>();
  const infos: ShareInfo[] = [];
  try {
    for (const { index, session: secret } of receiving) {
      const finished = await blaming(async () => (await load()).dealFinish(secret, said(session, 3, index)));
      shares.set(index, finished.share);
      infos.push(finished.info);
    }
    const [known] = infos;
    if (known === undefined) return undefined;
    const { runtime, action, created, reshare } = terms;
    const info = describeKey(infos, terms, { runtime, ...(action && { action }) }, created);
    if (reshare === undefined) return { info, shares, phrase: phraseOf(terms, deal, known.keyId) };
    if (info.address === reshare.account) return { info, shares };
    throw new ProtocolError('The new shares are of another key than the terms say.', { next: AGAIN });
  } catch (error) {
    for (const share of shares.values()) share.fill(0);
    throw error;
  }
}

function stateOf(session: Live, dealt?: Dealt): DealState {
  const { deal, terms, here } = session;
  for (const share of dealt?.shares.values() ?? []) share.fill(0);
  const phrase = session.isConfirmed ? undefined : wordsOf(session);
  return {
    deal: dealName(deal),
    terms,
    here: here.map(({ index }) => index),
    waitingFor: waitingFor(session),
    ...(phrase !== undefined && { phrase }),
    ...guardedBy(session),
    ...(dealt && {
      dealt: { address: dealt.info.address, ...(dealt.phrase !== undefined && { phrase: dealt.phrase }) },
    }),
  };
}

/** The words are not in what a guardian signs; a hash of the same messages is, which the machines show for him. */
function guardedBy(session: Live): Pick<DealState, 'messages'> {
  const { terms } = session;
  const remote = actionOf(terms);
  const isGuarded = terms.reshare?.authority?.startsWith('0x') === true;
  return isGuarded && missing(session, 1, remote).length === 0 ? { messages: hashOf(said(session, 1, remote)) } : {};
}

function waitingFor(session: Live): number[] {
  const { terms, here, action } = session;
  const remote = actionOf(terms);
  const round = [1, 2, 3].find((n) => missing(session, n).length > 0);
  if (round === undefined) return [];
  // Those who are here wait for the words, or the action that is called from here for a cold share's signature.
  const isOurs = round === 1 && action !== undefined && missing(session, 1, remote).length === 0;
  if (terms.reshare === undefined || !isOurs) return missing(session, round);
  if (!session.isConfirmed) return [];
  const cold = terms.parties.filter(({ role }) => role === 'cold').map(({ index }) => index);
  return cold.filter((index) => !here.some((party) => party.index === index));
}

function envelopeOf(session: Live): Omit<Envelope, 'version' | 'kind'> {
  const { deal, terms, messages, authorization } = session;
  const indices = participantsOf(terms);
  const from = indices.filter((index) => isHere(session, index));
  const to = indices.filter((index) => !from.includes(index));
  return { deal, from, to, terms, messages, ...(authorization && { authorization }) };
}

function send(session: Live, out: string): void {
  writeEnvelope(out, envelopeOf(session));
}

async function blaming<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    const who = error.party === undefined ? '' : ` (party ${error.party})`;
    throw new ProtocolError(`The deal cannot go on: ${error.message}${who}.`, { next: AGAIN, cause: error });
  }
}
