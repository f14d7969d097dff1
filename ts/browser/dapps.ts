import * as v from 'valibot';
import { CodedError } from '../errors.ts';
import { type Intent, intentJson } from '../intent/intent.ts';
import { readJson } from '../json.ts';
import { ProviderRpcError, RPC } from '../provider/errors.ts';
import { FromDapp, type FromWallet } from '../provider/wire.ts';
import { quoted, visible } from '../text/untrusted.ts';
import {
  askedChain,
  askedChainId,
  askedMessage,
  askedTransaction,
  askedTypedData,
  assertNode,
  broadcast,
  signInWarning,
} from './asked.ts';
import type { WalletClient } from './client.ts';
import type { Chain, Connections } from './connections.ts';
import type { LocalVerdict } from './messages.ts';

/** How many requests may wait for the user. */
const MAX_WAITING = 16;

// The wallet's window, as the page of another origin that opened it sees it.

/** What is shown before anything is done. */
export interface Prompt {
  readonly kind: 'connect' | 'switch' | 'add' | 'sign' | 'send';
  /** Who asks: as the browser says, not as they do. */
  readonly origin: string;
  /** What for, in words, on several lines. */
  readonly words: string;
  /** The chain that the origin is on, or is to be on, in words. */
  readonly chain: string;
  /** What is wrong with it, if the user should know before they agree. */
  readonly warning?: string | undefined;
  /** For a signature. */
  readonly verdict?: LocalVerdict | undefined;
}

/** What the wallet's page does for a request. */
export interface DappUi {
  /** Shows the request; resolves to whether the user agrees. Where the policy refuses there is nothing to agree to. */
  confirm(prompt: Prompt): Promise<boolean>;
  /** Has the wallet opened, if it is not. Resolves to whether it is. */
  unlock(): Promise<boolean>;
  /** Called with what is being done, and how it ended. */
  onStep(step: string): void;
  onDone(prompt: Prompt, error?: ProviderRpcError): void;
}

export interface DappOptions {
  readonly client: WalletClient;
  readonly connections: Connections;
  readonly ui: DappUi;
  /** The window that opened this one; by default `opener`. */
  readonly opener?: Window | null;
}

/**
 * Serves the page that opened this window, and no other. Requests are shown one at a time.
 *
 * @returns what ends that
 */
export function serveDapp(options: DappOptions): () => void {
  const { opener = window.opener as Window | null } = options;
  // Who frames the wallet could lay something over what is to be clicked.
  if (opener === null || window.top !== window) return () => {};
  const dapp = new Dapp(options, opener);
  const receive = (event: MessageEvent<unknown>) => dapp.receive(event);
  addEventListener('message', receive);
  // It is not known yet whose window this is, so nothing more is said.
  opener.postMessage({ tandem: 1, loaded: true } satisfies FromWallet, '*');
  return () => removeEventListener('message', receive);
}

class Dapp {
  readonly #options: DappOptions;
  readonly #opener: Window;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  /** Requests that were received: of a message that came twice, one counts. */
  readonly #ids = new Set<string>();

  constructor(options: DappOptions, opener: Window) {
    this.#options = options;
    this.#opener = opener;
  }

  receive({ source, origin, data }: MessageEvent<unknown>): void {
    // Any window may send a message. The one that opened this one is served, by the origin that it has now; what comes of it
    // goes to that origin alone, wherever the window is by then.
    if (source !== this.#opener || !/^https?:\/\//.test(origin)) return;
    const message = v.safeParse(FromDapp, data);
    if (!message.success) return;
    const { id, method, params } = message.output;
    const key = `${origin} ${id}`;
    if (this.#ids.has(key)) return;
    if (this.#waiting >= MAX_WAITING) {
      const error = { code: RPC.internal, message: 'Too many requests wait for the user.' };
      this.#send(origin, { tandem: 1, id, error });
      return;
    }
    this.#ids.add(key);
    this.#waiting += 1;
    this.#last = this.#last.then(async () => {
      try {
        this.#send(origin, { tandem: 1, id, result: await this.#handle(origin, method, params) });
      } catch (error) {
        const { code, message, data } = rpcError(error);
        if (code === RPC.unauthorized && !(await this.#isConnected(origin))) {
          this.#send(origin, { tandem: 1, event: 'accountsChanged', data: [] });
        }
        this.#send(origin, { tandem: 1, id, error: { code, message, ...(data !== undefined && { data }) } });
      } finally {
        this.#waiting -= 1;
      }
    });
  }

  #send(origin: string, message: FromWallet): void {
    this.#opener.postMessage(message, origin);
  }

