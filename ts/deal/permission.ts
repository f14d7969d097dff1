import * as v from 'valibot';
import { fromHex, type Hex, recoverAddress, toHex } from '../core/evm.ts';
import type { ShareInfo, Tandem } from '../core/wasm.ts';
import { UsageError, WalletError } from '../errors.ts';
import { readJson } from '../json.ts';
import { digestOfTerms, MAX_VALIDITY, SAME, type Terms, typedDataOf } from '../protocol/permission.ts';
import { ACTION, areParties, coldOf, roleOf } from '../protocol/roles.ts';
import type { WalletInfo } from '../store/store.ts';

/** What an authority answers: its signature, and of a cold share, whose. */
export interface Authorization {
  readonly by?: number | undefined;
  readonly signature: Hex;
}

/** Asks an authority that is elsewhere: shows it the terms, waits for its answer. */
export type Authorizer = (terms: Terms) => Promise<Authorization>;

/** When an authorization that is asked for now is to expire: the host's clock may be behind by some minutes. */
export function expiry(): number {
  return Math.floor(Date.now() / 1000) + MAX_VALIDITY - 600;
}

/**
 * A cold share signs the terms.
 *
 * @throws WalletError if they are not of its key, as {@link assertSignable} says
 */
export function signTerms(tandem: Tandem, share: Uint8Array, terms: Terms): Authorization {
  const known = tandem.shareInfo(share);
  assertSignable(known, terms);
  const { index } = known;
  return { by: index, signature: toHex(tandem.authorize({ share, digest: fromHex(digestOfTerms(terms)) })) };
}

/**
 * The authorization that the action will ask for: of a cold share that is here, or of whoever `ask` reaches. What it gives
 * is checked here, because the action would not say what is wrong with it.
 *
 * @throws UsageError if there is nobody to ask; WalletError if the answer is not the authority's
 */
export async function authorization(
  info: WalletInfo,
  shares: ReadonlyMap<number, Uint8Array>,
  terms: Terms,
  { ask, tandem }: { readonly ask: Authorizer | undefined; readonly tandem: Tandem },
): Promise<Authorization & { readonly expires: number }> {
  const authority = info.action?.authority;
  if (authority === undefined || authority === 'none') {
    throw new UsageError('Nobody may ask the action of this wallet to give its share away: so it was made.', {
      next: 'use the hot and the cold share, which need no action.',
    });
  }
  const { expires } = terms;
  const cold = info.parties.find(({ index, role }) => role === 'cold' && shares.has(index));
  const share = cold && shares.get(cold.index);
  if (authority === 'cold' && share) return { ...signTerms(tandem, share, terms), expires };
  if (ask === undefined) {
    throw new UsageError(`The action does this only if ${nameOf(authority)} signs that it may.`, {
      next: 'give --request and --authorization, files for what is to be signed and for the signature.',
    });
  }
  const given = await ask(terms);
  if (!isBy(info, authority, shares, terms, given, tandem)) {
    throw new WalletError(`The authorization is not ${nameOf(authority)}'s signature of what was asked for.`, {
      next: 'sign the request that was just written: it differs every time.',
    });
  }
  return { ...given, expires };
}

/**
 * Checks terms against the share that is to sign them, which takes nobody's word for what it knows itself.
 *
 * @throws WalletError
 */
export function assertSignable(known: ShareInfo, terms: Terms): void {
  const { index, threshold, parties, epoch } = known;
  const { dealers, holders } = terms;
  const refuse = (short: string, next: string): never => {
    throw new WalletError(short, { next });
  };
  if (terms.keyId !== toHex(known.keyId) || terms.account !== toHex(known.address)) {
    const next = `give the share of ${terms.account} that belongs to its present epoch.`;
    refuse('This share is not one of the key that the request is about.', next);
  }
  if (roleOf(index, true) !== 'cold') {
    refuse(`The share of party ${index} is not a cold one.`, 'sign with a cold share: it is the authority.');
  }
  const fits =
    terms.what === 'move the share'
      ? terms.epoch === epoch && terms.threshold === threshold && String(holders) === String(parties)
      : terms.epoch === epoch + 1 && dealers.length === threshold && dealers.every((one) => parties.includes(one));
  if (!fits || !v.is(TermsSchema, terms)) {
    refuse(
      'The request says of this key what its share does not, or asks for what no action does.',
      'sign nothing, and see which machine wrote it: it may be in the wrong hands.',
    );
  }
}

const index = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(255));
const Address = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{40}$/));
const Bytes32 = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{64}$/));
/** Terms that an action can be asked for: the parties are those that every key with an action has. */
const TermsSchema = v.pipe(
  v.strictObject({
    what: v.picklist(['deal new shares', 'move the share']),
    account: Address,
    hostWallet: Address,
    keyId: Bytes32,
    epoch: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff)),
    dealers: v.array(index),
    holders: v.array(index),
    threshold: index,
    action: v.pipe(v.string(), v.regex(new RegExp(`^(?:${SAME}|Qm[1-9A-HJ-NP-Za-km-z]{44})$`))),
    authority: v.pipe(v.string(), v.regex(/^(?:cold|none|0x[0-9a-f]{40})$/)),
    messages: Bytes32,
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
 * Reads a request for an authorization: typed data of exactly our form, so that what is shown of it is all that is signed.
 *
 * @throws WalletError
 */
export function parseRequest(text: string): Terms {
  try {
    const { message, ...rest } = readJson(text) as { message: unknown };
    const terms = v.parse(TermsSchema, message);
    const { message: _, ...expected } = typedDataOf(terms);
    if (JSON.stringify(rest) === JSON.stringify(expected)) return terms;
  } catch {}
  throw new WalletError('This is not a request for an authorization.', {
    next: 'give the file that the command wrote which asked for it.',
  });
}

/** What the terms allow, line by line. */
export function describeTerms(terms: Terms): Record<string, string> {
  const { dealers, holders, threshold, action, authority } = terms;
  const isMove = terms.what === 'move the share';
  const holder = action === SAME ? 'the action that has one now' : `the action ${action}`;
  return {
    wallet: terms.account,
    allows: isMove
      ? 'the action to give its share, as it is, to another action'
      : 'the action to deal new shares of the key',
    ...(!isMove && { 'dealt by': `parties ${dealers.join(', ')}`, epoch: String(terms.epoch) }),
    holders: `parties ${holders.join(', ')}; ${threshold} of them sign (1 is hot, 2 the action, all others are cold)`,
    'the action': `${holder} holds the action's share`,
    authority: authority === 'none' ? 'nobody, from then on and for ever' : `${nameOf(authority)}, from then on`,
    ...(!isMove && { machines: `those that show ${terms.messages}` }),
    until: new Date(terms.expires * 1000).toISOString(),
  };
}

/** Who an authority is, in words. */
export function nameOf(authority: string): string {
  return authority === 'cold' ? 'a cold share' : `the guardian ${authority}`;
}

/** Whether a signature of the terms is the authority's; of a cold share by what the shares here say is public of all. */
export function isBy(
  info: WalletInfo,
  authority: string,
  shares: ReadonlyMap<number, Uint8Array>,
  terms: Terms,
  { by, signature }: Authorization,
  tandem: Tandem,
): boolean {
  const digest = fromHex(digestOfTerms(terms));
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
