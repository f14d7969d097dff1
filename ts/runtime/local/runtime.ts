import type { RuntimeError } from '../errors.ts';
import type { Action, Json, Limits, RunOptions, Runtime } from '../types.ts';
import { LitHost, type LitHostOptions } from './host.ts';
import { StateFile, strangerProblem } from './state.ts';

/**
 * Actions run on this machine, in a real Deno of the version that Lit's hosts use.
 *
 * @example
 * ```ts
 * import { cidOf } from 'tandem-ecdsa';
 * import { LocalRuntime } from 'tandem-ecdsa/local';
 *
 * const runtime = await LocalRuntime.open({ dir: 'wallets/local-lit' });
 * const source = 'globalThis.main = async ({ name }) => `hello, ${name}`;';
 * console.log(await runtime.run({ source, cid: cidOf(source) }, { name: 'you' }));
 * runtime.close();
 * ```
 */
export class LocalRuntime implements Runtime {
  readonly name = 'local';
  readonly host: LitHost;

  private constructor(host: LitHost) {
    this.host = host;
  }

  /**
   * Why the host in a folder cannot open what is sealed under a wallet's encryption; undefined if it can. Nothing is made there.
   *
   * @throws {RuntimeError} `unavailable` if the host's state cannot be read
   */
  static problemOf(dir: string, wallet: string): RuntimeError | undefined {
    return strangerProblem(StateFile.readIn(dir), dir, wallet);
  }

  /** @throws {RuntimeError} `unavailable` if the host's state cannot be read */
  static async open(options: LitHostOptions): Promise<LocalRuntime> {
    return new LocalRuntime(await LitHost.open(options));
  }

  createWallet(): Promise<string> {
    return this.host.createWallet();
  }

  permit(wallet: string, ...cids: string[]): Promise<void> {
    return this.host.permit(wallet, ...cids);
  }

  async run(action: Action, params: Json, options: RunOptions = {}): Promise<Json> {
    options.onProgress?.('running the action on this machine');
    const { response } = await this.host.execute({ ...action, params, signal: options.signal });
    const { wallet, isRefusal } = options;
    if (wallet !== undefined && isRefusal?.(response) === true) {
      const problem = strangerProblem(this.host.state.read(), this.host.state.dir, wallet);
      if (problem !== undefined) throw problem;
    }
    return response;
  }

  async limits(): Promise<Limits> {
    return this.host.limits;
  }

  /** Ends the processes that wait for calls. */
  close(): void {
    this.host.close();
  }
}
