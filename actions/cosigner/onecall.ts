import { fromHex, toBase64 } from '../../ts/core/bytes.ts';
import { digestOf } from '../../ts/intent/intent.ts';
import type { CorrelateAnswer, CorrelateRequest, OnecallAnswer, OnecallRequest } from '../../ts/protocol/cosigner.ts';
import { HOT } from '../../ts/protocol/roles.ts';
import { type Allowed, allowedAll, checkSigner } from './judged.ts';
import { type Cosigner, checkBound, checkPeer, openShare, unsealShare } from './sealed.ts';

// The action as a signer by onecall. It keeps nothing, and may be asked anything again.

/** Sets up a correlation with another party. */
export async function correlate(cosigner: Cosigner, asked: CorrelateRequest): Promise<CorrelateAnswer> {
  const { wallet, share: sealed, peer = HOT, request } = asked;
  const tandem = await cosigner.start();
  const { bound } = await openShare(cosigner, tandem, wallet, sealed);
  try {
    checkPeer(bound, peer);
    return { answer: toBase64(tandem.correlateRespond({ share: bound.share, peer, request })) };
  } finally {
    bound.share.fill(0);
  }
}

/** Signs 1 to 8 intents, if the policy allows all of them. */
export async function onecall(cosigner: Cosigner, asked: OnecallRequest): Promise<OnecallAnswer> {
  const { wallet, share: sealed, path, peer = HOT, request } = asked;
  const allowed = await allowedAll(cosigner, asked.intents, asked);
  const { intents } = allowed;
  const digests = intents.map((intent) => fromHex(digestOf(intent)));
  // The module starts while the host decrypts.
  const starting = Promise.all([cosigner.start(), inputsOf(asked, allowed)]);
  starting.catch(() => {}); // it is waited for below
  const bound = await unsealShare(cosigner, wallet, sealed);
  try {
    checkPeer(bound, peer);
    const [tandem, inputs] = await starting;
    const signing = { share: bound.share, peer, digests, path, request, inputs };
    // Nothing of the response leaves before its share is known to be the one that was sealed, and whose it is.
    const { response, info } = tandem.onecallRespond(signing);
    checkBound(bound, info);
    checkSigner(tandem, info, asked, intents);
    return { response: toBase64(response) };
  } finally {
    bound.share.fill(0);
  }
}

/** A hash of all that the answer rests on, for its randomness. */
async function inputsOf(asked: OnecallRequest, { now, reads }: Allowed): Promise<Uint8Array> {
  const { request: _, ...rest } = asked; // the module has that itself
  const text = JSON.stringify([rest, now, reads.map(String)]);
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
}
