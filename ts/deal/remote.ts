import * as v from 'valibot';
import { byteLength, toBase64 } from '../core/bytes.ts';
import type { Messages } from '../core/wasm.ts';
import type { CosignerRequest, SignedPermission } from '../protocol/cosigner.ts';
import { ACTION } from '../protocol/roles.ts';
import { type AskOptions, ask, Message, messageTexts } from '../runtime/ask.ts';
import { fits } from '../runtime/fits.ts';
import { STRICT_LIMITS } from '../runtime/limits.ts';
import type { Action, Runtime } from '../runtime/types.ts';
import type { Deal, HostedAction } from './plan.ts';

/** The action as a party of a deal: three rounds in two calls. */
export interface RemoteParty {
  /** The first call: the others' first messages. Undefined as long as the authority has not permitted it. */
  first(round1: Messages): Promise<{ session: string; round1: Uint8Array; round2: Uint8Array } | undefined>;
  /**
   * The second call: its sealed session, the others' second and third messages, and the hot party's request for a correlation.
   * `sealed` is its share, `correlation` the answer to that request.
   */
  second(
    session: string,
    round2: Messages,
    round3: Messages,
    correlate?: Uint8Array,
  ): Promise<{ round3: Uint8Array; sealed: string; correlation?: Uint8Array | undefined }>;
  /** Whether it makes correlations. */
  readonly correlates: boolean;
}

/** What the action contributes: only its place, with the public data of an existing key; or the share that it holds. */
export type Part =
  | { readonly interactive: boolean | undefined; readonly key?: Uint8Array }
  | { readonly share: string; readonly next?: string | undefined; readonly permission: SignedPermission };

/** What the action's share will be sealed under: the host wallet, and the authority. */
interface Under {
  readonly wallet: string;
  readonly authority: string;
  /** What the action that is called understands. */
  readonly format?: HostedAction['format'];
}

const First = v.object({ session: v.string(), messages: v.object({ round1: Message, round2: Message }) });
const Second = v.object({ message: Message, share: v.string(), correlation: v.optional(Message) });

/** An action as a party of a deal. `part` gives its contribution, once the others' messages are there. */
export function remoteParty(
  { runtime, ...action }: Action & { readonly runtime: Runtime },
  deal: Deal,
  under: Under,
  part: (round1: Messages) => Part | undefined | Promise<Part | undefined>,
  options: AskOptions,
): RemoteParty {
  const { wallet, format } = under;
  return {
    correlates: format !== undefined && deal.threshold === 2,
    first: async (round1) => {
      const brought = await part(round1);
      if (brought === undefined) return undefined;
      options.onProgress?.('first call of the action: it deals its part');
      const request = requestOf(deal, under, brought, messageTexts(round1));
      const { session, messages } = await ask(runtime, action, request, First, options);
      return { session, round1: messages.round1, round2: messages.round2 };
    },
    second: async (session, round2, round3, correlate) => {
      options.onProgress?.('second call of the action: it confirms and seals its share');
      const messages = { round2: messageTexts(round2), round3: messageTexts(round3) };
      const asked = { op: 'deal2' as const, wallet, session, messages };
      const both = { ...asked, ...(correlate && { correlate: toBase64(correlate) }) };
      // With many parties this may make the call too long.
      const limits = await runtime.limits();
      const least = { ...limits, maxParamsLength: Math.min(limits.maxParamsLength, STRICT_LIMITS.maxParamsLength) };
      const request = fits({ params: byteLength(JSON.stringify(both)) }, least) ? both : asked;
      const { message, share, correlation } = await ask(runtime, action, request, Second, options);
      return {
        round3: message,
        sealed: share,
        correlation,
      };
    },
  };
}

function requestOf(
  deal: Deal,
  { wallet, authority }: Under,
  part: Part,
  messages: Record<string, string>,
): CosignerRequest {
  const { kind, threshold, epoch } = deal;
  const [parties, contributors] = [[...deal.parties], [...deal.contributors]];
  const common = { op: 'deal1' as const, wallet, threshold, parties, authority, messages };
  if ('share' in part) {
    const { share, next: action, permission: authorization } = part;
    return { ...common, kind: 'reshare', contributors, share, action, authorization };
  }
  const place = { ...common, self: ACTION, interactive: part.interactive };
  if (kind === 'keygen') return { ...place, kind };
  if (kind === 'import') return { ...place, kind, contributors };
  if (part.key === undefined) throw new Error('new shares, of which key?');
  return { ...place, kind: 'receive', contributors, epoch, old: toBase64(part.key) };
}

/** A new wallet at the host, which this action alone may use. */
export async function hostWallet({ runtime, cid }: HostedAction, { onProgress }: AskOptions): Promise<string> {
  onProgress?.('asking the host for a wallet');
  const wallet = await runtime.createWallet(cid);
  await runtime.permit(wallet, cid);
  return wallet;
}
