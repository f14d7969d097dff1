import { toBase64 } from '../template/bytes.ts';
import { type Deal1Answer, type Deal1Request, type Deal2Answer, type Deal2Request, otherParties } from './protocol.ts';
import { type Context, sealSession, sealShare, unsealSession } from './secrets.ts';

/** Key generation, first call: the action's first and second messages, and its session, sealed. */
export async function deal1(context: Context, request: Deal1Request): Promise<Deal1Answer> {
  const { wallet, threshold, parties, self, authority, interactive, messages } = request;
  if (authority === 'cold' && otherParties(parties, self).cold.length === 0) throw new Error('there is no cold party');
  const tandem = await context.start();
  const params = { kind: 'keygen', threshold, parties, contributors: parties, self, epoch: 0 } as const;
  const joined = tandem.dealJoin(params, messages);
  const session = await sealSession(context, wallet, {
    kind: 'keygen',
    round: 2,
    threshold,
    parties,
    index: self,
    authority,
    interactive,
    session: new Uint8Array(joined.session),
  });
  return { session, messages: { round1: toBase64(joined.message1), round2: toBase64(joined.message2) } };
}

/** Key generation, second call: the action's third message, and its key share, sealed. */
export async function deal2(context: Context, request: Deal2Request): Promise<Deal2Answer> {
  const { wallet, messages } = request;
  const tandem = await context.start();
  const { session, threshold, parties, index, authority, interactive } = await unsealSession(
    context,
    wallet,
    request.session,
  );
  const third = tandem.dealRound3(session, messages.round2);
  const { share, info } = tandem.dealFinish(third.session, messages.round3);
  const { keyId, epoch } = info;
  const bound = { threshold, parties, index, authority, interactive, keyId, epoch, share: new Uint8Array(share) };
  return { message: toBase64(third.message), share: await sealShare(context, wallet, bound) };
}
