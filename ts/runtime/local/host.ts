import { availableParallelism } from 'node:os';
import * as v from 'valibot';
import { byteLength } from '../../core/bytes.ts';
import { readJson } from '../../json.ts';
import { CHUNK } from '../../protocol/cid.ts';
import { Cid } from '../../protocol/schema.ts';
import { RuntimeError } from '../errors.ts';
import { assertFits, fits } from '../fits.ts';
import { sourceCid } from '../source.ts';
import type { Json, Limits } from '../types.ts';
import { GENERATIONS, type Generation, type GenerationName } from './generations.ts';
import { type Answer, GuestProcess, OpError } from './guest-process.ts';
import { hasImports, inlineImports } from './imports.ts';
import { decryptFor, encryptFor, type HexKey, signingKey } from './keys.ts';
import { library } from './libraries.ts';
import { holdsAction, holdsWallet, newGroup, newWallet, type State, StateFile } from './state.ts';
import { Turns } from './turns.ts';

/** Options of a {@link LitHost}. */
export interface LitHostOptions {
  /** The folder for its state; made if it does not exist. */
  readonly dir: string;
  /** Default: those of its generation. */
  readonly limits?: Limits;
  /** How many processes wait, started but unused, for the next calls. Default 0. */
  readonly spare?: number;
  /** How many calls run at once; the others wait for their turn. Default: four for each processor. */
  readonly concurrency?: number;
  /** How many calls may wait before one is told to come back later. Default 1000. */
  readonly waiting?: number;
  /** Which generation of Lit's hosts it is like. Default: the newest. */
  readonly generation?: GenerationName;
  /** How long it takes until a permission that was given over the API counts, as at Lit. Default 0. */
  readonly settleMs?: number;
  /** A folder whose node_modules hold what actions import from jsDelivr. Default: this package. */
  readonly modules?: string;
}

/** One call of an action. Which keys the action gets follows from its source alone. */
export interface Call<Params = Json> {
  readonly source: string;
  /** If given, a source of another CID is refused. */
  readonly cid?: string;
  readonly params: Params;
  /** Whose call it is: the accounts share the turns. Default 0, the machine's own. */
  readonly account?: number;
  /** What the action reads as `Lit.Headers`. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Whether the action prints why it refuses, if its answer does not say so. This is for developing an action; no host of Lit does
   * it.
   */
  readonly showsRefusals?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Whether this caller's action may use a wallet. Default: if one group of any account holds both. */
  readonly mayUse?: (cid: string, wallet: string) => boolean;
}

/** The result of a call: the response (parsed if it is JSON) and what the action printed. */
export interface CallResult {
  readonly response: Json;
  readonly logs: string;
}

/** By default, how many calls run at once for each processor, and how many wait. */
export const CALLS_PER_PROCESSOR = 4;
export const MAX_WAITING = 1000;
const MAX_CIDS = 8;

/** What to do with a source that {@link faultOf} refuses. */
export const ANOTHER_LENGTH = 'add a byte, such as a line feed at the end: it is another action then';

/**
 * A host for Lit Actions on this machine: wallets, groups, keys, and calls, each in a Deno process of its own. The keys
 * stay in this process; an action gets what its CID and the groups allow.
 */
export class LitHost {
  readonly limits: Limits;
  readonly generation: Generation;
  readonly #state: StateFile;
  #spareCount: number;
  readonly #spares: GuestProcess[] = [];
  readonly #cids = new Map<string, string>();
  /** Sources with their imports put in, by CID. */
  readonly #bundles = new Map<string, Promise<string>>();
  readonly #modules: string | undefined;
  readonly #turns: Turns;

  private constructor(state: StateFile, options: LitHostOptions) {
    this.generation = GENERATIONS[options.generation ?? 'newest'];
    this.limits = options.limits ?? this.generation.limits;
    this.#state = state;
    this.#spareCount = options.spare ?? 0;
    this.#modules = options.modules;
    const { concurrency = CALLS_PER_PROCESSOR * availableParallelism(), waiting = MAX_WAITING } = options;
    this.#turns = new Turns(concurrency, waiting);
    this.#refill();
  }

  /** @throws {RuntimeError} `unavailable` if the state cannot be read */
  static async open(options: LitHostOptions): Promise<LitHost> {
    const state = await StateFile.open(options.dir, options.settleMs);
    state.read();
    return new LitHost(state, options);
  }

