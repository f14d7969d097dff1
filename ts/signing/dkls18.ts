import type { Signature } from '../core/wasm.ts';
import { localParties } from '../store/store.ts';
import { actionCosigner, type Cosigner } from './dkls18-action.ts';
import { checked, failCheck } from './failed-check.ts';
import { holdOpened } from './hold.ts';
import { isWithoutAction, type Job, type SignOptions } from './job.ts';
import { addressAt, hotShare, type Opened, openShare, theParty } from './opened.ts';
import { isBy, type Signed, type SignedTransaction, signedOf } from './signed.ts';

// Signatures by dkls18: the hot share with a cold share that is here, or with the action.

export async function signByDkls18(
  opened: Opened,
  job: Job,
  options: SignOptions,
): Promise<(Signed | SignedTransaction)[]> {
  const start = performance.now();
  const { items, path } = job;
  const isRecovery = isWithoutAction(opened.info, options);
  const hold = await holdOpened(opened, { signal: options.signal, isRecovery });
  let share: Uint8Array = new Uint8Array();
  const sessions: Uint8Array[] = [];
  try {
    const opening = isRecovery ? localCosigner(opened, job) : actionCosigner(opened, job, options);
    const [cosigner, hot] = await allOf(opening, hotShare(opened));
    share = hot.share;
    const requests: Uint8Array[] = [];
    for (const _ of items) {
      options.signal?.throwIfAborted();
      const made = (await opened.load()).dkls18Request({ share, peer: cosigner.index });
      sessions.push(made.session);
      requests.push(made.request);
    }
    const address = addressAt(hot.known, job.steps);
    const responses = await cosigner.answer(requests, address);
    options.onProgress?.('checking the signature');
    const signatures: Signature[] = [];
    for (const [i, { digest }] of items.entries()) {
      const tandem = await opened.load();
      const [session, response] = [sessions[i] as Uint8Array, responses[i] as Uint8Array];
      // A session is finished at most once: two signatures from one have the nonce share in common.
      const parts = await checked(opened, hold, () => tandem.dkls18Finish({ share, session, digest, path, response }));
      if (!isBy(address, digest, parts)) await failCheck(opened, hold, 'the signature is not by this address');
      signatures.push(parts);
    }
    const made = { address, protocol: 'dkls18', calls: cosigner.calls, start } as const;
    return items.map(({ intent }, i) => signedOf(intent, signatures[i] as Signature, made));
  } finally {
    share.fill(0);
    for (const session of sessions) session.fill(0);
    hold.release();
  }
}

async function localCosigner(opened: Opened, job: Job): Promise<Cosigner> {
  const { store, info, load } = opened;
  const { index } = (await localParties(store, info)).find(({ role }) => role === 'cold') ?? theParty(info, 'cold');
  const peer = theParty(info, 'hot').index;
  const { share } = await openShare(opened, index);
  return {
    index,
    calls: 0,
    answer: async (requests) => {
      try {
        const responses: Uint8Array[] = [];
        for (const [i, { digest }] of job.items.entries()) {
          const request = requests[i] as Uint8Array;
          responses.push((await load()).dkls18Respond({ share, peer, digest, path: job.path, request }));
        }
        return responses;
      } finally {
        share.fill(0);
      }
    },
  };
}

/** Like Promise.all, but waits for all before it fails, so that no share is still being opened when the caller gets the error. */
async function allOf<T extends readonly unknown[]>(...promises: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  await Promise.allSettled(promises);
  return (await Promise.all(promises)) as unknown as T;
}
