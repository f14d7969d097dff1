/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** An action: its source and the CIDv0 of that source. */
export interface Action {
  readonly cid: string;
  readonly source: string;
}

/** What a host allows one call. Sizes are in bytes, of the UTF-8 text. */
export interface Limits {
  readonly maxCodeLength: number;
  readonly maxParamsLength: number;
  readonly maxResponseLength: number;
  readonly maxConsoleLogLength: number;
  readonly maxFetchCount: number;
  readonly maxGetKeysCount: number;
  readonly memoryLimitMb: number;
  readonly timeoutMs: number;
}

/** Options of one call. */
export interface RunOptions {
  /** Aborting ends the call; on a local host the action's process is killed. */
  readonly signal?: AbortSignal;
  /** Whether the call may be repeated when it is not known whether the first one arrived. Default: no. */
  readonly isRepeatable?: boolean;
  /** The host wallet that the action uses, for a host that can explain why the action may not use it. */
  readonly wallet?: string;
  /** Whether a response is the action's refusal without a reason. A host may then throw an error that gives one. */
  readonly isRefusal?: (response: Json) => boolean;
  /** Called with what the call is doing (waiting, retrying), in plain words for a person. */
  readonly onProgress?: (step: string) => void;
}

/**
 * The kinds of host. To add one: its name here; an implementation of {@link Runtime} in its own folder; the kind of actions that
 * are built for it (`hostKind` in build/cosigner.ts); how commands reach it (`connect` in scripts/cli.ts); and, if actions see
 * other globals there, actions/template/host.ts.
 */
export const RUNTIMES = ['local', 'chipotle', 'lit-node-client'] as const;

/** A host that runs Lit Actions: the local one, Chipotle over HTTP, or the older network's client. */
export interface Runtime {
  readonly name: (typeof RUNTIMES)[number];

  /**
   * Makes a wallet (a PKP): the key under whose encryption an action's share is kept. A host may have one for all keys of a store.
   *
   * @param cid for a new key, its action, which {@link permit} then lets use the wallet alone
   * @returns its id, an address in lower-case hex: `0x` and 40 digits
   * @throws {RuntimeError}
   */
  createWallet(cid?: string): Promise<string>;

  /**
   * Lets exactly these actions use the wallet: one, or two while a share moves from one to the other. Another call
   * replaces the list.
   *
   * @throws {RuntimeError}
   */
  permit(wallet: string, ...cids: string[]): Promise<void>;

  /**
   * Runs an action once and returns its response.
   *
   * @throws {RuntimeError} if the host refuses the call, or if the action throws or exceeds a limit
   */
  run(action: Action, params: Json, options?: RunOptions): Promise<Json>;

  /**
   * The limits in force.
   *
   * @throws {RuntimeError}
   */
  limits(): Promise<Limits>;
}
