import { createHash, scryptSync } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { english } from 'viem/accounts';
import { decodeCbor, encodeCbor } from '../../core/cbor.ts';
import { StoreError, UsageError } from '../../errors.ts';
import { makeFolder, readLimited, syncFolder, takeLock, writeDurable } from '../../files/files.ts';
import { type Key, sealer } from '../../store/age.ts';
import {
  ActionInfo,
  Address,
  Authority,
  areRoles,
  DEALS,
  Epoch,
  Hex,
  Index,
  openSealed,
  Party,
  type Store,
} from '../../store/store.ts';

// A deal whose parties are on several machines: the files that go between them, and what each keeps meanwhile.

const VERSION = 1;
const LIMIT = { message: 1024 * 1024, session: 32 * 1024 * 1024 };

const bytes = (min: number, max: number) =>
  v.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length >= min && value.length <= max);

/** What is wrong with terms that call an index what it is not. */
const ROLES = 'other roles than those of the indices';

/** What all machines agree on: the words are made of it too. */
const Terms = v.pipe(
  v.strictObject({
    threshold: Index,
    parties: v.pipe(v.array(Party), v.minLength(2), v.maxLength(16)),
    runtime: v.picklist(['local', 'chipotle', 'lit-node-client', 'none']),
    action: v.optional(v.omit(ActionInfo, ['retired'])),
    created: v.pipe(v.string(), v.isoTimestamp()),
    /** New shares of a key that exists. */
    reshare: v.optional(
      v.strictObject({
        account: Address,
        /** The sharing that there is: its id, and all that is public of it, as the wasm module takes it. */
        keyId: Hex(32),
        old: bytes(1, 4096),
        /** The authority over the action's share as it is. */
        authority: v.optional(Authority),
        /** Of the new shares. */
        epoch: Epoch,
        /** The old parties that deal, ascending. */
        dealers: v.pipe(v.array(Index), v.minLength(2), v.maxLength(16)),
      }),
    ),
  }),
  v.check(({ parties, action }) => areRoles(parties, action !== undefined), ROLES),
  v.check(
    ({ action, reshare }) => action === undefined || action.authority.toLowerCase() !== reshare?.account.toLowerCase(),
    'its own authority',
  ),
);

/** Round, sender, and what it sent to all. */
const Message = v.strictTuple([v.picklist([1, 2, 3]), Index, bytes(1, 8192)]);
const Messages = v.pipe(
  v.array(Message),
  v.maxLength(96),
  v.check((all) => new Set(all.map(([round, sender]) => `${round}.${sender}`)).size === all.length, 'twice the same'),
);

/** A cold share's signature that the action may deal its own, and until when it is good. */
const Authorization = v.strictObject({
  by: v.optional(Index),
  signature: v.custom<`0x${string}`>((value) => typeof value === 'string' && /^0x(?:[0-9a-f]{2}){64,65}$/.test(value)),
  expires: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
});

const Id = bytes(16, 16);

/**
 * A file between machines, deterministic CBOR: every message of the deal that its writer knows. A relay learns who takes
 * part, and the public key: nothing of a share, which only travels sealed to its party.
 */
const Envelope = v.strictObject({
  version: v.literal(VERSION),
  kind: v.literal('tandem-deal'),
  deal: Id,
  /** The parties of the machine that wrote it, and those it is for. */
  from: v.array(Index),
  to: v.array(Index),
  terms: Terms,
  messages: Messages,
  authorization: v.optional(Authorization),
});

/** What a machine keeps between two files, sealed like a share. */
const Session = v.strictObject({
  version: v.literal(VERSION),
  deal: Id,
  terms: Terms,
  /** The parties of this machine, each with the rounds it has been through and what the next one needs: secret. */
  here: v.array(v.strictObject({ index: Index, round: v.picklist([1, 2, 3]), session: bytes(0, 32 * 1024) })),
  /** The action, on the machine that runs it: its source, its session between its two calls, its sealed share. */
  action: v.optional(
    v.strictObject({ source: v.string(), session: v.optional(v.string()), sealed: v.optional(v.string()) }),
  ),
  messages: Messages,
  /** New shares: the words of round 1 were compared. */
  isConfirmed: v.optional(v.boolean()),
  authorization: v.optional(Authorization),
});

export type Terms = v.InferOutput<typeof Terms>;
export type Message = v.InferOutput<typeof Message>;
export type Envelope = v.InferOutput<typeof Envelope>;
export type Session = v.InferOutput<typeof Session>;