  /** The state, for other things that are kept in it. */
  get state(): StateFile {
    return this.#state;
  }

  /** Ends the processes that wait for calls. */
  close(): void {
    this.#spareCount = 0;
    for (const process of this.#spares.splice(0)) process.kill();
  }

  /** Makes a wallet and returns its address in lower case. */
  async createWallet(): Promise<string> {
    return this.#state.update(newWallet);
  }

  /** Lets exactly these actions use the wallet: the wallet leaves every other group. */
  async permit(wallet: string, ...cids: string[]): Promise<void> {
    cids.forEach(checkCid);
    await this.#state.update((state) => {
      const address = knownWallet(state, wallet);
      for (const group of state.groups) group.wallets = group.wallets.filter((member) => member !== address);
      const name = `tandem ${address}`;
      const group =
        state.groups.find((candidate) => candidate.account === 0 && candidate.name === name) ?? newGroup(state, name);
      group.cids = cids;
      group.wallets = [address];
    });
  }

  /**
   * Runs an action once.
   *
   * @throws {RuntimeError} `limit` or `busy` before anything runs, or whatever ended the action
   */
  async execute(call: Call): Promise<CallResult> {
    return this.executeText({ ...call, params: JSON.stringify(call.params) ?? 'null' });
  }

  /** The same with the parameters as JSON text. */
  async executeText(call: Call<string>): Promise<CallResult> {
    this.assertFits(call);
    const cid = await this.cidOf(call.source);
    if (call.cid !== undefined && call.cid !== cid) {
      throw new RuntimeError('input', `the source's CID is ${cid}, not ${call.cid}`);
    }
    const done = await this.#turns.take(call.account ?? 0, call.signal);
    try {
      const source = hasImports(call.source) ? await this.#bundle(cid, call.source) : call.source;
      // What is permitted now: it may have changed while the call waited.
      const state = this.#state.read();
      const mayUse = call.mayUse ?? ((cid, wallet) => oneGroupHolds(state, cid, wallet));
      const session = new Session(state, cid, this.limits, this.generation, mayUse);
      const process = this.#next();
      const { params, headers = {}, showsRefusals = false } = call;
      await process.run({ source, params, headers, showsRefusals }, session.answer, call.signal);
      return { response: parseResponse(session.response), logs: session.logs };
    } finally {
      done();
    }
  }

  /** @throws {RuntimeError} `limit` if code or parameters are longer than this host takes */
  assertFits({ source, params }: Pick<Call<string>, 'source' | 'params'>): void {
    assertFits({ code: byteLength(source) }, this.limits);
    const fault = faultOf(source);
    if (fault !== undefined) throw new RuntimeError('input', fault, { next: ANOTHER_LENGTH });
    assertFits({ params: byteLength(params) }, this.limits);
  }

  #bundle(cid: string, source: string): Promise<string> {
    const bundle = this.#bundles.get(cid) ?? inlineImports(source, this.#modules);
    remember(this.#bundles, cid, bundle);
    bundle.catch(() => this.#bundles.delete(cid));
    return bundle;
  }

  /** The CID of a source; those of the last few are remembered. @throws {RuntimeError} `input` if it is not well-formed Unicode */
  async cidOf(source: string): Promise<string> {
    const cid = this.#cids.get(source) ?? sourceCid(source);
    remember(this.#cids, source, cid);
    return cid;
  }

  /** A process that waits, or else a new one; another is started to wait in its place. */
  #next(): GuestProcess {
    let spare = this.#spares.shift();
    while (spare?.isAlive === false) spare = this.#spares.shift();
    const process = spare ?? this.#start();
    this.#refill();
    return process;
  }

  #start(): GuestProcess {
    return new GuestProcess(this.limits, this.generation);
  }

  #refill(): void {
    while (this.#spares.length < this.#spareCount) this.#spares.push(this.#start());
  }
}

/** What one call of one action may ask for, and what it has used up. */
class Session {
  response = '';
  logs = '';
  #logLength = 0;
  #fetches = 0;
  #keyOperations = 0;
  readonly #state: State;
  readonly #cid: string;
  readonly #limits: Limits;
  readonly #generation: Generation;
  readonly #mayUse: (cid: string, wallet: string) => boolean;

  constructor(
    state: State,
    cid: string,
    limits: Limits,
    generation: Generation,
    mayUse: (cid: string, wallet: string) => boolean,
  ) {
    this.#state = state;
    this.#cid = cid;
    this.#limits = limits;
    this.#generation = generation;
    this.#mayUse = mayUse;
  }

