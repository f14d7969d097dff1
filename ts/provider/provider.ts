import * as v from 'valibot';
import { readJson } from '../json.ts';
import { ProviderRpcError, RPC } from './errors.ts';
import { type FromDapp, FromWallet, MAX_PARAMS } from './wire.ts';

export interface ProviderOptions {
  /** The page of the wallet, which opens in a window of its own. */
  readonly wallet: string;
  /** The chain that the provider is on before the wallet was asked. Default 1. */
  readonly chainId?: number | undefined;
  /** Where reads of each chain go (eth_call and the like), by chain id. Without it, they are not supported. */
  readonly rpcUrls?: Readonly<Record<number, string>> | undefined;
  /** Where the dapp keeps that it is connected, for the next page load. Default localStorage; `undefined` keeps nothing. */
  readonly storage?: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | undefined;
}

export interface RequestArguments {
  readonly method: string;
  readonly params?: readonly unknown[] | object | undefined;
}

interface Events {
  accountsChanged: (accounts: readonly string[]) => void;
  chainChanged: (chainId: string) => void;
  connect: (info: { readonly chainId: string }) => void;
  disconnect: (error: ProviderRpcError) => void;
}

interface Pending {
  readonly message: FromDapp;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: ProviderRpcError) => void;
}

/** What the wallet's window is asked. */
const ASKED = [
  'eth_requestAccounts',
  'wallet_requestPermissions',
  'wallet_switchEthereumChain',
  'wallet_addEthereumChain',
  'personal_sign',
  'eth_signTypedData_v4',
  'eth_signTransaction',
  'eth_sendTransaction',
];
/** What a connection is not needed for. */
const OPEN = ['eth_requestAccounts', 'wallet_requestPermissions'];
const READS =
  /^(?:eth_(?:call|estimateGas|gasPrice|maxPriorityFeePerGas|feeHistory|blockNumber|getB\w+|getC\w+|getL\w+|getS\w+|getT\w+)|net_version|web3_clientVersion)$/;

const CONNECTED = 'tandem.connected';
/** How long the wallet's page may take to appear, and how often is looked whether its window was closed. */
const LOAD_MS = 30_000;
const LOOK_MS = 250;

const Kept = v.object({
  accounts: v.pipe(v.array(v.string()), v.maxLength(1)),
  chainId: v.pipe(v.string(), v.regex(/^0x[0-9a-f]{1,16}$/)),
});

/**
 * The wallet of another origin as an EIP-1193 provider. It asks the wallet's window, which opens at the first request and has
 * to be opened from a click; no part of the wallet is in this page.
 */
