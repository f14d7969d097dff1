import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import * as v from 'valibot';
import { commandLine } from '#command';
import { decodeCbor, encodeCbor } from '../core/cbor.ts';
import { StoreError, UsageError } from '../errors.ts';
import { SignedPermission } from '../protocol/cosigner.ts';
import { Address, Authority, Epoch, Hex, Index, MAX_PARTIES } from '../protocol/schema.ts';
import { RUNTIMES } from '../runtime/types.ts';
import { type Key, sealer } from './age.ts';
import { ActionInfo, areRoles, DEALS, nameOf, openSealed, Party, type Store } from './store.ts';

// Offline deals in the store: what their machines agree on, and what this one keeps of each between two files.

export const DEAL_VERSION = 1;
const MAX_SESSION = 32 * 1024 * 1024;

const bytes = (min: number, max: number) =>
  v.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length >= min && value.length <= max);

/** The error for terms that give an index another role. */
const ROLES = 'other roles than those of the indices';

/** What all machines agree on. The words cover it too. */
export const DealTerms = v.pipe(
  v.strictObject({
    threshold: Index,
    parties: v.pipe(v.array(Party), v.minLength(2), v.maxLength(MAX_PARTIES)),
    runtime: v.picklist([...RUNTIMES, 'none']),
    action: v.optional(v.omit(ActionInfo, ['retired'])),
    created: v.pipe(v.string(), v.isoTimestamp()),
    /** New shares of a key that exists. */
    reshare: v.optional(
      v.strictObject({
        account: Address,
        /** The present sharing: its id and all its public data, in the form that the wasm module takes. */
        keyId: Hex(32),
        old: bytes(1, 4096),
        /** The present authority over the action's share. */
        authority: v.optional(Authority),
        /** The epoch of the new shares. */
        epoch: Epoch,
        /** The old parties that deal, ascending. */
        dealers: v.pipe(v.array(Index), v.minLength(2), v.maxLength(MAX_PARTIES)),
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
const DealMessage = v.strictTuple([v.picklist([1, 2, 3]), Index, bytes(1, 8192)]);
export const DealMessages = v.pipe(
  v.array(DealMessage),
  v.maxLength(96),
  v.check((all) => new Set(all.map(([round, sender]) => `${round}.${sender}`)).size === all.length, 'twice the same'),
);

export const DealId = bytes(16, 16);

/** What a machine keeps between two files, sealed like a share. */
const DealSession = v.strictObject({
  version: v.literal(DEAL_VERSION),
  deal: DealId,
  terms: DealTerms,
  /** The parties of this machine, each with the rounds it has been through and what the next one needs: secret. */
  here: v.array(v.strictObject({ index: Index, round: v.picklist([1, 2, 3]), session: bytes(0, 32 * 1024) })),
  /** The action, on the machine that runs it: its source, its session between its two calls, its sealed share. */
  action: v.optional(
    v.strictObject({ source: v.string(), session: v.optional(v.string()), sealed: v.optional(v.string()) }),
  ),
  messages: DealMessages,
  /** New shares: the words of round 1 were compared. */
  isConfirmed: v.optional(v.boolean()),
  /** A cold share's, for the action to deal. */
  authorization: v.optional(SignedPermission),
});

export type DealTerms = v.InferOutput<typeof DealTerms>;
export type DealMessage = v.InferOutput<typeof DealMessage>;
export type DealSession = v.InferOutput<typeof DealSession>;

/** @throws UsageError if no machine would take these terms */
export function assertTerms(terms: DealTerms): void {
  const result = v.safeParse(DealTerms, terms);
  if (result.success) return;
  const where = v.getDotPath(result.issues[0]) ?? 'parties';
  throw new UsageError(`These are not the terms of a deal: ${where}: ${result.issues[0].message}.`, {
    next: ROLES_ADVICE,
  });
}

const ROLES_ADVICE = 'party 1 is hot, 2 the action where there is one, and all others are cold.';

/** The id of a deal as it names files, and as people give it. */
export function dealName(deal: Uint8Array): string {
  return bytesToHex(deal);
}

/** The command that ends a deal here. */
export function dropCommand(store: Store, deal: Uint8Array): string {
  return `${commandLine('party')} drop --store ${store.name} --deal ${dealName(deal)}`;
}

/** Serialises work on one deal (by its id), or on one wallet (by its address): confirming a deal of it, or changing it. */
export async function withMutex<T>(store: Store, what: Uint8Array | string, work: () => Promise<T>): Promise<T> {
  await store.makeFolder(DEALS);
  const { release } = await store.mutex(`${DEALS}/${typeof what === 'string' ? what : dealName(what)}.lock`);
  try {
    return await work();
  } finally {
    release();
  }
}

/** The deals that this machine takes part in. */
export async function listDeals(store: Store): Promise<Uint8Array[]> {
  const names = await store.list(DEALS);
  return names.filter((name) => /^[0-9a-f]{32}\.age$/.test(name)).map((name) => hexToBytes(name.slice(0, 32)));
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
  for (const deal of await listDeals(store)) {
    const reshare = await reshareOf(store, deal).catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
      throw new StoreError(
        error.kind,
        `The offline deal ${dealName(deal)} does not open, and may belong to this wallet.`,
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

/** The file of a session, in the folder of deals. */
function sessionFile(deal: Uint8Array): string {
  return `${dealName(deal)}.age`;
}

export async function hasSession(store: Store, deal: Uint8Array): Promise<boolean> {
  return store.has(`${DEALS}/${sessionFile(deal)}`);
}

/** A session and the key it was opened with, for sealing the next. @throws StoreError */
export async function readSession(store: Store, deal: Uint8Array): Promise<{ session: DealSession; key: Key }> {
  const file = `${DEALS}/${sessionFile(deal)}`;
  const path = nameOf(store, file);
  const { plain, key } = await openSealed(store, await store.read(file, MAX_SESSION), path);
  try {
    return { session: parseDeal(DealSession, plain, path, 'no session of a deal'), key };
  } finally {
    plain.fill(0);
  }
}

/**
 * Keeps a session in the place of the one before, which is gone once this returns: before the message of the new one
 * leaves, as nobody must take the same step twice.
 */
export async function writeSession(store: Store, session: Omit<DealSession, 'version'>, key: Key): Promise<void> {
  assertTerms(session.terms);
  const plain = encodeCbor({ version: DEAL_VERSION, ...session });
  try {
    const data = await sealer(key)(plain);
    await store.makeFolder(DEALS);
    await store.commit(DEALS, { write: [{ path: sessionFile(session.deal), data }] });
  } finally {
    plain.fill(0);
  }
}

/** Clears the secrets of a session. */
export function forget({ here }: Pick<DealSession, 'here'>): void {
  for (const { session } of here) session.fill(0);
}

/** Keeps a copy of a deal's last file, in case it is lost on its way: all parties need it, and only this machine can write it. */
export async function keepLastFile(store: Store, deal: Uint8Array, data: Uint8Array): Promise<void> {
  await store.commit(DEALS, { write: [{ path: `${dealName(deal)}.deal`, data }] });
}

export async function removeSession(store: Store, deal: Uint8Array): Promise<void> {
  await store.commit(DEALS, { remove: [sessionFile(deal)] });
}

/** Reads a file of an offline deal. @throws StoreError altered, version: `what` says what it is not */
export function parseDeal<S extends v.GenericSchema>(
  schema: S,
  data: Uint8Array,
  path: string,
  what: string,
): v.InferOutput<S> {
  let value: unknown;
  try {
    value = plainObjects(decodeCbor(data));
  } catch {
    // The cause could quote a session; it is dropped.
    throw new StoreError('altered', `${path} is cut short or altered: ${what}.`, { next: 'ask for it again.' });
  }
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version === 'number' && version !== DEAL_VERSION) {
    throw new StoreError('version', `${path} has version ${version}; this tandem knows version ${DEAL_VERSION}.`, {
      next: 'use the same version on all machines.',
    });
  }
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  if (result.issues[0].message === ROLES) {
    throw new StoreError('altered', `${path} gives its parties wrong roles: ${ROLES_ADVICE}`, {
      next:
        'confirm nothing. Somebody changed it on its way, or the machine that began is compromised: drop the deal on ' +
        'all machines (party drop --yes).',
    });
  }
  // A name that nobody agreed on is the sender's, who could write anything on the screen with it.
  const where = /^[\w.]{1,64}$/.exec(v.getDotPath(result.issues[0]) ?? '')?.[0] ?? 'content';
  throw new StoreError('altered', `${path} is ${what}: ${where} is not as agreed.`, { next: 'ask for it again.' });
}

/** Maps with text keys, at any depth, as objects. */
function plainObjects(value: unknown): unknown {
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([name, inner]) => [String(name), plainObjects(inner)]));
  }
  return Array.isArray(value) ? value.map(plainObjects) : value;
}