  readonly answer: Answer = async ({ op, ...args }) => {
    const text = (name: string): string => {
      const value = args[name];
      if (typeof value !== 'string') throw new OpError(`${name} must be a text`);
      return value;
    };
    switch (op) {
      case 'print':
        return this.#print(text('message'));
      case 'setResponse':
        return this.#setResponse(text('response'));
      case 'fetch':
        if (++this.#fetches > this.#limits.maxFetchCount) {
          throw new OpError(`an action may send ${this.#limits.maxFetchCount} HTTP requests`);
        }
        return this.#fetches;
      case 'library': {
        const script = await library(text('name'));
        if (script === undefined) throw new OpError('no such library');
        return script;
      }
      case 'encrypt':
        return encryptFor(this.#state.root, this.#wallet(text('wallet')), text('message'));
      case 'decrypt': {
        const given = text('ciphertext');
        const ciphertext = this.#generation.takes0x ? given.replace(/^0x/, '') : given;
        const message = decryptFor(this.#state.root, this.#wallet(text('wallet')), ciphertext);
        if (message === undefined) throw new OpError('decryption failed: another key, or an altered ciphertext');
        return message;
      }
      case 'privateKey':
        return signingKey(this.#state.root, 'wallet', this.#wallet(text('wallet'))).privateKey;
      case 'actionPrivateKey':
        return this.#action(this.#cid).privateKey;
      case 'actionPublicKey':
        return this.#action(text('cid'))[this.#generation.hasCompressedKeys ? 'compressedPublicKey' : 'publicKey'];
      case 'actionAddress':
        return this.#action(text('cid')).address;
      default:
        throw new OpError('no such operation');
    }
  };

  #print(message: string): null {
    this.#logLength += Buffer.byteLength(message);
    if (this.#logLength > this.#limits.maxConsoleLogLength) {
      throw new OpError(`an action may print ${this.#limits.maxConsoleLogLength} bytes`);
    }
    this.logs += message;
    return null;
  }

  #setResponse(response: string): null {
    const length = byteLength(response);
    if (!fits({ response: length }, this.#limits)) {
      throw new OpError(`the response has ${length} bytes; ${this.#limits.maxResponseLength} are allowed`);
    }
    this.response = response;
    return null;
  }

  /** The derivation path of a wallet that this action may use. */
  #wallet(wallet: string): string {
    this.#countKeyOperation();
    const address = wallet.toLowerCase();
    const path = Object.hasOwn(this.#state.wallets, address) ? this.#state.wallets[address] : undefined;
    if (path === undefined || !this.#mayUse(this.#cid, address))
      throw new OpError('this action may not use this wallet');
    return path;
  }

  #action(cid: string): HexKey {
    this.#countKeyOperation();
    if (!v.is(Cid, cid)) throw new OpError('not a CID of version 0');
    return signingKey(this.#state.root, 'action', cid);
  }

  #countKeyOperation(): void {
    if (++this.#keyOperations > this.#limits.maxGetKeysCount) {
      throw new OpError(`an action may do ${this.#limits.maxGetKeysCount} key operations`);
    }
  }
}

/** Why Lit's hosts could not hash a source; undefined if they can. They fail on one that is one whole chunk and nothing else. */
export function faultOf(source: string): string | undefined {
  return Buffer.byteLength(source) === CHUNK ? `Lit's hosts fail on a source of exactly ${CHUNK} bytes` : undefined;
}

function oneGroupHolds(state: State, cid: string, wallet: string): boolean {
  return state.groups.some((group) => holdsAction(group, cid) && holdsWallet(state, group, wallet));
}

/** Keeps the few entries that were used last. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= MAX_CIDS) break;
    map.delete(oldest);
  }
}

function checkCid(cid: string): string {
  if (!v.is(Cid, cid)) throw new RuntimeError('input', `not the CID of an action: ${cid}`);
  return cid;
}

function knownWallet(state: State, wallet: string): string {
  const address = wallet.toLowerCase();
  if (!Object.hasOwn(state.wallets, address)) throw new RuntimeError('input', `no wallet ${wallet}`);
  return address;
}

/** A response is text; where the text is JSON, and not too deep, the caller gets its value. */
function parseResponse(response: string): Json {
  try {
    return readJson(response) as Json;
  } catch {
    return response;
  }
}