/** @throws StoreError missing, altered, version */
export function readEnvelope(path: string): Envelope {
  return parse(Envelope, readLimited(path, LIMIT.message), path, 'no message of a deal');
}

/** @throws UsageError if no machine would take these terms */
export function assertTerms(terms: Terms): void {
  const result = v.safeParse(Terms, terms);
  if (result.success) return;
  const where = v.getDotPath(result.issues[0]) ?? 'parties';
  throw new UsageError(`These are no terms of a deal: ${where}: ${result.issues[0].message}.`, { next: ROLES_ADVICE });
}

/** Replaces what was at the path. @throws UsageError as {@link assertTerms} does */
export function writeEnvelope(path: string, envelope: Omit<Envelope, 'version' | 'kind'>): void {
  assertTerms(envelope.terms);
  writeDurable(path, encodeCbor({ version: VERSION, kind: 'tandem-deal', ...envelope }));
}

/** Where sessions are kept, in the store. */
function sessionsFolder(store: Store): string {
  return join(store.dir, DEALS);
}

/** The id of a deal as it names files, and as people give it. */
export function dealName(deal: Uint8Array): string {
  return Buffer.from(deal).toString('hex');
}

/** The command that ends a deal here. */
export function dropCommand(store: Store, deal: Uint8Array): string {
  return `npx tsx scripts/party.ts drop --store ${store.dir} --deal ${dealName(deal)}`;
}

/** One process at a time works on a deal, by its id; and, by the address, confirms one of a wallet or changes it otherwise. */
export async function locked<T>(store: Store, what: Uint8Array | string, work: () => Promise<T>): Promise<T> {
  const folder = sessionsFolder(store);
  makeFolder(folder);
  const release = await takeLock(join(folder, `${typeof what === 'string' ? what : dealName(what)}.lock`));
  try {
    return await work();
  } finally {
    release();
  }
}

/** The deals that this machine takes part in. */
export function listDeals(store: Store): Uint8Array[] {
  let names: string[];
  try {
    names = readdirSync(sessionsFolder(store));
  } catch {
    return [];
  }
  return names.filter((name) => /^[0-9a-f]{32}\.age$/.test(name)).map((name) => Buffer.from(name.slice(0, 32), 'hex'));
}

/** A deal of new shares that is under way here. */
interface ReshareDeal {
  readonly deal: Uint8Array;
  readonly account: string;
  /** The sharing that it takes the place of. */
  readonly keyId: string;
  readonly isConfirmed: boolean;
}

/** The wallet that a deal gives new shares, if it does. @throws StoreError, if its session does not open */
export async function reshareOf(store: Store, deal: Uint8Array): Promise<ReshareDeal | undefined> {
  const { session } = await readSession(store, deal);
  forget(session);
  const { terms, isConfirmed = false } = session;
  return terms.reshare && { deal, account: terms.reshare.account, keyId: terms.reshare.keyId, isConfirmed };
}

/** The deals that give a wallet new shares. @throws StoreError, if one does not open: it may be of this wallet */
export async function resharesOf(store: Store, account: string): Promise<ReshareDeal[]> {
  const found: ReshareDeal[] = [];
  for (const deal of listDeals(store)) {
    const reshare = await reshareOf(store, deal).catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
      throw new StoreError(
        error.kind,
        `The deal by files ${dealName(deal)} does not open, and may be of this wallet.`,
        {
          next: `use the key that it was begun with, or drop it on all machines: ${dropCommand(store, deal)} --yes`,
          cause: error,
        },
      );
    });
    if (reshare?.account === account) found.push(reshare);
  }
  return found;
}

function sessionPath(store: Store, deal: Uint8Array): string {
  return join(sessionsFolder(store), `${dealName(deal)}.age`);
}

export function hasSession(store: Store, deal: Uint8Array): boolean {
  return existsSync(sessionPath(store, deal));
}

/** A session and the key it was opened with, for sealing the next. @throws StoreError */
export async function readSession(store: Store, deal: Uint8Array): Promise<{ session: Session; key: Key }> {
  const path = sessionPath(store, deal);
  const { plain, key } = await openSealed(store, readLimited(path, LIMIT.session), path);
  try {
    return { session: parse(Session, plain, path, 'no session of a deal'), key };
  } finally {
    plain.fill(0);
  }
}

