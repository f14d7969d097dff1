import * as v from 'valibot';
import { StoreError } from '../errors.ts';
import { readJson } from '../json.ts';
import { browserState } from '../store/indexed-db.ts';
import type { Store } from '../store/store.ts';

// Which origins are connected, each with the chain it is on, and which chains there are. It is neither secret nor a document: it is
// with the state of this origin, and not in a backup.

const LIMIT = 16 * 1024;
const CONNECTIONS = 'connections';
const CHAINS = 'chains';

const ChainId = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const Short = v.pipe(v.string(), v.maxLength(128));
/** HTTPS, or a node on this machine. */
const NodeUrl = v.pipe(
  v.string(),
  v.maxLength(2048),
  v.check((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const isHere = /^(?:localhost|127\.0\.0\.1|\[::1\])$/.test(url?.hostname ?? '');
    return url !== undefined && !url.username && (url.protocol === 'https:' || (url.protocol === 'http:' && isHere));
  }, 'not an https URL'),
);

/** A chain, and the node that it is read by. */
export const Chain = v.strictObject({ id: ChainId, name: Short, symbol: Short, rpcUrl: NodeUrl });
export type Chain = v.InferOutput<typeof Chain>;

const Connection = v.strictObject({ origin: v.pipe(v.string(), v.maxLength(512)), chainId: ChainId, since: Short });
/** An origin that the user has connected, and the chain that it is on. `since` is a time in ISO 8601. */
export type Connection = v.InferOutput<typeof Connection>;

/** The origins that the wallet is connected to, and the chains, as the database of this origin has them. */
export class Connections {
  readonly #store: Store;
  readonly #known: readonly Chain[];

  /** @param known the chains that the page comes with; the first is where a new connection begins */
  constructor(known: readonly Chain[], database?: string) {
    this.#store = browserState(database);
    this.#known = known.map((chain) => v.parse(Chain, chain));
  }

  async list(): Promise<Connection[]> {
    const all: Connection[] = [];
    for (const name of await this.#store.list(CONNECTIONS)) {
      const found = await this.#read(`${CONNECTIONS}/${name}`, Connection);
      if (found !== undefined) all.push(found);
    }
    return all;
  }

  of(origin: string): Promise<Connection | undefined> {
    return this.#read(`${CONNECTIONS}/${fileOf(origin)}`, Connection);
  }

  async connect(origin: string, chainId?: number): Promise<Connection> {
    const first = this.#known[0]?.id ?? 1;
    const connection = { origin, chainId: chainId ?? first, since: new Date().toISOString() };
    await this.#write(CONNECTIONS, fileOf(origin), connection);
    return connection;
  }

  async revoke(origin: string): Promise<void> {
    await this.#store.makeFolder(CONNECTIONS);
    await this.#store.commit(CONNECTIONS, { remove: [fileOf(origin)] });
  }

  /** The chains of an origin: those that the page comes with, and those that this origin had added, of which no other knows. */
  async chains(origin: string): Promise<Chain[]> {
    const added: Chain[] = [];
    for (const name of await this.#store.list(CHAINS)) {
      if (!name.startsWith(`${fileOf(origin)} `)) continue;
      const chain = await this.#read(`${CHAINS}/${name}`, Chain);
      if (chain !== undefined && !this.isKnown(chain.id)) added.push(chain);
    }
    return [...this.#known, ...added];
  }

  /** Whether the page comes with this chain. */
  isKnown(id: number): boolean {
    return this.#known.some((chain) => chain.id === id);
  }

  async chain(origin: string, id: number): Promise<Chain | undefined> {
    return (await this.chains(origin)).find((chain) => chain.id === id);
  }

  /** Adds a chain for an origin, in the place of one of the same id that it had added. */
  async addChain(origin: string, chain: Chain): Promise<void> {
    await this.#write(CHAINS, `${fileOf(origin)} ${chain.id}`, v.parse(Chain, chain));
  }

  async #read<S extends v.GenericSchema>(path: string, schema: S): Promise<v.InferOutput<S> | undefined> {
    try {
      const parsed = v.safeParse(schema, readJson(new TextDecoder().decode(await this.#store.read(path, LIMIT))));
      return parsed.success ? parsed.output : undefined;
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'missing') return undefined;
      throw error;
    }
  }

  async #write(folder: string, path: string, value: object): Promise<void> {
    await this.#store.makeFolder(folder);
    await this.#store.commit(folder, { write: [{ path, data: JSON.stringify(value) }] });
  }
}

function fileOf(origin: string): string {
  return encodeURIComponent(origin);
}
