import { performance } from 'node:perf_hooks';
import type { Hex } from '../core/evm.ts';
import { UsageError } from '../errors.ts';
import { checkShare, localParties, readShare } from '../store/store.ts';
import { actionCosigner } from './action.ts';
import { failCheck, finish } from './finish.ts';
import { holdOpened } from './hold.ts';
import type { Job, SignOptions } from './job.ts';
import { addressAt, hotShare, type Opened, theParty } from './opened.ts';
import { MAX_PREPARED, SigningRequest } from './prepared.ts';
import { isBy, type Signed, type SignedTransaction, signedOf } from './signed.ts';

// Signatures by dkls18: the hot share with the action, or with a cold share that is here.

/** The other signer. */
export interface Cosigner {
  readonly index: number;
  readonly calls: number;
  /** The answers to the requests, in their order: one for each item of the job. */
  answer(requests: readonly Uint8Array[], account: Hex): Promise<Uint8Array[]>;
}

export async function signByDkls18(
  opened: Opened,
  job: Job,
  options: SignOptions,
): Promise<(Signed | SignedTransaction)[]> {
  const start = performance.now();
  const { info, pool } = opened;
  const { items, path } = job;
  const isRecovery = options.recovery === true || info.action === undefined;

  const hold = await holdOpened(opened, isRecovery, options.signal);
  const requests = isRecovery ? [] : pool.take(items.length);
  try {
    const missing = items.length - requests.length;
    const opening = isRecovery ? localCosigner(opened, job) : actionCosigner(opened, job, options);
    const reading = missing > 0 ? hotShare(opened) : Promise.resolve(new Uint8Array());
    const [cosigner, share] = await allOf(opening, reading);
    try {
      for (let i = 0; i < missing; i++) {
        options.signal?.throwIfAborted();
        requests.push(await newRequest(opened, share, cosigner.index));
      }
    } finally {
      share.fill(0);
    }
    const [first] = requests;
    if (first === undefined) throw new Error('there is no request');
    const address = addressAt(first.known, job.steps);
    const responses = await cosigner.answer(
      requests.map(({ message }) => message),
      address,
    );
    options.onProgress?.('checking the signature');
    const signatures = [];
    for (const [i, { digest }] of items.entries()) {
      const [request, response] = [requests[i] as SigningRequest, responses[i] as Uint8Array];
      const tandem = await opened.load();
      const parts = finish(opened, hold, () => request.finish(tandem, { digest, path, response }));
      if (!isBy(address, digest, parts)) failCheck(opened, hold, 'the signature is not by this address');
      signatures.push(parts);
    }
    const made = { address, protocol: 'dkls18', calls: cosigner.calls, start } as const;
    return signatures.map((parts, i) => signedOf((items[i] as Job['items'][number]).intent, parts, made));
  } finally {
    for (const request of requests) request.clear();
    hold.release();
  }
}

/** Sees to it that `count` requests to the action are ready. */
export async function prepareDkls18(
  opened: Opened,
  count: number,
  options: Pick<SignOptions, 'signal' | 'onProgress'>,
): Promise<number> {
  const { info, pool } = opened;
  if (!Number.isInteger(count) || count < 1 || count > MAX_PREPARED) {
    throw new UsageError(`${count} requests cannot be prepared; 1 to ${MAX_PREPARED} can.`);
  }
  const { index } = theParty(info, 'action');
  const hold = await holdOpened(opened, false, options.signal);
  try {
    if (pool.size >= count) return pool.size;
    options.onProgress?.('preparing');
    const share = await hotShare(opened);
    try {
      while (pool.size < count && !pool.isClosed) {
        options.signal?.throwIfAborted();
        pool.add(await newRequest(opened, share, index));
      }
      return pool.size;
    } finally {
      share.fill(0);
    }
  } finally {
    hold.release();
  }
}

/** A request to `peer` with the hot share, after a check that the share is one of this wallet. */
async function newRequest(opened: Opened, share: Uint8Array, peer: number): Promise<SigningRequest> {
  const { info, store } = opened;
  const { index } = theParty(info, 'hot');
  const tandem = await opened.load();
  const known = tandem.shareInfo(share);
  checkShare(store, info, index, known);
  return new SigningRequest(tandem, known, share, peer);
}

async function localCosigner({ store, info, load }: Opened, job: Job): Promise<Cosigner> {
  const { index } = localParties(store, info).find(({ role }) => role === 'cold') ?? theParty(info, 'cold');
  const share = await readShare(store, info, index);
  const peer = theParty(info, 'hot').index;
  try {
    checkShare(store, info, index, (await load()).shareInfo(share));
  } catch (error) {
    share.fill(0);
    throw error;
  }
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

/** Like Promise.all, but waits for all before it fails: no share is still being opened when the caller hears of it. */
async function allOf<T extends readonly unknown[]>(...promises: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  await Promise.allSettled(promises);
  return (await Promise.all(promises)) as unknown as T;
}
