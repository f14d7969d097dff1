import * as v from 'valibot';
import { PolicyError, ProtocolError, RefusedError } from '../errors.ts';
import { base64Of, type CosignerRequest } from '../protocol/cosigner.ts';
import { Untrusted } from '../text/untrusted.ts';
import type { Action, Json, Runtime } from './types.ts';

/** A message of the action, of up to 750,000 bytes. */
export const Message = base64Of(1_000_000);

export interface AskOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told in plain words what is being done. */
  readonly onProgress?: ((step: string) => void) | undefined;
  /** Told what a person should know besides: what costs one more call, or is not kept. Without it, `onProgress` is told. */
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
 * What may be asked twice, when an answer was lost. Each answer to a request for signatures is an execution of its own, of
 * which at most one is finished; the first call of a deal begins another deal each time, and the second, asked again, gives the
 * same key; and a correlation that is asked for twice is one.
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
 * One call of the action: sends `params`, checks the form of the answer and returns what it holds.
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
    throw new ProtocolError('The action answered in a form that is not agreed; nothing was used of it.', {
      next: 'see whether the host runs the action whose source the store keeps.',
    });
  }
  const { code, message } = failed.output.error;
  if (code === 'policy') throw new PolicyError(`The policy refuses: ${message}`);
  const isLong = JSON.stringify(params).length > 64 * 1024;
  throw new RefusedError(`The action refused: ${message}.`, {
    next:
      'the action does not say why; most likely its sealed share, the wallet at the host and the source do not belong together' +
      (isLong ? ', or the action is of the version before, which takes no more than 64 KB in a call.' : '.'),
  });
}
