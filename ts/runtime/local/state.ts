import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { readLimited, writeDurable } from '../../files/files.ts';
import { takeMutex } from '../../files/mutex.ts';
import { readJson } from '../../json.ts';
import { actionHash } from '../../protocol/cid.ts';
import { Hex } from '../../protocol/schema.ts';
import { RuntimeError } from '../errors.ts';
import { signingKey } from './keys.ts';

/** The largest state file that is read, and so that is written, in bytes. */
const MAX_STATE = 16 * 1024 * 1024;

/** How many accounts there may be, and what each may hold, in bytes as the file has it: together less than the file may. */
export const MAX_ACCOUNTS = 200;
export const ACCOUNT_ROOM = 64 * 1024;

const hex32 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const groupId = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** What a usage key may do, by the names that Lit's API gives it; in a list of groups 0 stands for all. */
export const scopeSchema = v.object({
  can_create_groups: v.boolean(),
  can_delete_groups: v.boolean(),
  can_create_pkps: v.boolean(),
  manage_ipfs_ids_in_groups: v.array(groupId),
  add_pkp_to_groups: v.array(groupId),
  remove_pkp_from_groups: v.array(groupId),
  execute_in_groups: v.array(groupId),
});

const named = { name: v.string(), description: v.string() };
/** An account's number; 0 is the machine's own, whose groups and wallets were made without an API key. */
const account = v.optional(v.number(), 0);

const stateSchema = v.strictObject({
  version: v.literal(1),
  /** The secret that every key of this host is derived from. */
  root: hex32,
  /** A wallet's address to the path that its keys are derived with. */
  wallets: v.record(v.string(), hex32),
  groups: v.array(
    v.strictObject({
      id: v.number(),
      account,
      name: v.string(),
      description: v.optional(v.string(), ''),
      /** CIDs, or the hashes that the API names them by; {@link ANY} for all. */
      cids: v.array(v.string()),
      /** Addresses; {@link ANY} for all of the account. */
      wallets: v.array(v.string()),
    }),
  ),
  accounts: v.optional(v.array(v.strictObject({ ...named, keyHash: hex32, wallet: v.string() })), []),
  usageKeys: v.optional(
    v.array(
      v.strictObject({
        ...named,
        account: v.number(),
        keyHash: hex32,
        /** By which the lists name it: Keccak-256. Keys of version 0.1.0 have none. */
        listedHash: v.optional(Hex(32)),
        /** In seconds since 1970. */
        expiration: v.optional(v.number(), 0),
        scope: scopeSchema,
      }),
    ),
    [],
  ),
  /** The owners of the wallets that were made over the API. */
  owners: v.optional(v.record(v.string(), v.strictObject({ ...named, account: v.number() })), {}),
  /** Actions that accounts have given a name. */
  actions: v.optional(v.array(v.strictObject({ ...named, account: v.number(), hash: Hex(32) })), []),
});

/** What a local host keeps. */
export type State = v.InferOutput<typeof stateSchema>;

/** Actions and wallets that belong together: its actions may use its wallets. */
export type Group = State['groups'][number];

/** What a usage key may do. */
export type Scope = v.InferOutput<typeof scopeSchema>;

/** In a group: every action, or every wallet of its account. */
export const ANY = '*';

/** Whether an action is in a group. */
export function holdsAction({ cids }: Group, cid: string): boolean {
  return cids.includes(cid) || cids.includes(ANY) || cids.includes(actionHash(cid));
}

/** Whether a wallet is in a group. */
export function holdsWallet(state: State, { wallets, account }: Group, address: string): boolean {
  return wallets.includes(address) || (wallets.includes(ANY) && ownerOf(state, address) === account);
}

/** The account that a wallet belongs to; undefined if there is no such wallet. */
export function ownerOf(state: State, address: string): number | undefined {
  if (!Object.hasOwn(state.wallets, address)) return undefined;
  return Object.hasOwn(state.owners, address) ? state.owners[address]?.account : 0;
}

/** Makes an empty group. */
export function newGroup(state: State, name: string, account = 0): Group {
  const id = Math.max(0, ...state.groups.map((group) => group.id)) + 1;
  const group = { id, account, name, description: '', cids: [], wallets: [] };
  state.groups.push(group);
  return group;
}

/** Makes a wallet and returns its address in lower case. */
export function newWallet(state: State): string {
  const path = randomBytes(32).toString('hex');
  const { address } = signingKey(state.root, 'wallet', path);
  state.wallets[address] = path;
  return address;
}

const FILE = 'state.json';

/**
 * Why a host with this state cannot open what is sealed under a wallet's encryption; undefined if it can.
 *
 * @param state undefined if there is none in its folder
 */
export function strangerProblem(state: State | undefined, dir: string, wallet: string): RuntimeError | undefined {
  if (state !== undefined && Object.hasOwn(state.wallets, wallet)) return undefined;
  const what =
    state === undefined ? `there is no local host in ${dir}` : `the local host in ${dir} is not the one of this wallet`;
  return new RuntimeError('permission', `${what}, so the action cannot open its share`, {
    next:
      `put the folder ${dir} back from a backup, in the place of what is there. Without one, the hot and the cold share still sign ` +
      '(sign --recovery), and recover --new-action gives the key another action',
  });
}

