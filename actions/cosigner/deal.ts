import { toBase64, toHex } from '../../ts/core/bytes.ts';
import type { DealParams, Tandem } from '../../ts/core/wasm.ts';
import type { Deal1Answer, Deal1Request, Deal2Answer, Deal2Request } from '../../ts/protocol/cosigner.ts';
import { permissionToDeal } from '../../ts/protocol/permission.ts';
import { HOT } from '../../ts/protocol/roles.ts';
import { assertOthers, assertPossible, checkAuthority } from './authority.ts';
import { boundInfo, type Cosigner, openShare, sealForAction, sealSession, sealShare, unsealSession } from './sealed.ts';

/** A deal, first call: the action's first and second messages, and its session, sealed. */
export async function deal1(cosigner: Cosigner, request: Deal1Request): Promise<Deal1Answer> {
  const tandem = await cosigner.start();
  if (request.kind === 'reshare') return reshare(cosigner, tandem, request);
  const { kind, threshold, parties, self } = request;
  const common = { threshold, parties, self };
  switch (kind) {
    case 'keygen':
      return join(cosigner, tandem, request, { kind, ...common, contributors: parties, epoch: 0 });
    case 'import':
      return join(cosigner, tandem, request, { kind, ...common, contributors: request.contributors, epoch: 0 });
    case 'receive': {
      const { contributors, epoch, old } = request;
      return join(cosigner, tandem, request, { kind: 'reshare', ...common, contributors, epoch, old });
    }
  }
}

type Reshare = Extract<Deal1Request, { kind: 'reshare' }>;

/** Contributes the action's share to new ones, if its authority allows exactly that. */
async function reshare(cosigner: Cosigner, tandem: Tandem, request: Reshare): Promise<Deal1Answer> {
  const { wallet, threshold, parties, contributors, authority, action, messages, authorization } = request;
  const { bound, info } = await openShare(cosigner, tandem, wallet, request.share);
  try {
    const { index: self, share } = bound;
    const epoch = bound.epoch + 1;
    const now = { account: toHex(info.address), hostWallet: wallet, keyId: toHex(bound.keyId) };
    const deal = { epoch, threshold, parties, contributors };
    const { expires } = authorization;
    const permission = permissionToDeal(now, deal, { action, authority, round1: messages, expires });
    assertOthers(info.address, authority, cosigner.policy);
    checkAuthority(tandem, bound, permission, authorization);
    return await join(
      cosigner,
      tandem,
      { ...request, interactive: bound.interactive },
      { kind: 'reshare', ...deal, self, share },
    );
  } finally {
    bound.share.fill(0);
  }
}

/** Rounds 1 and 2 at once, of a deal in which the action gets a share. */
async function join(
  cosigner: Cosigner,
  tandem: Tandem,
  request: Pick<Deal1Request, 'wallet' | 'authority' | 'messages'> & {
    interactive: boolean;
    action?: string | undefined;
  },
  params: DealParams,
): Promise<Deal1Answer> {
  const { wallet, authority, interactive, messages, action } = request;
  const { threshold, self } = params;
  const parties = [...params.parties];
  assertPossible(authority, parties);
  const joined = tandem.dealJoin(params, messages);
  const session = await sealSession(cosigner, wallet, {
    round: 2,
    threshold,
    parties,
    index: self,
    authority,
    interactive,
    action,
    session: new Uint8Array(joined.session),
  });
  return { session, messages: { round1: toBase64(joined.message1), round2: toBase64(joined.message2) } };
}

/**
 * A deal, second call: the action's third message, and its key share, sealed for it or for the action to hold it; and if it is
 * asked, its answer to the hot party's set-up of a correlation.
 */
export async function deal2(cosigner: Cosigner, request: Deal2Request): Promise<Deal2Answer> {
  const { wallet, messages } = request;
  const tandem = await cosigner.start();
  const { session, round: _, action, ...place } = await unsealSession(cosigner, wallet, request.session);
  const third = tandem.dealRound3(session, messages.round2);
  const { share, info } = tandem.dealFinish(third.session, messages.round3);
  const { keyId, epoch } = info;
  const bound = { ...place, keyId, epoch, share: new Uint8Array(share) };
  assertOthers(boundInfo(tandem, bound).address, bound.authority, cosigner.policy);
  // The share is there, all checks of the deal behind it: now, and not before, it may answer.
  const { correlate } = request;
  const answer = correlate && tandem.correlateRespond({ share, peer: HOT, request: correlate });
  const sealed =
    action === undefined
      ? await sealShare(cosigner, wallet, bound)
      : await sealForAction(cosigner, tandem, wallet, action, bound);
  return { message: toBase64(third.message), share: sealed, ...(answer && { correlation: toBase64(answer) }) };
}