/**
 * Keeps a session in the place of the one before, which is gone once this returns: before the message of the new one
 * leaves, as nobody must take the same step twice.
 */
export async function writeSession(store: Store, session: Omit<Session, 'version'>, key: Key): Promise<void> {
  assertTerms(session.terms);
  const plain = encodeCbor({ version: VERSION, ...session });
  try {
    const sealed = await sealer(key)(plain);
    makeFolder(sessionsFolder(store));
    writeDurable(sessionPath(store, session.deal), sealed);
  } finally {
    plain.fill(0);
  }
}

/** Clears what of a session is secret. */
export function forget({ here }: Pick<Session, 'here'>): void {
  for (const { session } of here) session.fill(0);
}

/** A copy of a deal's last file, which all parties need and only this machine can write: it may be lost on its way. */
export function keepEnvelope(store: Store, envelope: Omit<Envelope, 'version' | 'kind'>): void {
  writeEnvelope(sessionPath(store, envelope.deal).replace(/age$/, 'deal'), envelope);
}

export function removeSession(store: Store, deal: Uint8Array): void {
  rmSync(sessionPath(store, deal), { force: true });
  syncFolder(sessionsFolder(store));
}

/**
 * Six words that stand for a new key: the parties' machines show the same ones exactly if they speak of the same key, with
 * the same terms. Round 1 commits every party before it sees what the others add to the key, so that whoever stands between
 * the machines cannot choose his part to make the words agree: 66 bits.
 */
export function phraseOf(terms: Terms, deal: Uint8Array, keyId: Uint8Array): string {
  return words(6, hashOf(['TANDEM-V1-PHRASE', deal, terms, keyId]));
}

/**
 * Twelve words that stand for what new shares will be made of, before they are: the terms, and round 1 of all people. Nothing
 * commits whoever stands between to a part of it. He may try as many as he likes with each of two machines until their words
 * agree, so there are twice as many: 132 bits, of which two agree after 2^66 tries; and each of his tries is an scrypt.
 */
export function round1PhraseOf(terms: Terms, deal: Uint8Array, round1: ReadonlyMap<number, Uint8Array>): string {
  const hash = hashOf(['TANDEM-V1-ROUND1', deal, terms, round1]);
  return words(12, scryptSync(hash, 'TANDEM-V1-ROUND1', 32, SCRYPT));
}

/** 32 MB, and a tenth of a second. */
const SCRYPT = { N: 2 ** 15, r: 8, p: 1, maxmem: 2 ** 26 };

const ROLES_ADVICE = 'party 1 is hot, 2 the action where there is one, and all others are cold.';

function hashOf(value: unknown[]): Buffer {
  return createHash('sha256').update(encodeCbor(value)).digest();
}

function words(count: number, bytes: Buffer): string {
  const number = BigInt(`0x${bytes.toString('hex')}`);
  return Array.from({ length: count }, (_, i) => english[Number((number >> BigInt(11 * i)) & 0x7ffn)]).join(' ');
}

function parse<S extends v.GenericSchema>(schema: S, data: Uint8Array, path: string, what: string): v.InferOutput<S> {
  let value: unknown;
  try {
    value = plainObjects(decodeCbor(data));
  } catch {
    // The cause could quote a session; it is dropped.
    throw new StoreError('altered', `${path} is cut short or altered: ${what}.`, { next: 'have it sent again.' });
  }
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version === 'number' && version !== VERSION) {
    throw new StoreError('version', `${path} has version ${version}; this tandem knows version ${VERSION}.`, {
      next: 'use the same version on all machines.',
    });
  }
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  if (result.issues[0].message === ROLES) {
    throw new StoreError('altered', `${path} calls its parties what they are not: ${ROLES_ADVICE}`, {
      next:
        'confirm nothing. Somebody changed it on its way, or the machine that began is in the wrong hands: drop the deal on ' +
        'all machines (party.ts drop --yes).',
    });
  }
  // A name that nobody agreed on is the sender's, who could write anything on the screen with it.
  const where = /^[\w.]{1,64}$/.exec(v.getDotPath(result.issues[0]) ?? '')?.[0] ?? 'content';
  throw new StoreError('altered', `${path} is ${what}: ${where} is not as agreed.`, { next: 'have it sent again.' });
}

/** Maps with text keys, at any depth, as objects. */
function plainObjects(value: unknown): unknown {
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([name, inner]) => [String(name), plainObjects(inner)]));
  }
  return Array.isArray(value) ? value.map(plainObjects) : value;
}
