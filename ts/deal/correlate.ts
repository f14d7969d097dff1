import { TandemError } from '../core/errors.ts';
import type { Tandem } from '../core/wasm.ts';
import { ACTION } from '../protocol/roles.ts';
import type { AskOptions } from '../runtime/ask.ts';
import { type Correlation, Correlations, correlationKey, correlationName } from '../store/correlations.ts';
import { holdWallet, type Store, type WalletInfo } from '../store/store.ts';
import type { RemoteParty } from './remote.ts';

// A correlation of the hot party with the action that is set up during a deal, without another call: the action answers once it
// has its share. A deal does not fail without one; the next signature then makes it.

/** The result of a set-up in a deal. `wrong`: the action gave a wrong answer, which counts as in a separate set-up. */
export type DealtCorrelation = Correlation | 'wrong' | undefined;

/** A set-up between its request and the end of the deal. */
export class SetUp {
  readonly #load: () => Promise<Tandem>;
  #session: Uint8Array | undefined;
  #answer: Uint8Array | undefined;

  constructor(load: () => Promise<Tandem>) {
    this.#load = load;
  }

  /**
   * The action as a party that is also asked for a correlation. The request is drawn while the first call runs.
   *
   * @param hedge the hot party's session of the deal, when it is asked for
   */
  along(remote: RemoteParty, hedge: () => Uint8Array): RemoteParty {
    let request: Uint8Array | undefined;
    return {
      ...remote,
      first: async (round1) => {
        const asking = remote.first(round1);
        asking.catch(() => {}); // it is waited for below
        const made = (await this.#load()).correlateRequest({ hedge: hedge(), peer: ACTION });
        this.clear();
        this.#session = made.session;
        request = made.request;
        return asking;
      },
      second: async (session, round2, round3) => {
        const second = await remote.second(session, round2, round3, request);
        this.#answer = second.correlation;
        return second;
      },
    };
  }

  /** The correlation, with the hot party's new share. If there is none, that costs one call later. */
  async accept(share: Uint8Array): Promise<DealtCorrelation> {
    const [session, answer] = [this.#session, this.#answer];
    if (session === undefined || answer === undefined) return undefined;
    try {
      const tandem = await this.#load();
      const known = tandem.shareInfo(share);
      const { correlation: bytes, id } = tandem.correlateAccept({ share, session, answer });
      return { name: correlationName(known, ACTION, id), bytes };
    } catch (error) {
      if (!(error instanceof TandemError)) throw error;
      return error.code === 'party' ? 'wrong' : undefined;
    } finally {
      this.clear();
    }
  }

  clear(): void {
    this.#session?.fill(0);
    this.#session = undefined;
  }
}

/**
 * Keeps what was set up in a deal, once the wallet has the shares of that deal. If nothing was set up, the correlation from
 * before has ended. It never fails, because the deal is done. The caller clears the share.
 */
export async function keepDealt(
  store: Store,
  info: WalletInfo,
  dealt: { readonly share: Uint8Array | undefined; readonly correlation: DealtCorrelation },
  { onNotice }: Pick<AskOptions, 'onNotice'>,
): Promise<void> {
  const { share, correlation } = dealt;
  try {
    const hold = await holdWallet(store, info.address);
    try {
      const correlations = new Correlations(store, info);
      if (share === undefined || correlation === undefined) return await correlations.end();
      if (correlation === 'wrong') {
        await correlations.end();
        await correlations.countFailedSetUp();
        onNotice?.(
          'the action gave a wrong answer to the set-up of a correlation: the first signature asks it once more',
        );
        return;
      }
      await correlations.keep(await correlationKey(share), correlation);
      if (correlations.isLasting) return;
    } finally {
      if (correlation !== 'wrong') correlation?.bytes.fill(0);
      hold.release();
    }
  } catch {
    // Below.
  }
  onNotice?.('the correlation with the action could not be kept: the first signature makes one, with one more call');
}
