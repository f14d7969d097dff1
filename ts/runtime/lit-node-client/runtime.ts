import { toHex } from '../../core/bytes.ts';
import { readJson } from '../../json.ts';
import { aborted, RuntimeError } from '../errors.ts';
import { STRICT_LIMITS } from '../limits.ts';
import { assertSource } from '../source.ts';
import type { Action, Json, Limits, RunOptions, Runtime } from '../types.ts';

/** The part of the package's client that is used here; `S` is what it takes for session signatures. */
export interface NodeClient<S> {
  executeJs(params: { code: string; jsParams: { params: Json }; sessionSigs: S }): Promise<NodeAnswer>;
}

/** What the nodes agreed on. */
export interface NodeAnswer {
  readonly success?: boolean;
  readonly response: string | object;
  readonly logs?: string;
}

/** Options of {@link LitNodeClientRuntime}. */
export interface LitNodeClientOptions<S> {
  readonly client: NodeClient<S>;
  /** Gives signatures that the nodes take; asked before each call, for they expire. */
  readonly sessionSigs: () => Promise<S>;
}

/**
 * A network of Lit's older generation, by its own client. The action is one that was built for it (`host: 'lit-node-client'`).
 *
 * What is sealed there opens for the CID that sealed it, always: wallets have no part in it, and nothing can be permitted
 * or revoked.
 */
export class LitNodeClientRuntime<S> implements Runtime {
  readonly name = 'lit-node-client';
  readonly #options: LitNodeClientOptions<S>;

  constructor(options: LitNodeClientOptions<S>) {
    this.#options = options;
  }

  /** A name that seals bear; no wallet of the network. */
  async createWallet(): Promise<string> {
    return toHex(crypto.getRandomValues(new Uint8Array(20)));
  }

  async permit(_wallet: string, ...cids: string[]): Promise<void> {
    if (cids.length === 1) return;
    throw new RuntimeError('input', 'a network of the older generation cannot let two actions share what is sealed');
  }

  async run(action: Action, params: Json, options: RunOptions = {}): Promise<Json> {
    const { signal, onProgress } = options;
    const { client, sessionSigs } = this.#options;
    assertSource(action);
    onProgress?.('running the action on the nodes');
    const call = sessionSigs().then((sigs) =>
      client.executeJs({ code: action.source, jsParams: { params }, sessionSigs: sigs }),
    );
    const { success, response } = await Promise.race([call, abortOf(signal)]).catch((error: unknown) => {
      throw error instanceof RuntimeError ? error : failed(error);
    });
    if (success === false) throw new RuntimeError('action', 'the nodes say that the action failed');
    return typeof response === 'string' ? parse(response) : (response as Json);
  }

  /** The network tells none; the stricter of what Lit documents for its current hosts is safe. */
  async limits(): Promise<Limits> {
    return STRICT_LIMITS;
  }
}

/** The package's client cannot be stopped; what it still answers is dropped. */
function abortOf(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(aborted(signal));
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/** What the client throws may quote the request: only its code gets on. */
function failed(error: unknown): RuntimeError {
  const code = (error as { errorCode?: unknown } | null)?.errorCode;
  const what = typeof code === 'string' && /^[\w-]{1,64}$/.test(code) ? `: ${code}` : '';
  return new RuntimeError('unavailable', `the nodes did not run the action${what}`, {
    next: 'check LIT_NETWORK, and whether the network is up and the action is one built for it',
    cause: error,
  });
}

function parse(response: string): Json {
  try {
    return readJson(response) as Json;
  } catch {
    throw new RuntimeError('unavailable', 'the answer of the nodes is not JSON');
  }
}