export class TandemProvider {
  readonly isTandem = true;
  readonly #url: URL;
  readonly #options: ProviderOptions;
  readonly #listeners: { readonly [Name in keyof Events]: Set<Events[Name]> } = {
    accountsChanged: new Set(),
    chainChanged: new Set(),
    connect: new Set(),
    disconnect: new Set(),
  };
  readonly #pending = new Map<string, Pending>();
  #window: Window | null = null;
  #hasLoaded = false;
  #looking: ReturnType<typeof setInterval> | undefined;
  #accounts: readonly string[] = [];
  #chainId: string;

  constructor(options: ProviderOptions) {
    this.#url = new URL(options.wallet, location.href);
    this.#options = options;
    this.#chainId = hex(options.chainId ?? 1);
    const kept = v.safeParse(Kept, this.#read());
    if (kept.success) [this.#accounts, this.#chainId] = [kept.output.accounts, kept.output.chainId];
    addEventListener('message', (event) => this.#receive(event));
    // The wallet tells the tab that asked; the dapp's other tabs are connected, and on a chain, as that one is.
    addEventListener('storage', ({ key, storageArea }) => {
      if (storageArea === this.#storage && (key === CONNECTED || key === null)) this.#follow();
    });
  }

  on<Name extends keyof Events>(name: Name, listener: Events[Name]): this {
    this.#listeners[name].add(listener);
    return this;
  }

  removeListener<Name extends keyof Events>(name: Name, listener: Events[Name]): this {
    this.#listeners[name].delete(listener);
    return this;
  }

  /** @throws ProviderRpcError */
  async request({ method, params = [] }: RequestArguments): Promise<unknown> {
    switch (method) {
      case 'eth_accounts':
        return [...this.#accounts];
      case 'eth_chainId':
        return this.#chainId;
      case 'net_version':
        return String(Number(this.#chainId));
      case 'wallet_getPermissions':
        return this.#permissions();
      case 'wallet_revokePermissions':
        this.#setAccounts([]);
        return null;
      case 'eth_requestAccounts':
        if (this.#accounts.length > 0) return [...this.#accounts];
    }
    if (ASKED.includes(method)) {
      if (!OPEN.includes(method) && this.#accounts.length === 0) {
        throw new ProviderRpcError(RPC.unauthorized, 'This page is not connected to the wallet.');
      }
      const result = await this.#ask(method, params);
      return method === 'wallet_requestPermissions' ? this.#permissions() : result;
    }
    if (READS.test(method)) return this.#readChain(method, params);
    throw new ProviderRpcError(RPC.unsupported, `The wallet does not support ${method.slice(0, 64)}.`);
  }

  #permissions(): unknown[] {
    if (this.#accounts.length === 0) return [];
    const caveats = [{ type: 'restrictReturnedAccounts', value: [...this.#accounts] }];
    return [{ parentCapability: 'eth_accounts', invoker: location.origin, caveats }];
  }

  #ask(method: string, params: unknown): Promise<unknown> {
    const text = JSON.stringify(params);
    if (text.length > MAX_PARAMS) throw new ProviderRpcError(RPC.invalidParams, 'The parameters are too long.');
    const message: FromDapp = { tandem: 1, id: crypto.randomUUID(), method, params: text };
    return new Promise((resolve, reject) => {
      this.#pending.set(message.id, { message, resolve, reject });
      this.#open();
    });
  }

  /** Sends what is pending: to the window that is there, or once another one says that it has loaded. */
  #open(): void {
    if (this.#window !== null && !this.#window.closed) {
      this.#window.focus();
      if (this.#hasLoaded) for (const { message } of this.#pending.values()) this.#send(message);
      return;
    }
    this.#hasLoaded = false;
    const features = 'popup,width=440,height=720';
    this.#window = window.open(this.#url.href, `tandem-${crypto.randomUUID()}`, features);
    if (this.#window === null) {
      this.#fail(RPC.disconnected, "The browser blocked the wallet's window: allow it, or ask from a click.");
      return;
    }
    const opened = Date.now();
    clearInterval(this.#looking);
    this.#looking = setInterval(() => {
      if (this.#window?.closed !== false) {
        this.#forgetWindow();
        this.#fail(RPC.rejected, "The wallet's window was closed.");
      } else if (!this.#hasLoaded && Date.now() - opened > LOAD_MS) {
        this.#fail(RPC.disconnected, 'The wallet does not answer: its page cannot be reached, or is another one.');
      }
    }, LOOK_MS);
  }

  #forgetWindow(): void {
    clearInterval(this.#looking);
    this.#window = null;
    this.#hasLoaded = false;
  }

  #fail(code: number, message: string): void {
    for (const { reject } of this.#pending.values()) reject(new ProviderRpcError(code, message));
    this.#pending.clear();
  }

  #send(message: FromDapp): void {
    this.#window?.postMessage(message, this.#url.origin);
  }

  #receive(event: MessageEvent<unknown>): void {
    // Anybody may send this page a message; the wallet is that window, at that origin.
    if (this.#window === null || event.source !== this.#window || event.origin !== this.#url.origin) return;
    const parsed = v.safeParse(FromWallet, event.data);
    if (!parsed.success) return;
    const message = parsed.output;
    if ('loaded' in message) {
      // Also after a reload: what was not answered is asked again, and shown again.
      this.#hasLoaded = true;
      for (const pending of this.#pending.values()) this.#send(pending.message);
    } else if ('event' in message) {
      if (message.event === 'accountsChanged') this.#setAccounts(message.data);
      else this.#setChain(message.data);
    } else this.#settle(message);
  }

  #settle(message: Extract<FromWallet, { id: string }>): void {
    const pending = this.#pending.get(message.id);
    if (pending === undefined) return;
    this.#pending.delete(message.id);
    if ('result' in message) pending.resolve(message.result);
    else {
      const { code, message: text, data } = message.error;
      pending.reject(new ProviderRpcError(code, text, data));
    }
  }

  #setAccounts(accounts: readonly string[]): void {
    this.#become({ accounts, chainId: this.#chainId }, () => this.#keep());
  }

  #setChain(chainId: string): void {
    this.#become({ accounts: this.#accounts, chainId }, () => this.#keep());
  }

  /** Takes over what another tab has kept, and writes nothing: that tab may have changed it again since. */
  #follow(): void {
    const kept = v.safeParse(Kept, this.#read());
    this.#become(kept.success ? kept.output : { accounts: [], chainId: this.#chainId }, () => {});
  }

  /** Sets both before anything is kept or emitted, so that nobody sees one of them as it was. */
  #become(now: { accounts: readonly string[]; chainId: string }, keep: () => void): void {
    const [accounts, chainId] = [this.#accounts, this.#chainId];
    const isOtherChain = now.chainId !== chainId;
    const isOtherAccount = String(now.accounts) !== String(accounts);
    if (!isOtherChain && !isOtherAccount) return;
    [this.#accounts, this.#chainId] = [now.accounts, now.chainId];
    keep();
    if (isOtherChain) this.#emit('chainChanged', now.chainId);
    if (!isOtherAccount) return;
    if (accounts.length === 0) this.#emit('connect', { chainId: now.chainId });
    this.#emit('accountsChanged', [...now.accounts]);
  }

  #emit<Name extends keyof Events>(name: Name, argument: Parameters<Events[Name]>[0]): void {
    for (const listener of this.#listeners[name] as Set<(given: typeof argument) => void>) {
      try {
        listener(argument);
      } catch (error) {
        reportError(error);
      }
    }
  }

  async #readChain(method: string, params: unknown): Promise<unknown> {
    const url = this.#options.rpcUrls?.[Number(this.#chainId)];
    if (url === undefined) {
      throw new ProviderRpcError(
        RPC.unsupported,
        `The wallet does not read chains: ${method.slice(0, 64)} is for a node.`,
      );
    }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
    const headers = { 'content-type': 'application/json' };
    const answer: unknown = await fetch(url, { method: 'POST', headers, body }).then(
      (response) => response.json(),
      () => undefined,
    );
    const { result, error } = (answer ?? {}) as { result?: unknown; error?: { code: number; message: string } };
    if (error !== undefined) throw new ProviderRpcError(error.code, error.message);
    if (result === undefined) throw new ProviderRpcError(RPC.disconnected, 'The node of this chain does not answer.');
    return result;
  }

  get #storage(): ProviderOptions['storage'] {
    return 'storage' in this.#options ? this.#options.storage : localStorage;
  }

  #read(): unknown {
    try {
      return readJson(this.#storage?.getItem(CONNECTED) ?? 'null');
    } catch {
      return undefined;
    }
  }

  #keep(): void {
    try {
      if (this.#accounts.length === 0) this.#storage?.removeItem(CONNECTED);
      else {
        const kept = JSON.stringify({ accounts: this.#accounts, chainId: this.#chainId });
        this.#storage?.setItem(CONNECTED, kept);
      }
    } catch {} // blocked or full: it is asked again after the next load
  }
}

function hex(chainId: number): string {
  return `0x${chainId.toString(16)}`;
}