/** What an account holds, in bytes as the file has it. */
function heldBy(state: State, account: number): number {
  const own = <T extends { readonly account: number }>(list: readonly T[]) =>
    list.filter((of) => of.account === account);
  const wallets = Object.entries(state.owners)
    .filter(([, owner]) => owner.account === account)
    .map(([address, owner]) => [address, owner, address, state.wallets[address]]);
  return Buffer.byteLength(
    JSON.stringify([state.accounts[account - 1], own(state.groups), own(state.usageKeys), own(state.actions), wallets]),
  );
}

/** A local host's state: one JSON file of mode 0600 in a folder of mode 0700. A crash leaves the old one or the new. */
export class StateFile {
  readonly #path: string;
  readonly #settleMs: number;
  /** The last change that this process makes or waits to make: they come one after another. */
  #last: Promise<unknown> = Promise.resolve();
  /** What the state was before this process's changes, and until when; as long as that counts. */
  readonly #before: { readonly state: State; readonly until: number }[] = [];

  private constructor(path: string, settleMs: number) {
    this.#path = path;
    this.#settleMs = settleMs;
  }

  /**
   * Opens the state in a folder, or begins one.
   *
   * @param settleMs how long changes that this process makes do not count yet for {@link settled}
   */
  static async open(dir: string, settleMs = 0): Promise<StateFile> {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const file = new StateFile(join(dir, FILE), settleMs);
    const unlock = await takeMutex(`${file.#path}.lock`);
    try {
      if (!existsSync(file.#path)) {
        file.#write(
          v.parse(stateSchema, { version: 1, root: randomBytes(32).toString('hex'), wallets: {}, groups: [] }),
        );
      }
    } finally {
      unlock();
    }
    return file;
  }

  /**
   * The state in a folder, without beginning one; undefined if there is none.
   *
   * @throws {RuntimeError} `unavailable` if it is damaged
   */
  static readIn(dir: string): State | undefined {
    const path = join(dir, FILE);
    return existsSync(path) ? readState(path) : undefined;
  }

  /** The folder that it is in. */
  get dir(): string {
    return dirname(this.#path);
  }

  /** @throws {RuntimeError} `unavailable` if the file is missing or damaged */
  read(): State {
    return readState(this.#path);
  }

  /** The state that decides what is permitted: the state of a while ago. */
  settled(): State {
    const then = Date.now() - this.#settleMs;
    while (this.#before[0] !== undefined && this.#before[0].until <= then) this.#before.shift();
    return this.#before[0]?.state ?? this.read();
  }

  /** Changes the state. `change` gets the newest, whichever process wrote it, and edits it in place. */
  update<T>(change: (state: State) => T): Promise<T> {
    const done = this.#last.then(() => this.#update(change));
    this.#last = done.catch(() => {});
    return done;
  }

  /**
   * Changes what an account holds.
   *
   * @throws {RuntimeError} `limit` if it would hold more than an account may
   */
  updateFor<T>(account: number, change: (state: State) => T): Promise<T> {
    return this.update((state) => {
      const before = heldBy(state, account);
      const result = change(state);
      const held = heldBy(state, account);
      if (held > ACCOUNT_ROOM && held > before) {
        throw new RuntimeError('limit', `the account would hold ${held} bytes; ${ACCOUNT_ROOM} are allowed`, {
          next: 'remove groups or usage keys that are not needed any more, or make another account',
        });
      }
      return result;
    });
  }

  async #update<T>(change: (state: State) => T): Promise<T> {
    const unlock = await takeMutex(`${this.#path}.lock`);
    try {
      const state = this.read();
      const before = this.#settleMs > 0 ? this.read() : undefined;
      const result = change(state);
      this.#write(state);
      if (before !== undefined) this.#before.push({ state: before, until: Date.now() });
      return result;
    } finally {
      unlock();
    }
  }

  /** A state that could not be read again is not written: nobody could undo that. */
  #write(state: State): void {
    const bytes = Buffer.from(`${JSON.stringify(state)}\n`);
    if (bytes.length > MAX_STATE) {
      throw new RuntimeError(
        'limit',
        `the local host's state would have ${bytes.length} bytes; ${MAX_STATE} are allowed`,
        {
          next: 'remove groups that are not needed any more, or begin another folder (--store)',
        },
      );
    }
    parse(bytes);
    writeDurable(this.#path, bytes);
  }
}

function readState(path: string): State {
  try {
    return parse(Buffer.from(readLimited(path, MAX_STATE)));
  } catch (cause) {
    throw new RuntimeError('unavailable', `the local host's state cannot be read: ${path}`, {
      next: 'restore the file from a backup: without it the wallets of this host cannot be used',
      cause,
    });
  }
}

function parse(bytes: Buffer): State {
  return v.parse(stateSchema, readJson(bytes.toString('utf8')));
}
