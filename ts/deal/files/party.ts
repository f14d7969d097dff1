import { randomBytes } from '@noble/hashes/utils.js';
import { equalBytes, fromHex } from '../../core/bytes.ts';
import { encodeCbor } from '../../core/cbor.ts';
import type { Messages } from '../../core/wasm.ts';
import { ProtocolError, StoreError, UsageError, WalletError } from '../../errors.ts';
import { hashOf } from '../../protocol/permission.ts';
import { HOT } from '../../protocol/roles.ts';
import type { AskOptions } from '../../runtime/ask.ts';
import type { Runtime } from '../../runtime/types.ts';
import type { Key } from '../../store/age.ts';
import {
  assertTerms,
  type DealMessage,
  type DealSession,
  type DealTerms,
  dealName,
  forget,
  hasSession,
  keepLastFile,
  listDeals,
  readSession,
  removeSession,
  reshareOf,
  resharesOf,
  withMutex,
  writeSession,
} from '../../store/deals.ts';
import { draftWallet, localParties, readWallet, type Store, type WalletInfo } from '../../store/store.ts';
import { describeAction, describeKey } from '../describe.ts';
import type { AskAuthority } from '../permission.ts';
import { assertSigns, type HostedAction, paramsOf, participantsOf } from '../plan.ts';
import {
  advance,
  begin,
  blaming,
  clear,
  dealtBy,
  fresh,
  instances,
  type Load,
  missing,
  said,
  sendersIn,
} from '../play.ts';
import { hostWallet, type RemoteParty, remoteParty } from '../remote.ts';
import { type Envelope, encodeEnvelope, readEnvelope, writeEnvelope } from './envelope.ts';
import {
  assertJoinable,
  assertSameKey,
  dealOf,
  draftReshare,
  permit,
  permittedCall,
  planReshare,
  type ReshareDealOptions,
  sharesFor,
  walletOf,
} from './reshare.ts';
import { phraseOf, round1PhraseOf } from './words.ts';

// For Node, as they read and write files.
//
// Offline deals: keys of parties on several machines, which exchange files: no share but its own is ever on a machine.
//
// Each file holds every message that its writer knows, so files may go round in any order. A machine goes as far as the
// messages allow, replaces its session, and only then writes its own file, because a step must never be taken twice. Two
// machines, of which one runs the action:
//
//     hot, action → cold   round 1 of hot
//     cold → hot, action   round 1 of cold
//     hot, action → cold   rounds 1 and 2 of the action, 2 of hot
//     cold → hot, action   rounds 2 and 3 of cold
//     hot, action → cold   round 3 of both
//
// At the end both show the same six words. Until somebody has compared them there is no wallet: an attacker between the
// machines could have dealt with each of them alone.
//
// In a reshare that would be too late: by then an attacker would hold a part of a share. So there, twelve words come once round 1
// of all people is complete. A machine deals, and asks the action to deal, only after the words were compared on it. Everything
// after round 1 follows from it, so the end needs no words: docs/protocol.md.

interface PartyOptions extends AskOptions {
  readonly store: Store;
  /** Starts a fresh wasm instance; by default of build/tandem.wasm. */
  readonly load?: Load;
}

/** How far a deal is on this machine. */
export interface DealState {
  /** Names the deal, in hex. */
  readonly deal: string;
  readonly terms: DealTerms;
  /** The parties that are on this machine. */
  readonly here: readonly number[];
  /** The parties whose messages are missing. */
  readonly waitingFor: readonly number[];
  /** In a reshare: the words to compare, until somebody here has compared them. */
  readonly phrase?: string;
  /** In a reshare that a guardian permits: the `messages` that the guardian signs, once round 1 is complete. */
  readonly messages?: string;
  /** Once all have confirmed their shares: the key's address, and of a new key the words to compare. */
  readonly dealt?: { readonly address: string; readonly phrase?: string };
}

export interface BeginOptions extends PartyOptions {
  readonly threshold: number;
  /** 1 is hot, 2 the action, if there is one, the others are cold. */
  readonly parties: DealTerms['parties'];
  /** The parties that are on this machine, besides the action. */
  readonly here: readonly number[];
  /** The action, and where it runs: this machine calls it. */
  readonly action?: (HostedAction & { readonly authority: string }) | undefined;
  /** Let the action sign by dkls23 too, as in `KeygenOptions`. */
  readonly interactive?: boolean | undefined;
  /** The file for the other machines. */
  readonly out: string;
}

