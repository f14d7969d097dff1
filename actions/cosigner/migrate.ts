import { toHex } from '../../ts/core/bytes.ts';
import type { AdoptRequest, MigrateRequest, ShareAnswer } from '../../ts/protocol/cosigner.ts';
import { permissionToMove } from '../../ts/protocol/permission.ts';
import { assertOthers, assertPossible, checkAuthority } from './authority.ts';
import { type Cosigner, openFromAction, openShare, sealForAction, sealShare } from './sealed.ts';

/** Gives the action's share to another action, if its authority allows exactly that. */
export async function migrate(cosigner: Cosigner, request: MigrateRequest): Promise<ShareAnswer> {
  const { wallet, action, authority, authorization } = request;
  const tandem = await cosigner.start();
  const { bound, info } = await openShare(cosigner, tandem, wallet, request.share);
  try {
    const { parties } = bound;
    const now = { account: toHex(info.address), hostWallet: wallet, keyId: toHex(bound.keyId) };
    const permission = permissionToMove(now, bound, { action, authority, expires: authorization.expires });
    assertPossible(authority, parties);
    assertOthers(info.address, authority, cosigner.policy);
    checkAuthority(tandem, bound, permission, authorization);
    return { share: await sealForAction(cosigner, tandem, wallet, action, { ...bound, authority }) };
  } finally {
    bound.share.fill(0);
  }
}

/** Takes a share that another action gave this one. An attacker who made it up has a share of their own key here. */
export async function adopt(cosigner: Cosigner, { wallet, share }: AdoptRequest): Promise<ShareAnswer> {
  const { bound, info } = await openFromAction(cosigner, await cosigner.start(), wallet, share);
  try {
    assertOthers(info.address, bound.authority, cosigner.policy);
    return { share: await sealShare(cosigner, wallet, bound) };
  } finally {
    bound.share.fill(0);
  }
}
