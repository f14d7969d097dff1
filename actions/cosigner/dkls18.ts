import { fromHex, toBase64 } from '../../ts/core/bytes.ts';
import { digestOf, type Intent } from '../../ts/intent/intent.ts';
import type { SignAnswer, SignManyAnswer, SignManyRequest, SignRequest } from '../../ts/protocol/cosigner.ts';
import { HOT } from '../../ts/protocol/roles.ts';
import { allowedAll, checkSigner } from './judged.ts';
import { type Cosigner, checkPeer, openShare } from './sealed.ts';

// The action as a signer by dkls18.

/** Answers a signing request, if the policy allows the intent. Every answer is a complete, independent execution. */
export async function sign(
  cosigner: Cosigner,
  { intent, approval, request, ...rest }: SignRequest,
): Promise<SignAnswer> {
  const [response = ''] = await responses(cosigner, { ...rest, requests: [{ intent, approval, request }] });
  return { response };
}

/** Answers several signing requests, if the policy allows all their intents: all of them or none. */
export async function signMany(cosigner: Cosigner, request: SignManyRequest): Promise<SignManyAnswer> {
  return { responses: await responses(cosigner, request) };
}

type Signing = Omit<SignManyRequest, 'op'>;

async function responses(cosigner: Cosigner, signing: Signing): Promise<string[]> {
  const { wallet, share, requests, path, peer = HOT } = signing;
  const { intents } = await allowedAll(cosigner, requests, signing);
  const first = await cosigner.start();
  const { bound, info } = await openShare(cosigner, first, wallet, share);
  try {
    checkSigner(first, info, signing, intents);
    checkPeer(bound, peer);
    const answers: string[] = [];
    for (const [i, { request }] of requests.entries()) {
      // An instance frees nothing: one for each signature bounds the memory and leaves no execution another's remains.
      const tandem = i === 0 ? first : await cosigner.start();
      const digest = fromHex(digestOf(intents[i] as Intent));
      answers.push(toBase64(tandem.dkls18Respond({ share: bound.share, peer, digest, path, request })));
    }
    return answers;
  } finally {
    bound.share.fill(0);
  }
}