/** Begins a deal. @throws UsageError, StoreError; RuntimeError of the host */
export async function beginDeal(options: BeginOptions): Promise<DealState> {
  const { store, threshold, parties, here, action, interactive } = options;
  assertSigns(threshold, action && { interactive });
  const key = await store.key('any', 'the session');
  const wallet = action && (await hostWallet(action, options));
  const terms: DealTerms = {
    threshold,
    parties,
    runtime: action?.runtime.name ?? 'none',
    ...(action &&
      wallet !== undefined && {
        action: describeAction(action, { wallet, authority: action.authority, interactive }),
      }),
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
      next: 'if the hot share is lost, make another with recover first.',
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

interface GoOnOptions extends PartyOptions {
  /** Connects to the host of the action, if this machine is the one that calls it. */
  readonly connect?: ((name: Runtime['name']) => Promise<Runtime | undefined>) | undefined;
  /** Asks the authority over the action's share, if it takes no part in the deal: a guardian. */
  readonly askAuthority?: AskAuthority | undefined;
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
 * Takes the others' messages, goes as far as they allow and writes this machine's messages. May be called again with the same
 * files: it then writes the same messages.
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
  return withMutex(store, deal, async () => {
    const { session, key } = (await hasSession(store, deal))
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
  await goAsFar(session, options);
  const state = stateOf(session, await finished(session, options));
  options.onProgress?.('storing the session');
  await writeSession(options.store, session, key);
  send(session, options.out);
  return state;
}

/**
 * Goes on with new shares whose words were compared: from here on this machine deals, and a cold share on it permits the action
 * to deal. If called again, it signs again.
 *
 * @param phrase the words that all other machines show, or how to ask for them
 * @throws ProtocolError if the words differ: nothing was dealt; UsageError if there are no words yet; as {@link stepDeal}
 */
export async function confirmDeal(options: GoOnOptions & { deal: Uint8Array; phrase: Phrase }): Promise<DealState> {
  const { store, deal, phrase } = options;
  await assertHere(store, deal);
  return withMutex(store, deal, async () => {
    const { session, key } = await readSession(store, deal);
    try {
      const { terms } = session;
      const words = wordsOf(session);
      if (terms.reshare === undefined) throw new UsageError('The words of a new key come at the end: finish.');
      if (words === undefined) throw new UsageError('It is too early: the words come once all have joined.');
      if ((await typed(phrase, session)) !== words) {
        throw new ProtocolError('The words differ: the machines are not in the same deal.', {
          next: 'nothing was dealt. Compare once more; if they differ, drop the deal on all machines and send the files another way.',
        });
      }
      const { reshare } = terms;
      return await withMutex(store, reshare.account, async () => {
        await walletOf(store, reshare); // if new shares were finished in the meantime, the old ones are not dealt again
        await assertOnly(store, deal, reshare.account);
        session.isConfirmed = true;
        const round1 = said(session, 1, actionOf(terms));
        if (session.action === undefined) {
          session.authorization = await permit(store, terms, reshare, round1, options.load);
        }
        return goOn(session, key, options);
      });
    } finally {
      forget(session);
    }
  });
}

/** @throws UsageError if this machine takes no part in the deal */
async function assertHere(store: Store, deal: Uint8Array): Promise<void> {
  if (!(await hasSession(store, deal))) throw new UsageError('There is no such deal here.');
}

/**
 * If two deals go on at the same time, one machine might finish the one, another machine the other.
 *
 * @throws WalletError if another one of this wallet was confirmed here
 */
async function assertOnly(store: Store, deal: Uint8Array, account: string): Promise<void> {
  const all = await resharesOf(store, account);
  const other = all.find((one) => one.isConfirmed && !equalBytes(one.deal, deal));
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

/** For a reshare, the words that stand for round 1 of all people, once it is complete. */
function wordsOf(session: Live): string | undefined {
  const { terms, deal } = session;
  const remote = actionOf(terms);
  if (terms.reshare === undefined || absent(session, 1, remote).length > 0) return undefined;
  return round1PhraseOf(terms, deal, said(session, 1, remote));
}

/**
 * Makes the wallet of a deal whose words were compared, or gives it its new shares: this machine's, and the action's if it
 * has it, appear in the store in one step, and the session is deleted.
 *
 * @param phrase the words that the other machine shows, or how to ask for them: of a new key
 * @throws ProtocolError if the words differ, or it is too early; StoreError, UsageError
 */
export async function finishDeal(
  options: PartyOptions & { deal: Uint8Array; phrase?: Phrase | undefined },
): Promise<WalletInfo> {
  const { store, deal, phrase = '' } = options;
  await assertHere(store, deal);
  return withMutex(store, deal, async () => {
    const { session } = await readSession(store, deal);
    const dealt = await finished(session, options);
    if (dealt === undefined) throw new UsageError('It is too early: not all have confirmed their shares.');
    try {
      if (dealt.phrase !== undefined && (await typed(phrase, session)) !== dealt.phrase) {
        throw new ProtocolError('The words differ: the machines do not have the same key.', {
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
        // A process that was killed right here had stored the wallet already.
        if (!(error instanceof StoreError) || error.kind !== 'exists') throw error;
        if ((await readWallet(store, info.address)).keyId !== info.keyId) throw error;
      } finally {
        draft.discard();
      }
      await keepLastFile(store, deal, encodeEnvelope(envelopeOf(session)));
      if (reshare) await removeVoid(store, reshare, deal);
      await removeSession(store, deal);
      return info;
    } finally {
      clear(dealt.shares);
      forget(session);
    }
  });
}

/**
 * Deletes the sessions of other deals that were begun with the same old shares, since they contain parts of these. If a
 * process is at work on one, this waits for it, since it would write its session again. A session that does not open stays.
 */
async function removeVoid(store: Store, { account, keyId }: NonNullable<DealTerms['reshare']>, done: Uint8Array) {
  for (const deal of await listDeals(store)) {
    if (equalBytes(deal, done)) continue;
    const remove = async () => {
      const other = await reshareOf(store, deal);
      if (other?.account === account && other.keyId === keyId) await removeSession(store, deal);
    };
    await withMutex(store, deal, remove).catch(() => {});
  }
}

/**
 * Forgets a deal. Without this machine's part, the others cannot use what they have of it. The exception is a deal whose new
 * shares this machine has confirmed: the others may have deleted their old ones. `isLost` accepts that this machine loses its new ones.
 *
 * @throws WalletError if the others may rely on it; UsageError, StoreError
 */
export async function dropDeal(store: Store, deal: Uint8Array, isLost = false): Promise<void> {
  await assertHere(store, deal);
  await withMutex(store, deal, async () => {
    if (!isLost && (await hasConfirmed(store, deal))) {
      throw new WalletError(
        'The others may have the new shares already: without its own this machine would be left out.',
        {
          next: 'ask for their newest files again, and finish. If they all have dropped the deal: --yes.',
        },
      );
    }
    await removeSession(store, deal);
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

type Live = Omit<DealSession, 'version'>;

async function newSession(
  { store, load }: PartyOptions,
  deal: Uint8Array,
  terms: DealTerms,
  here: readonly number[],
): Promise<Live> {
  assertTerms(terms);
  const { reshare } = terms;
  const session: Live = { deal, terms, here: [], messages: [] };
  const shares = reshare ? await sharesFor(store, reshare, load) : new Map<number, Uint8Array>();
  try {
    if (reshare) assertSameKey(reshare, shares, await fresh(load));
    const known = reshare && { account: reshare.account, key: reshare.old, shares };
    const plan = dealOf(terms);
    const tandemOf = instances(load);
    for (const index of [...here].sort((a, b) => a - b)) {
      if (!participantsOf(plan).includes(index) || index === actionOf(terms)) {
        throw new UsageError(`Party ${index} cannot be on this machine.`);
      }
      await blamed(() => begin(session, paramsOf(plan, index, { known }), tandemOf));
    }
  } finally {
    clear(shares);
  }
  if (session.here.length === 0) throw new UsageError('Which party is here?');
  return session;
}

async function joined(options: StepOptions, { deal, terms, messages }: Envelope, named: readonly number[] | undefined) {
  const others = messages.filter(([round]) => round === 1).map(([, sender]) => sender);
  const here = named ?? (await sharesHere(options, terms)).filter((index) => !others.includes(index));
  if (here.length === 0) {
    const free = participantsOf(dealOf(terms)).filter((index) => index !== actionOf(terms) && !others.includes(index));
    throw new UsageError('This machine has no part in this deal.', {
      next: `to join, name its party with --here, out of ${free.join(', ')}.${await left(options.store, terms)}`,
    });
  }
  const taken = here.find((index) => messages.some(([, sender]) => sender === index));
  if (taken !== undefined) {
    throw new UsageError(
      `Party ${taken} of this deal is on another machine, or this machine has finished or dropped the deal.`,
    );
  }
  if (terms.reshare !== undefined) await assertJoinable(options.store, terms, terms.reshare, here);
  return newSession(options, deal, terms, here);
}

/** The parties of a deal of new shares whose old ones are here. */
async function sharesHere({ store }: PartyOptions, terms: DealTerms): Promise<number[]> {
  const info = terms.reshare && (await walletOf(store, terms.reshare));
  if (info === undefined) return [];
  const here = (await localParties(store, info)).map(({ index }) => index);
  return participantsOf(dealOf(terms)).filter((index) => here.includes(index));
}

/** Tells a machine that takes no part what happens to its shares. */
async function left(store: Store, { reshare }: DealTerms): Promise<string> {
  if (reshare === undefined || (await walletOf(store, reshare)) === undefined) return '';
  return ` The shares that are here are void once the others have finished: delete the folder of ${reshare.account} then.`;
}

/** Takes the messages of a file that are new. @throws ProtocolError, leaving the session as it was */
function merge(session: Live, { deal, terms, messages, authorization }: Envelope, path: string): void {
  if (!equalBytes(deal, session.deal)) {
    throw new UsageError(`${path} is of another deal.`, { next: 'take the files of one deal at a time.' });
  }
  if (!equalBytes(encodeCbor(terms), encodeCbor(session.terms))) {
    throw new ProtocolError(`${path} names other terms than the file that this machine began with.`, { next: AGAIN });
  }
  const taken: DealMessage[] = [];
  // In a reshare, messages after round 1 are taken only once round 1 is confirmed: they come again with every file.
  const isOpen = terms.reshare === undefined || session.isConfirmed === true;
  for (const message of messages) {
    const [round, sender, content] = message;
    if (!isOpen && (round > 1 || sender === actionOf(terms))) continue;
    const known = session.messages.find(([r, i]) => r === round && i === sender);
    if (known !== undefined && equalBytes(known[2], content)) continue;
    // A confirmation is checked whenever it is used: one that was changed makes room for the right one. If it were kept, the
    // others could finish, and this machine could not.
    const isFinal = round === 3;
    if (isFinal && isHere(session, sender)) continue;
    if (
      (known !== undefined && !isFinal) ||
      !sendersIn(dealOf(terms), round).includes(sender) ||
      isHere(session, sender)
    ) {
      throw new ProtocolError(`${path} holds another message of party ${sender} in round ${round}.`, { next: AGAIN });
    }
    taken.push(message);
  }
  const isReplaced = ([round, sender]: DealMessage) => taken.some(([r, i]) => r === round && i === sender);
  session.messages = [...session.messages.filter((message) => !isReplaced(message)), ...taken];
  const isNewer = (authorization?.expires ?? 0) > (session.authorization?.expires ?? 0);
  if (isOpen && isNewer && session.action !== undefined) session.authorization = authorization;
}

const AGAIN =
  'files were mixed up or changed on their way: ask for the newest again. If that repeats, drop the deal on all machines and begin again.';

function isHere({ here, action, terms }: Live, index: number): boolean {
  return here.some((party) => party.index === index) || (action !== undefined && index === actionOf(terms));
}

function actionOf({ parties }: DealTerms): number | undefined {
  return parties.find(({ role }) => role === 'action')?.index;
}

/** The parties whose message of a round is not here yet. */
function absent(session: Live, round: number, except?: number): number[] {
  return missing(session, dealOf(session.terms), round, except);
}

/** Goes as far as the messages allow: with new shares only once the words were compared. */
async function goAsFar(session: Live, options: GoOnOptions): Promise<void> {
  const { terms, isConfirmed } = session;
  if (terms.reshare !== undefined && isConfirmed !== true) return;
  const remote = () => remoteOf(session, options);
  await blamed(() => advance(session, dealOf(terms), remote, instances(options.load)));
}

/** The action of a deal, on the machine that calls it. In a reshare it waits for the permission of the authority. */
async function remoteOf(session: Live, options: GoOnOptions): Promise<RemoteParty> {
  const { terms, action } = session;
  const { action: held, reshare } = terms;
  if (held === undefined || action === undefined) throw new Error('there is no action here');
  const runtime = terms.runtime === 'none' ? undefined : await options.connect?.(terms.runtime);
  if (runtime === undefined) {
    throw new UsageError(`The action of this deal runs at ${terms.runtime}, which is not connected.`);
  }
  const part = async (round1: Messages) => {
    if (reshare === undefined) return { interactive: held.interactive };
    const permitted = await permittedCall(options, session, reshare, round1, runtime);
    return permitted && { share: permitted.holder.sealed, permission: permitted.permission };
  };
  return remoteParty({ runtime, cid: held.cid, source: action.source }, dealOf(terms), held, part, options);
}

interface Finished {
  readonly info: WalletInfo;
  readonly shares: ReadonlyMap<number, Uint8Array>;
  readonly phrase?: string;
}

/** The shares here, once all parties have confirmed theirs; the caller clears them. */
async function finished(session: Live, { load }: PartyOptions): Promise<Finished | undefined> {
  const { terms, deal } = session;
  const dealt = await blamed(() => dealtBy(session, dealOf(terms), instances(load)));
  if (dealt === undefined) return undefined;
  const { shares, infos } = dealt;
  try {
    const { runtime, action, created, reshare } = terms;
    const info = describeKey(infos, terms, { runtime, ...(action && { action }) }, created);
    if (reshare === undefined) return { info, shares, phrase: phraseOf(terms, deal, fromHex(info.keyId)) };
    if (info.address === reshare.account) return { info, shares };
    throw new ProtocolError('The new shares belong to another key than the terms say.', { next: AGAIN });
  } catch (error) {
    clear(shares);
    throw error;
  }
}

function stateOf(session: Live, dealt?: Finished): DealState {
  const { deal, terms, here } = session;
  if (dealt) clear(dealt.shares);
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

/** The words are not in what a guardian signs; a hash of the same messages is, which the machines show for the guardian. */
function guardedBy(session: Live): Pick<DealState, 'messages'> {
  const { terms } = session;
  const remote = actionOf(terms);
  const isGuarded = terms.reshare?.authority?.startsWith('0x') === true;
  return isGuarded && absent(session, 1, remote).length === 0 ? { messages: hashOf(said(session, 1, remote)) } : {};
}

function waitingFor(session: Live): number[] {
  const { terms, here, action } = session;
  const remote = actionOf(terms);
  const round = [1, 2, 3].find((n) => absent(session, n).length > 0);
  if (round === undefined) return [];
  // Those who are here wait for the words, or the action that is called from here for a cold share's signature.
  const isOurs = round === 1 && action !== undefined && absent(session, 1, remote).length === 0;
  if (terms.reshare === undefined || !isOurs) return absent(session, round);
  if (!session.isConfirmed) return [];
  const cold = terms.parties.filter(({ role }) => role === 'cold').map(({ index }) => index);
  return cold.filter((index) => !here.some((party) => party.index === index));
}

function envelopeOf(session: Live): Omit<Envelope, 'version' | 'kind'> {
  const { deal, terms, messages, authorization } = session;
  const indices = participantsOf(dealOf(terms));
  const from = indices.filter((index) => isHere(session, index));
  const to = indices.filter((index) => !from.includes(index));
  return { deal, from, to, terms, messages, ...(authorization && { authorization }) };
}

function send(session: Live, out: string): void {
  writeEnvelope(out, envelopeOf(session));
}

function blamed<T>(work: () => Promise<T>): Promise<T> {
  return blaming(work, (why) => `The deal cannot go on: ${why}.`, AGAIN);
}
