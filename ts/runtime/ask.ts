import * as v from 'valibot';
import { toBase64 } from '../core/bytes.ts';
import type { Messages } from '../core/wasm.ts';
import { PolicyError, ProtocolError, RefusedError } from '../errors.ts';
import { base64Of, type CosignerRequest } from '../protocol/cosigner.ts';
import { Untrusted } from '../text/untrusted.ts';
import type { Action, Json, Runtime } from './types.ts';

/** A message of the action, of up to 750,000 bytes. */
export const Message = base64Of(1_000_000);

/** Messages by their sender, in the form that the action takes. */
export function messageTexts(messages: Messages): Record<string, string> {
  return Object.fromEntries([...messages].map(([index, message]) => [String(index), toBase64(message)]));
}

export interface AskOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with the current step, in plain words. */
  readonly onProgress?: ((step: string) => void) | undefined;
  /** Called with what a person should know: what costs one more call, or is not kept. Default: `onProgress`. */
  readonly onNotice?: ((notice: string) => void) | undefined;
}

const Said = v.pipe(
  v.string(),
  v.maxLength(2000),
  v.transform((said) => new Untrusted(said)),
);
const Failure = v.object({ error: v.object({ code: v.string(), message: Said }) });
const Refusal = v.object({ error: v.object({ code: v.literal('refused') }) });

/**
 * The requests that are safe to repeat when an answer was lost. Each answer to a request for signatures is an independent
 * execution, and at most one is finished. The first call of a deal begins another deal each time, and the second gives the same
 * key again. A repeated set-up gives the same correlation.
 */
const REPEATABLE: ReadonlySet<CosignerRequest['op']> = new Set([
  'deal1',
  'deal2',
  'correlate',
  'onecall',
  'sign',
  'signMany',
]);

/**
 * One call of the action: sends `params`, checks the form of the answer and returns its content.
 *
 * @throws PolicyError, RefusedError, ProtocolError; RuntimeError of the host
 */
export async function ask<S extends v.GenericSchema>(
  runtime: Runtime,
  action: Action,
  params: CosignerRequest,
  schema: S,
  options: AskOptions,
): Promise<v.InferOutput<S>> {
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  const running = runtime.run(action, params as Json, {
    isRepeatable: REPEATABLE.has(params.op),
    wallet: params.wallet,
    isRefusal: (response) => v.is(Refusal, response),
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
  });
  const answer = await running.catch((error) => {
    signal?.throwIfAborted(); // whenever it is aborted, the error is the same
    throw error;
  });
  const ok = v.safeParse(v.object({ ok: schema }), answer);
  if (ok.success) return (ok.output as { ok: v.InferOutput<S> }).ok;
  const failed = v.safeParse(Failure, answer);
  if (!failed.success) {
    throw new ProtocolError('The answer of the action has an unexpected form. It was not used.', {
      next: 'check whether the host runs the action whose source is in the store.',
    });
  }
  const { code, message } = failed.output.error;
  if (code === 'policy') throw new PolicyError(`The policy refuses: ${message}`);
  const isLong = JSON.stringify(params).length > 64 * 1024;
  throw new RefusedError(`The action refused: ${message}.`, {
    next:
      'the action does not say why; most likely its sealed share, the host wallet and the source do not belong together' +
      (isLong ? ', or the action is of version 0.1.0, which takes at most 64 KB in a call.' : '.'),
  });
}
