import * as v from 'valibot';
import { fromHex, recoverAddress, toHex } from '../core/evm.ts';
import type { ShareInfo, Tandem } from '../core/wasm.ts';
import { UsageError, WalletError } from '../errors.ts';
import { readJson } from '../json.ts';
import { digestOfPermission, MAX_VALIDITY, type Permission, SAME, typedDataOf } from '../protocol/permission.ts';
import { ACTION, areParties, coldOf, roleOf } from '../protocol/roles.ts';
import { Cid, Epoch, Hex, Index } from '../protocol/schema.ts';
import type { WalletInfo } from '../store/store.ts';

/** The answer of an authority: its signature of a permission and, for a cold share, the index of its party. */
export interface PermissionSignature {
  readonly by?: number | undefined;
  readonly signature: `0x${string}`;
}

/** Asks an authority on another machine: shows it the permission and waits for its answer. */
export type AskAuthority = (permission: Permission) => Promise<PermissionSignature>;

/** The expiry of a permission that is asked for now. The host's clock may be some minutes slow. */
export function expiry(): number {
  return Math.floor(Date.now() / 1000) + MAX_VALIDITY - 600;
}

/**
 * A cold share signs a permission.
 *
 * @throws WalletError if the permission is not about its key, as {@link assertSignable} says
 */
export function signPermission(tandem: Tandem, share: Uint8Array, permission: Permission): PermissionSignature {
  const known = tandem.shareInfo(share);
  assertSignable(known, permission);
  const { index } = known;
  return { by: index, signature: toHex(tandem.authorize({ share, digest: fromHex(digestOfPermission(permission)) })) };
}

/**
 * The signature that the action will ask for: of a cold share that is here, or of the authority that `ask` reaches. The answer is
 * checked here, because the action would not say what is wrong with it.
 *
 * @throws UsageError if there is nobody to ask; WalletError if the answer is not the authority's
 */
export async function signedPermission(
  info: WalletInfo,
  shares: ReadonlyMap<number, Uint8Array>,
  permission: Permission,
  { ask, tandem }: { readonly ask: AskAuthority | undefined; readonly tandem: Tandem },
): Promise<PermissionSignature & { readonly expires: number }> {
  const authority = info.action?.authority;
  if (authority === undefined || authority === 'none') {
    throw new UsageError(
      'Nobody may ask the action of this wallet to give its share away: it was made with the authority none.',
      {
        next: 'use the hot and the cold share, which need no action.',
      },
    );
  }
  const { expires } = permission;
  const cold = info.parties.find(({ index, role }) => role === 'cold' && shares.has(index));
  const share = cold && shares.get(cold.index);
  if (authority === 'cold' && share) return { ...signPermission(tandem, share, permission), expires };
  if (ask === undefined) {
    throw new UsageError(`The action does this only if ${nameOf(authority)} permits it with a signature.`, {
      next: 'give --request and --authorization, files for what is to be signed and for the signature.',
    });
  }
  const given = await ask(permission);
  if (!isSignedBy(info, authority, shares, permission, given, tandem)) {
    throw new WalletError(`The authorization is not ${nameOf(authority)}'s signature of what was asked for.`, {
      next: 'sign the request that was just written: it differs every time.',
    });
  }
  return { ...given, expires };
}

/**
 * Checks a permission against the share that is about to sign it. Whatever the share itself says must match.
 *
 * @throws WalletError
 */
export function assertSignable(known: ShareInfo, permission: Permission): void {
  const { index, threshold, parties, epoch } = known;
  const { dealers, holders } = permission;
  const refuse = (short: string, next: string): never => {
    throw new WalletError(short, { next });
  };
  if (permission.keyId !== toHex(known.keyId) || permission.account !== toHex(known.address)) {
    const next = `give the share of ${permission.account} that belongs to its present epoch.`;
    refuse('This share does not belong to the key in the request.', next);
  }
  if (roleOf(index, true) !== 'cold') {
    refuse(`The share of party ${index} is not a cold one.`, 'sign with a cold share: it is the authority.');
  }
  const fits =
    permission.what === 'move the share'
      ? permission.epoch === epoch && permission.threshold === threshold && String(holders) === String(parties)
      : permission.epoch === epoch + 1 && dealers.length === threshold && dealers.every((one) => parties.includes(one));
  if (!fits || !v.is(PermissionSchema, permission)) {
    refuse(
      'The request contradicts the share of this key, or asks for something that no action does.',
      'sign nothing, and find out which machine wrote it: it may be compromised.',
    );
  }
}

