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
  /** Whether the call may be made twice when it is not known whether the first came through. Default: no. */
  readonly isRepeatable?: boolean;
  /** The wallet that the action is to use, for a host that can tell why it may not. */
  readonly wallet?: string;
  /** Whether a response is the action's refusal without a reason, which a host may turn into an error that has one. */
  readonly isRefusal?: (response: Json) => boolean;
  /** Told in plain words what the call is doing (waiting, retrying), for a person to read. */
  readonly onProgress?: (step: string) => void;
}

/**
 * The hosts that there are. A further one: its name here; an implementation of {@link Runtime} in a folder of its own; what
 * actions are built for it (`hostKind` in build/cosigner.ts); how commands reach it (`connect` in scripts/cli.ts); and, if
 * actions see other globals there, actions/template/host.ts.
 */
export const RUNTIMES = ['local', 'chipotle', 'lit-node-client'] as const;

/** A host that runs Lit Actions: the local one, Chipotle over HTTP, or the older network's client. */
export interface Runtime {
  readonly name: (typeof RUNTIMES)[number];

  /**
   * Makes a wallet (a PKP): the key under whose encryption an action's share is kept.
   *
   * @returns its id, an address in lower-case hex: `0x` and 40 digits
   * @throws {RuntimeError}
   */
  createWallet(): Promise<string>;

  /**
   * Lets exactly these actions use the wallet: one, or two while a share goes from one to the other. Called again, it
   * replaces those of before.
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
