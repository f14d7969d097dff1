import * as v from 'valibot';
import { ProtocolError, UsageError } from '../errors.ts';
import { MAX_SIGNATURES } from '../protocol/cosigner.ts';
import { ask, base64, fromBase64, Message } from '../runtime/ask.ts';
import type { Limits } from '../runtime/types.ts';
import { actionOf, type Holder } from '../store/action.ts';
import type { Cosigner } from './dkls18.ts';
import { type Job, rootFor, type SignOptions } from './job.ts';
import { type Opened, theParty } from './opened.ts';

// The action, asked for its part of a signature.

/** The wallet's action where it runs, with the share that only it can open. */
export async function hostedAction({ store, info, runtime }: Opened): Promise<Holder & { readonly index: number }> {
  const { index } = theParty(info, 'action');
  return { index, ...(await actionOf(store, info, runtime)) };
}

const One = v.object({ response: Message });
const Many = v.object({ responses: v.pipe(v.array(Message), v.maxLength(MAX_SIGNATURES)) });

/** The action as the co-signer of a job by dkls18. @throws UsageError if the host's limits would refuse the call */
export async function actionCosigner(opened: Opened, job: Job, options: SignOptions): Promise<Cosigner> {
  const { info } = opened;
  const { runtime, index, sealed, cid, source, wallet } = await hostedAction(opened);
  const paramsFor = (requests: readonly string[], account: string) => {
    const { approval } = options;
    const items = requests.map((request, i) => ({
      intent: (job.items[i] as Job['items'][number]).text,
      request,
      ...(approval !== undefined && { approval }),
    }));
    const common = { wallet, share: sealed, path: job.path, account, ...rootFor(info, job.path, approval) };
    const [item] = items;
    if (item !== undefined && items.length === 1) return { op: 'sign' as const, ...common, ...item };
    return { op: 'signMany' as const, ...common, requests: items };
  };
  assertFits(await runtime.limits(), job, (requests) => paramsFor(requests, info.address));
  return {
    index,
    calls: 1,
    answer: async (requests, account) => {
      options.onProgress?.('asking the action');
      const params = paramsFor(requests.map(base64), account);
      const call = <S extends v.GenericSchema>(schema: S) => ask(runtime, { cid, source }, params, schema, options);
      const responses = params.op === 'sign' ? [(await call(One)).response] : (await call(Many)).responses;
      if (responses.length !== requests.length) {
        throw new ProtocolError(`The action gave ${responses.length} answers to ${requests.length} requests.`);
      }
      return responses.map(fromBase64);
    },
  };
}

/** The most that a request and a response take in base64, the latter without a path: they hardly vary. */
const REQUEST_LENGTH = 57_800;
const RESPONSE_LENGTH = 89_400;

/** @throws UsageError if the host's limits would refuse the call or its answer */
function assertFits(limits: Limits, { items, steps }: Job, paramsFor: (requests: readonly string[]) => object): void {
  const { maxParamsLength, maxResponseLength } = limits;
  const sizes = (count: number) => ({
    params: Buffer.byteLength(JSON.stringify(paramsFor(Array(count).fill('')))) + count * REQUEST_LENGTH,
    answer: 64 + count * (RESPONSE_LENGTH + 7 * steps.length),
  });
  const fits = (count: number) => {
    const { params, answer } = sizes(count);
    return params <= maxParamsLength && answer <= maxResponseLength;
  };
  if (fits(items.length)) return;
  const { params, answer } = sizes(items.length);
  const what = items.length === 1 ? 'The signature does' : `The ${items.length} signatures do`;
  const most = items.findLastIndex((_, i) => fits(i + 1)) + 1;
  throw new UsageError(
    `${what} not fit one call: parameters of ${params} bytes and an answer of ${answer}, ` +
      `where the host takes ${maxParamsLength} and ${maxResponseLength}.`,
    { next: most === 0 ? 'sign something shorter.' : `sign ${most} of them in one call.` },
  );
}
