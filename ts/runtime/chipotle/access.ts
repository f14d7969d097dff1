import * as v from 'valibot';
import { actionHash } from '../../protocol/cid.ts';
import { Hex } from '../../protocol/schema.ts';
import { Untrusted } from '../../text/untrusted.ts';
import { RuntimeError } from '../errors.ts';
import { EVERY_GROUP, EVERY_WALLET, type LitAccount, type UsageKey, usageKeyHash } from './account.ts';

// Who may use a set-up's wallet: its action through its group, and nobody else.

/**
 * The name of a wallet's group and usage key in the lists of the account. Anybody can use the same name, so nothing relies on it.
 */
export function setupName(wallet: string): string {
  return `tandem ${wallet}`;
}

/** What belongs to a set-up, as far as it exists. */
export interface Own {
  readonly wallet: string | undefined;
  readonly group: string | undefined;
  readonly usageKey: string | undefined;
}

/** Something of the account that is or may become a way to the wallet, besides the set-up's own. */
export interface Way {
  readonly by: 'group' | 'key';
  /** Whether it is open as it stands. If not, its holder could open one, or only run the set-up's own action. */
  readonly isOpen: boolean;
  readonly message: string;
  readonly next: string;
}

const TAKE_OUT = 'an action of that group could open the share: take it out of the group, or use an account of its own';
const REVOKE = "revoke it in Lit's dashboard, or use an account of its own";

/**
 * The ways to the wallet that are not the set-up's own.
 *
 * A group with the zero hash lets every action of anybody use its wallets, one with the zero address gives its actions every
 * wallet of the account, and a key for every group runs any action with any wallet. Any of them would open the wallet to an
 * action that hands its secrets out, or to one that was replaced.
 */
export async function otherWays(account: LitAccount, own: Own): Promise<Way[]> {
  const ways: Way[] = [];
  for (const group of await account.groups()) ways.push(...(await waysOfGroup(account, group, own)));
  for (const key of await account.usageKeys()) ways.push(...waysOfKey(key, own));
  return ways;
}

async function waysOfGroup(account: LitAccount, { id, name }: { id: string; name: string }, own: Own): Promise<Way[]> {
  const { wallet } = own;
  const wallets = await account.walletsIn(id);
  const isOwn = id === own.group;
  const isForAll = wallets.includes(EVERY_WALLET);
  const called = `the group ${id} (${new Untrusted(name, 64)})`;
  if (!isForAll && (wallet === undefined || !wallets.includes(wallet))) {
    if (isOwn || wallet === undefined || name !== setupName(wallet)) return [];
    const message = `${called} has the name of the set-up's own group and is another one`;
    return [{ by: 'group', isOpen: false, message, next: "remove it in Lit's dashboard" }];
  }
  const isAnyAction = (await account.actionsIn(id)).some((hash) => !isHash(hash));
  if (isOwn && !isForAll && !isAnyAction) return [];
  const why = isAnyAction ? 'lets every action, or one that has no name here,' : 'lets its actions';
  const what = isForAll ? 'every wallet of the account' : `the wallet ${wallet}`;
  return [
    { by: 'group', isOpen: true, message: `${called} ${why} use ${what}`, next: isOwn ? ANOTHER_GROUP : TAKE_OUT },
  ];
}

function waysOfKey(key: UsageKey, { group, usageKey }: Own): Way[] {
  const { name, executesIn, managesActionsIn, addsWalletsTo, canCreateGroups } = key;
  const called = `the usage key "${new Untrusted(name, 64)}"`;
  if (executesIn.includes(EVERY_GROUP)) {
    const message = `${called} may run any action with any wallet of the account`;
    return [{ by: 'key', isOpen: true, message, next: REVOKE }];
  }
  const isIn = (groups: readonly string[]) => groups.some((id) => id === group || id === EVERY_GROUP);
  if (canCreateGroups || addsWalletsTo.length > 0 || isIn(managesActionsIn)) {
    const message = `${called} may change which actions use the wallets of the account`;
    return [{ by: 'key', isOpen: false, message, next: REVOKE }];
  }
  if (!isIn(executesIn) || (usageKey !== undefined && key.hash === usageKeyHash(usageKey))) return [];
  return [{ by: 'key', isOpen: false, message: `${called} may run the action too`, next: REVOKE }];
}

/** @throws {RuntimeError} `permission` if another way to the wallet is open */
export async function assertOnlyWay(account: LitAccount, own: Own): Promise<void> {
  const open = (await otherWays(account, own)).find(({ isOpen }) => isOpen);
  if (open !== undefined) throw new RuntimeError('permission', open.message, { next: open.next });
}

const ANOTHER_GROUP = 'run setup teardown, then setup: that makes another group for the same wallet';

/**
 * Makes a group contain exactly these actions. It adds the new ones before it removes the old ones.
 *
 * @throws {RuntimeError} `permission` if it holds what cannot be told, and so cannot be taken out
 */
export async function setActions(account: LitAccount, group: string, cids: readonly string[]): Promise<void> {
  const before = await account.actionsIn(group);
  const wanted = new Map(cids.map((cid) => [actionHash(cid), cid]));
  for (const [hash, cid] of wanted) if (!before.includes(hash)) await account.addAction(group, cid, `tandem ${cid}`);
  for (const hash of before) if (isHash(hash) && !wanted.has(hash)) await account.removeAction(group, hash);
  if (before.every(isHash)) return;
  throw new RuntimeError(
    'permission',
    `the group ${group} lets every action, or one that has no name here, use its wallet`,
    {
      next: ANOTHER_GROUP,
    },
  );
}

/** Whether an entry of a group is the hash of one action. */
function isHash(hash: string): boolean {
  return v.is(Hex(32), hash) && !/^0x0+$/.test(hash);
}
