import * as v from 'valibot';
import { byteLength, toBase64 } from '../core/bytes.ts';
import type { Hex } from '../core/evm.ts';
import type { Signature, Tandem } from '../core/wasm.ts';
import { StaleResponseError } from '../errors.ts';
import { ask, Message } from '../runtime/ask.ts';
import type { CorrelationKey, CorrelationName } from '../store/correlations.ts';
import { assertPossible, type HostedSigner, hostedAction, inBase64 } from './action.ts';
import { readyCorrelation, tell } from './correlate.ts';
import { failCheck, transported } from './failed-check.ts';
import { holdOpened } from './hold.ts';
import { type Job, rootFor, type SignOptions } from './job.ts';
import { addressAt, hotShare, type Opened } from './opened.ts';
import { isBy, type Signed, type SignedTransaction, signedOf } from './signed.ts';

// Signatures by onecall: the hot share with the action, from their correlation. The wallet is held for the request and for the
// finish, not for the call between them.

/** A request, and what is needed to finish it with one right answer. */
interface Asked {
  readonly request: Uint8Array;
  /** Secret, in memory only. */
  readonly session: Uint8Array;
  readonly correlation: CorrelationName;
  readonly key: CorrelationKey;
  /** Whose key signs. */
  readonly address: Hex;
  /** How many calls of the action the correlation took. */
  readonly calls: number;
}

const Answer = v.object({ response: Message });

/** The longest request and response, in bytes. Their lengths hardly vary. */
const requestBytes = (count: number) => 240 + 104 * count;
const responseBytes = (count: number) => 230 + 2304 * (count + 1) + 170 * count;

export async function signByOnecall(
  opened: Opened,
  job: Job,
  options: SignOptions,
): Promise<(Signed | SignedTransaction)[]> {
  const start = performance.now();
  const tandem = await opened.load(); // for the request and the finish: a session is one instance's
  const { host, ...asked } = await request(tandem, opened, job, options);
  try {
    options.onProgress?.('asking the action');
    const { cid, source } = host;
    const params = paramsFor(opened, host, job, options, toBase64(asked.request), asked.address);
    const { response } = await ask(host.runtime, { cid, source }, params, Answer, options);
    options.onProgress?.('checking the signature');
    const signatures = await finish(tandem, opened, job, asked, response, options);
    const made = { address: asked.address, protocol: 'onecall', calls: asked.calls + 1, start } as const;
    return job.items.map(({ intent }, i) => signedOf(intent, signatures[i] as Signature, made));
  } finally {
    asked.session.fill(0);
  }
}

function paramsFor(
  { info }: Opened,
  { wallet, sealed }: HostedSigner,
  { items, path }: Job,
  { approval }: SignOptions,
  request: string,
  account: string,
) {
  const intents = items.map(({ text }) => ({ intent: text, ...(approval !== undefined && { approval }) }));
  const key = { wallet, share: sealed, path, account, ...rootFor(info, path, approval) };
  return { op: 'onecall' as const, ...key, intents, request };
}

/** Opens the share, gets a correlation, and makes the request from both. @throws UsageError if it does not fit a call */
async function request(
  tandem: Tandem,
  opened: Opened,
  job: Job,
  options: SignOptions,
): Promise<Asked & { readonly host: HostedSigner }> {
  const hold = await holdOpened(opened, options);
  try {
    const host = await hostedAction(opened);
    assertPossible(await host.runtime.limits(), job.items.length, (count) => {
      const some = { ...job, items: job.items.slice(0, count) };
      const params = paramsFor(opened, host, some, options, '', opened.info.address);
      const size = byteLength(JSON.stringify(params));
      return { params: size + inBase64(requestBytes(count)), response: 64 + inBase64(responseBytes(count)) };
    });
    const hot = await hotShare(opened, tandem);
    try {
      options.signal?.throwIfAborted();
      const { correlation, key, calls } = await readyCorrelation(opened, host, hot, options);
      try {
        const { session, request } = tandem.onecallRequest({
          share: hot.share,
          correlation: correlation.bytes,
          peer: host.index,
          digests: job.items.map(({ digest }) => digest),
          path: job.path,
        });
        const address = addressAt(hot.known, job.steps);
        return { host, request, session, correlation: correlation.name, key, address, calls };
      } finally {
        correlation.bytes.fill(0);
      }
    } finally {
      hot.share.fill(0);
    }
  } finally {
    hold.release();
  }
}

/**
 * Makes the signatures from the answer: all of them or none. Before a secret meets the answer, the correlation is removed from its
 * folder. It goes back only when all signatures are verified. Any other outcome from then on is a failed check.
 */
async function finish(
  tandem: Tandem,
  opened: Opened,
  { items }: Job,
  { session, correlation: name, key, address }: Asked,
  response: Uint8Array,
  options: SignOptions,
): Promise<Signature[]> {
  transported(() => tandem.onecallCheck({ session, response }));
  const hold = await holdOpened(opened, { signal: options.signal, isUnderWay: true });
  try {
    const taken = await opened.correlations.take(key, name);
    if (taken === undefined) {
      throw new StaleResponseError(
        'The correlation of the request has ended in the meantime. The answer was not used.',
        {
          next: 'sign again.',
        },
      );
    }
    let signatures: Signature[];
    try {
      signatures = tandem.onecallFinish({ correlation: taken.bytes, session, response });
      const isEach = items.every(({ digest }, i) => {
        const parts = signatures[i];
        return parts !== undefined && isBy(address, digest, parts);
      });
      if (!isEach || signatures.length !== items.length) throw new Error('a signature is not by this address');
    } catch (error) {
      return await failCheck(opened, hold, error instanceof Error ? error.message : String(error));
    } finally {
      taken.bytes.fill(0);
    }
    await taken
      .putBack()
      .catch(() => tell(options, 'the correlation could not be kept: the next signature makes another one'));
    return signatures;
  } finally {
    hold.release();
  }
}
