import * as v from 'valibot';
import { byteLength, toBase64 } from '../core/bytes.ts';
import type { Hex } from '../core/evm.ts';
import { ProtocolError } from '../errors.ts';
import { MAX_SIGNATURES } from '../protocol/cosigner.ts';
import { ask, Message } from '../runtime/ask.ts';
import { assertPossible, hostedAction } from './action.ts';
import { type Job, rootFor, type SignOptions } from './job.ts';
import type { Opened } from './opened.ts';

// The action as the co-signer of a job by dkls18.

/** The other signer. */
export interface Cosigner {
  readonly index: number;
  readonly calls: number;
  /** The answers to the requests, in their order: one for each item of the job. */
  answer(requests: readonly Uint8Array[], account: Hex): Promise<Uint8Array[]>;
}

const One = v.object({ response: Message });
const Many = v.object({ responses: v.pipe(v.array(Message), v.maxLength(MAX_SIGNATURES)) });

/** The longest request and response in base64, the latter without a path. Their lengths hardly vary. */
const REQUEST_LENGTH = 57_800;
const RESPONSE_LENGTH = 89_400;

/** @throws UsageError if the host's limits would refuse the call */
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
  assertPossible(await runtime.limits(), job.items.length, (count) => ({
    params: byteLength(JSON.stringify(paramsFor(Array(count).fill(''), info.address))) + count * REQUEST_LENGTH,
    response: 64 + count * (RESPONSE_LENGTH + 7 * job.steps.length),
  }));
  return {
    index,
    calls: 1,
    answer: async (requests, account) => {
      options.onProgress?.('asking the action');
      const params = paramsFor(requests.map(toBase64), account);
      const call = <S extends v.GenericSchema>(schema: S) => ask(runtime, { cid, source }, params, schema, options);
      const responses = params.op === 'sign' ? [(await call(One)).response] : (await call(Many)).responses;
      if (responses.length !== requests.length) {
        throw new ProtocolError(`The action gave ${responses.length} answers to ${requests.length} requests.`);
      }
      return responses;
    },
  };
}