  async #isConnected(origin: string): Promise<boolean> {
    return (await this.#options.connections.of(origin).catch(() => undefined)) !== undefined;
  }

  async #handle(origin: string, method: string, text: string): Promise<unknown> {
    const params = paramsOf(text);
    switch (method) {
      case 'eth_requestAccounts':
      case 'wallet_requestPermissions':
        return this.#connect(origin);
      case 'wallet_switchEthereumChain':
        return this.#switch(origin, params);
      case 'wallet_addEthereumChain':
        return this.#add(origin, params);
      case 'personal_sign':
        return this.#sign(origin, async (account) => askedMessage(params, account));
      case 'eth_signTypedData_v4':
        return this.#sign(origin, async (account, chain) => askedTypedData(params, account, chain));
      case 'eth_signTransaction':
        return this.#sign(origin, (account, chain) => askedTransaction(params, account, chain));
      case 'eth_sendTransaction':
        return this.#sign(origin, (account, chain) => askedTransaction(params, account, chain), broadcast);
      default:
        throw new ProviderRpcError(RPC.unsupported, `The wallet does not support ${method.slice(0, 64)}.`);
    }
  }

  async #account(): Promise<string> {
    const { address } = await this.#options.client.call('state', {});
    if (address !== undefined) return address;
    throw new ProviderRpcError(RPC.unauthorized, 'There is no wallet in this browser yet.');
  }

  async #connect(origin: string): Promise<string[]> {
    const { connections } = this.#options;
    const account = await this.#account();
    const known = await connections.of(origin);
    const chain = await this.#chainOf(origin, known?.chainId);
    if (known === undefined) {
      const words = `Connect to ${origin}\n  account: ${account}\n  it sees the address, and asks for each signature`;
      await this.#confirmed({ kind: 'connect', origin, words, chain: named(chain) }, async () => {
        await connections.connect(origin, chain.id);
      });
    }
    this.#send(origin, { tandem: 1, event: 'chainChanged', data: hexId(chain) });
    this.#send(origin, { tandem: 1, event: 'accountsChanged', data: [account] });
    return [account];
  }

  /** The chain that a connection is on, or where a new one begins. */
  async #chainOf(origin: string, id: number | undefined): Promise<Chain> {
    const chains = await this.#options.connections.chains(origin);
    const chain = chains.find((chain) => chain.id === id) ?? chains[0];
    if (chain === undefined) throw new ProviderRpcError(RPC.disconnected, 'The wallet has no chain.');
    return chain;
  }

  async #connected(origin: string): Promise<{ account: string; chain: Chain }> {
    const account = await this.#account();
    const connection = await this.#options.connections.of(origin);
    if (connection === undefined) {
      throw new ProviderRpcError(RPC.unauthorized, 'This page is not connected to the wallet.');
    }
    return { account, chain: await this.#chainOf(origin, connection.chainId) };
  }

  async #switch(origin: string, params: unknown): Promise<null> {
    const { chain: now } = await this.#connected(origin);
    const id = askedChainId(params);
    const chain = await this.#options.connections.chain(origin, id);
    if (chain === undefined) {
      throw new ProviderRpcError(
        RPC.unknownChain,
        `The wallet does not know the chain ${id}. Ask it to add the chain first.`,
      );
    }
    if (chain.id !== now.id) {
      const words = `Use the chain ${named(chain)} with ${origin}\n  until now: ${named(now)}`;
      await this.#confirmed({ kind: 'switch', origin, words, chain: named(chain) }, () => this.#use(origin, chain));
    }
    return null;
  }

  async #add(origin: string, params: unknown): Promise<null> {
    await this.#connected(origin);
    const { connections } = this.#options;
    const asked = askedChain(params);
    // What the page comes with no dapp replaces.
    const chain = connections.isKnown(asked.id) ? await this.#chainOf(origin, asked.id) : asked;
    const words =
      `Add the chain ${named(chain)}, and use it with ${origin}\n  node: ${visible(chain.rpcUrl)}\n` +
      `  currency: ${quoted(chain.symbol)}\n  the node sees the address and what is sent; other sites do not use it`;
    await this.#confirmed({ kind: 'add', origin, words, chain: named(chain) }, async () => {
      if (chain === asked) {
        await assertNode(asked); // not before the user agrees: the dapp chose whom this page asks
        await connections.addChain(origin, asked);
      }
      await this.#use(origin, chain);
    });
    return null;
  }

  async #use(origin: string, chain: Chain): Promise<void> {
    await this.#options.connections.connect(origin, chain.id);
    this.#send(origin, { tandem: 1, event: 'chainChanged', data: hexId(chain) });
  }

  async #sign(
    origin: string,
    ask: (account: string, chain: Chain) => Promise<Intent>,
    send?: (chain: Chain, serialized: `0x${string}`) => Promise<string>,
  ): Promise<string> {
    const { account, chain } = await this.#connected(origin);
    const { client, ui } = this.#options;
    const asked = await ask(account, chain);
    const intent = intentJson(asked);
    const { words, verdict } = await client.call('review', { intent });
    const prompt: Prompt = {
      kind: send ? 'send' : 'sign',
      origin,
      words,
      chain: named(chain),
      verdict,
      warning: signInWarning(asked, origin),
    };
    return this.#confirmed(prompt, async () => {
      if (!(await ui.unlock())) throw rejected();
      // The connection may have been revoked in another tab while this was shown.
      await this.#connected(origin);
      const signed = await client.call('sign', { intent }, (step) => ui.onStep(step));
      const { signature, serializedTransaction } = signed;
      if (serializedTransaction === undefined) return signature;
      ui.onStep('sending');
      return send ? send(chain, serializedTransaction) : serializedTransaction;
    });
  }

  /** Does something once the user agrees to it; where the policy refuses, they only read why. */
  async #confirmed<T>(prompt: Prompt, work: () => Promise<T>): Promise<T> {
    const { ui } = this.#options;
    try {
      const agrees = await ui.confirm(prompt);
      if (prompt.verdict?.kind === 'refused') {
        throw new ProviderRpcError(RPC.unauthorized, `The wallet's policy refuses this: ${prompt.verdict.reason}.`);
      }
      if (!agrees) throw rejected();
      const result = await work();
      ui.onDone(prompt);
      return result;
    } catch (error) {
      const told = rpcError(error);
      ui.onDone(prompt, told);
      throw told;
    }
  }
}

function rejected(): ProviderRpcError {
  return new ProviderRpcError(RPC.rejected, 'The user rejected the request.');
}

/** @throws ProviderRpcError */
function paramsOf(text: string): unknown {
  try {
    return readJson(text);
  } catch {
    throw new ProviderRpcError(RPC.invalidParams, 'The parameters are not JSON.');
  }
}

function rpcError(error: unknown): ProviderRpcError {
  if (error instanceof ProviderRpcError) return error;
  if (!(error instanceof CodedError)) return new ProviderRpcError(RPC.internal, 'Something in the wallet failed.');
  const { code, short } = error;
  if (code === 'policy') return new ProviderRpcError(RPC.unauthorized, `The wallet's policy refuses this: ${short}`);
  const isDown = code === 'host-unavailable' || code === 'host-timeout' || code === 'host-busy';
  return new ProviderRpcError(isDown ? RPC.disconnected : RPC.internal, short, { code });
}

function named({ name, id }: Chain): string {
  return `${quoted(name)} (${id})`;
}

function hexId({ id }: Chain): string {
  return `0x${id.toString(16)}`;
}