/** A permission that an action can be asked for: the parties are those that every key with an action has. */
const PermissionSchema = v.pipe(
  v.strictObject({
    what: v.picklist(['deal new shares', 'move the share']),
    account: Hex(20),
    hostWallet: Hex(20),
    keyId: Hex(32),
    epoch: Epoch,
    dealers: v.array(Index),
    holders: v.array(Index),
    threshold: Index,
    action: v.union([v.literal(SAME), Cid]),
    authority: v.union([v.picklist(['cold', 'none']), Hex(20)]),
    messages: Hex(32),
    expires: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  }),
  v.check(({ what, dealers, holders, threshold, authority, account }) => {
    const isAscending = dealers.every((dealer, i) => i === 0 || dealer > (dealers[i - 1] ?? 0));
    return (
      areParties(holders, true) &&
      threshold >= 2 &&
      threshold <= holders.length &&
      isAscending &&
      (what === 'move the share' ? dealers.length === 0 : dealers.includes(ACTION)) &&
      (authority !== 'cold' || coldOf(holders).length > 0) &&
      authority !== account
    );
  }),
);

/**
 * Reads a request for a permission: typed data of exactly our form, so that everything in it that is signed is also shown.
 *
 * @throws WalletError
 */
export function parsePermission(text: string): Permission {
  try {
    const { message, ...rest } = readJson(text) as { message: unknown };
    const permission = v.parse(PermissionSchema, message);
    const { message: _, ...expected } = typedDataOf(permission);
    if (JSON.stringify(rest) === JSON.stringify(expected)) return permission;
  } catch {}
  throw new WalletError('This is not a request for an authorization.', {
    next: 'give the file that the asking command wrote.',
  });
}

/** What a permission allows, line by line. */
export function describePermission(permission: Permission): Record<string, string> {
  const { dealers, holders, threshold, action, authority } = permission;
  const isMove = permission.what === 'move the share';
  const holder = action === SAME ? 'the action that has one now' : `the action ${action}`;
  return {
    wallet: permission.account,
    allows: isMove
      ? 'the action to give its share, as it is, to another action'
      : 'the action to deal new shares of the key',
    ...(!isMove && { 'dealt by': `parties ${dealers.join(', ')}`, epoch: String(permission.epoch) }),
    holders: `parties ${holders.join(', ')}; ${threshold} of them sign (1 is hot, 2 the action, all others are cold)`,
    'the action': `${holder} holds the action's share`,
    authority: authority === 'none' ? 'nobody, from then on and for ever' : `${nameOf(authority)}, from then on`,
    ...(!isMove && { machines: `those that show ${permission.messages}` }),
    until: new Date(permission.expires * 1000).toISOString(),
  };
}

/** What a permission says about the present wallet. */
export function about({
  address,
  keyId,
  action,
}: Pick<WalletInfo, 'address' | 'keyId' | 'action'>): Pick<Permission, 'account' | 'hostWallet' | 'keyId'> {
  return { account: address.toLowerCase(), hostWallet: (action?.wallet ?? '').toLowerCase(), keyId };
}

/** Who an authority is, in words. */
export function nameOf(authority: string): string {
  return authority === 'cold' ? 'a cold share' : `the guardian ${authority}`;
}

/** Whether a signature of a permission is the authority's. For a cold share, the public points in the shares here decide. */
export function isSignedBy(
  info: WalletInfo,
  authority: string,
  shares: ReadonlyMap<number, Uint8Array>,
  permission: Permission,
  { by, signature }: PermissionSignature,
  tandem: Tandem,
): boolean {
  const digest = fromHex(digestOfPermission(permission));
  const bytes = fromHex(signature, 'The signature');
  if (authority !== 'cold') {
    if (bytes.length !== 65) return false;
    const [r, s, v = 0] = [bytes.subarray(0, 32), bytes.subarray(32, 64), bytes[64]];
    return recoverAddress(digest, { r, s, yParity: v % 27 })?.toLowerCase() === authority;
  }
  const [share] = shares.values();
  const cold = info.parties.filter(({ role }) => role === 'cold').map(({ index }) => index);
  if (share === undefined || by === undefined || !cold.includes(by)) return false;
  try {
    tandem.checkAuthorized({ share, by, digest, signature: bytes });
    return true;
  } catch {
    return false;
  }
}
