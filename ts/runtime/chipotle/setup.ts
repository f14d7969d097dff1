import { commandLine } from '#command';
import { byteLength } from '../../core/bytes.ts';
import { actionHash } from '../../protocol/cid.ts';
import { RuntimeError } from '../errors.ts';
import { assertFits } from '../fits.ts';
import type { Action } from '../types.ts';
import { assertOnlyWay, type Own, otherWays, setupName } from './access.ts';
import { type LitAccount, usageKeyHash } from './account.ts';
import { type CompleteSettings, changedNow, isComplete, type Settings } from './settings.ts';

/** What `setUp` needs. */
export interface SetupOptions {
  readonly account: LitAccount;
  /** The parts that exist already. */
  readonly settings: Settings;
  /** Stores the settings so far. Called after each step, so that an interrupted set-up continues from there. */
  readonly save: (settings: Settings) => void;
  /** Called before each step. */
  readonly onStep: (step: string) => void;
  /** Only name the steps. */
  readonly isDryRun?: boolean;
}

/**
 * Prepares an account for one action: a wallet, a group of exactly this wallet and this action, and a key that may run
 * what is in this group. It checks and keeps what exists already, so it may be called again at any time.
 *
 * @throws {RuntimeError} `permission` if some group or key lets other actions use the wallet
 */
export async function setUp(action: Action, policy: string, options: SetupOptions): Promise<Settings> {
  const { account, save, onStep, isDryRun = false } = options;
  let settings: Settings = { ...options.settings, LIT_POLICY: policy };
  let isChanged = false;
  const keep = (more: Partial<Settings>) => {
    settings = { ...settings, ...more, ...(isChanged && changedNow()) };
    if (!isDryRun) save(settings);
  };
  const step = async <T>(what: string, take: () => Promise<T>): Promise<T | undefined> => {
    onStep(isDryRun ? `would ${what}` : what);
    if (isDryRun) return undefined;
    isChanged = true;
    return take();
  };

  await assertAccount(account);
  await assertSame(account, action);
  const before = settings.LIT_CID;
  if (before !== undefined && before !== action.cid && settings.LIT_GROUP !== undefined) {
    throw new RuntimeError('input', `this store is set up for the action ${before}, not for ${action.cid}`, {
      next: 'move the share to the other action with reshare or migrate, or set up another store',
    });
  }
  let wallet = settings.LIT_WALLET;
  if (wallet !== undefined && !(await account.wallets()).includes(wallet)) {
    throw new RuntimeError('permission', `the wallet ${wallet} is not one of this account`, {
      next: 'set LIT_API_KEY to the key of the account that the store was set up with',
    });
  }
  if (wallet === undefined) {
    wallet = await step('make a wallet', () => account.createWallet());
    if (wallet !== undefined) keep({ LIT_WALLET: wallet });
  }
  let group = await findGroup(account, wallet, settings.LIT_GROUP);
  await assertOnlyWay(account, { ...ownOf(settings), wallet, group });
  if (group === undefined) {
    group = await step('make a group for this wallet and this action alone', () =>
      account.addGroup(setupName(wallet ?? ''), 'one action, one wallet'),
    );
  }
  if (group !== undefined && settings.LIT_GROUP !== group) keep({ LIT_GROUP: group });
  await fill(account, { group, wallet, cid: action.cid }, step);
  keep({ LIT_CID: action.cid });

  if (!(await hasOwnKey(account, settings))) {
    const key = await step('make a key that may run this action and nothing else', () =>
      account.addUsageKey(setupName(wallet ?? ''), group ?? ''),
    );
    if (key !== undefined) keep({ LIT_USAGE_KEY: key });
  }
  return settings;
}

/** One thing that was looked at, and what is wrong with it, if anything is. */
export interface Finding {
  readonly what: string;
  readonly found: string;
  readonly problem?: { readonly message: string; readonly next: string };
  /** The host does not say, and that is not a problem. */
  readonly isUnknown?: true;
}

/** Compares a set-up with what the host has of it. */
export async function inspect(account: LitAccount, settings: Settings): Promise<Finding[]> {
  const again = `run: ${commandLine('setup')}`;
  const { LIT_WALLET: wallet, LIT_GROUP: group, LIT_CID: cids, LIT_USAGE_KEY: usageKey } = settings;
  const findings: Finding[] = [];
  const add = (what: string, found: string | undefined, isRight: boolean, message: string, next = again) => {
    const problem = isRight ? {} : { problem: { message, next } };
    findings.push({ what, found: found ?? 'none', ...problem });
  };
  const isWallet = wallet !== undefined && (await account.wallets()).includes(wallet);
  add('wallet', wallet, isWallet, 'not one of the account', 'set LIT_API_KEY to the key of the account it belongs to');
  const isGroup = group !== undefined && (await account.groups()).some(({ id }) => id === group);
  add('group', group, isGroup, 'not there');
  if (group !== undefined && isGroup) {
    const wallets = await account.walletsIn(group);
    add('wallets in it', wallets.join(' '), String(wallets) === wallet, 'not exactly that of the set-up');
    const actions = (await account.actionsIn(group)).sort();
    const expected = (cids ?? '').split(' ').map(actionHash).sort();
    const isExact = String(actions) === String(expected);
    add('actions in it', isExact ? cids : actions.join(' '), isExact, `not exactly ${cids}`);
  }
  add('usage key', usageKey && 'there', await hasOwnKey(account, settings), 'revoked, or with other rights');
  const ways = await otherWays(account, ownOf(settings));
  for (const by of ['group', 'key'] as const) {
    const what = by === 'group' ? 'other groups' : 'other keys';
    const found = ways.filter((way) => way.by === by);
    if (found.length === 0) findings.push({ what, found: 'none' });
    for (const { isOpen, message, next } of found) add(what, isOpen ? 'open' : 'another', false, message, next);
  }
  return findings;
}

/** Makes a new usage key and revokes the old one. */
export async function rotateKey({ account, settings, save, onStep, isDryRun }: SetupOptions): Promise<void> {
  const { LIT_WALLET, LIT_GROUP, LIT_USAGE_KEY } = complete(settings);
  onStep(isDryRun ? 'would make a new usage key and revoke the old one' : 'make a new usage key');
  if (isDryRun) return;
  const key = await account.addUsageKey(setupName(LIT_WALLET), LIT_GROUP);
  save({ ...settings, LIT_USAGE_KEY: key, ...changedNow() });
  onStep('revoke the old one');
  await account.removeUsageKey(LIT_USAGE_KEY);
}

/** Revokes what the set-up allows. The wallet stays, because no share that is sealed under it would open without it. */
export async function tearDown({ account, settings, save, onStep, isDryRun }: SetupOptions): Promise<void> {
  const { LIT_API_URL, LIT_WALLET, LIT_POLICY, LIT_GROUP, LIT_USAGE_KEY } = settings;
  const would = isDryRun ? 'would ' : '';
  if (LIT_USAGE_KEY !== undefined) {
    onStep(`${would}revoke the usage key`);
    const hash = usageKeyHash(LIT_USAGE_KEY);
    const isThere = (await account.usageKeys()).some((key) => key.hash === hash);
    if (!isDryRun && isThere) await account.removeUsageKey(LIT_USAGE_KEY);
  }
  if (LIT_GROUP !== undefined) {
    onStep(`${would}remove the group ${LIT_GROUP}`);
    const isThere = (await account.groups()).some(({ id }) => id === LIT_GROUP);
    if (!isDryRun && isThere) await account.removeGroup(LIT_GROUP);
  }
  if (!isDryRun) save({ LIT_API_URL, ...(LIT_WALLET && { LIT_WALLET }), ...(LIT_POLICY && { LIT_POLICY }) });
}

function complete(settings: Settings): CompleteSettings {
  if (isComplete(settings)) return settings;
  throw new RuntimeError('input', 'the store is not set up yet', { next: `run: ${commandLine('setup')}` });
}

async function assertAccount(account: LitAccount): Promise<void> {
  if (await account.exists()) return;
  throw new RuntimeError('permission', 'the host does not know the API key', {
    next: "set LIT_API_KEY to the key of an account, from Lit's dashboard",
  });
}

/** The host must run what is built here, because permissions are for CIDs. */
async function assertSame(account: LitAccount, { source, cid }: Action): Promise<void> {
  assertFits({ code: byteLength(source) }, await account.limits());
  const theirs = await account.cidOf(source);
  if (theirs === cid) return;
  throw new RuntimeError(
    'unavailable',
    `the host computes the CID of the action as ${theirs}, this machine as ${cid}`,
    {
      next: 'nothing was set up; ask Lit how CIDs are made now, and see whether there is a newer tandem',
    },
  );
}

/**
 * The group of the set-up, by its id. If the set-up stopped before the id was known, the group that was made for the
 * wallet, unless somebody else uses it.
 */
async function findGroup(account: LitAccount, wallet: string | undefined, known: string | undefined) {
  const groups = await account.groups();
  if (known !== undefined) return groups.find(({ id }) => id === known)?.id;
  const [named, ...more] = groups.filter(({ name }) => wallet !== undefined && name === setupName(wallet));
  if (named === undefined) return undefined;
  const isUsed = (await account.usageKeys()).some(({ executesIn }) => executesIn.includes(named.id));
  if (more.length === 0 && !isUsed) return named.id;
  const which = [named, ...more].map(({ id }) => id).join(' and ');
  throw new RuntimeError('permission', `there is a group already that has the name of the set-up's own: ${which}`, {
    next: "remove it in Lit's dashboard",
  });
}

function ownOf({ LIT_WALLET: wallet, LIT_GROUP: group, LIT_USAGE_KEY: usageKey }: Settings): Own {
  return { wallet, group, usageKey };
}

type Step = <T>(what: string, take: () => Promise<T>) => Promise<T | undefined>;

/** Puts wallet and action into the group, if they are not in it. */
async function fill(
  account: LitAccount,
  { group, wallet, cid }: { group: string | undefined; wallet: string | undefined; cid: string },
  step: Step,
): Promise<void> {
  const wallets = group === undefined ? [] : await account.walletsIn(group);
  const actions = group === undefined ? [] : await account.actionsIn(group);
  const others = actions.filter((hash) => hash !== actionHash(cid));
  if (others.length > 0 || wallets.some((member) => member !== wallet)) {
    throw new RuntimeError('permission', `the group ${group} holds more than this wallet and this action`, {
      next: 'take the rest out of it, or set up another store',
    });
  }
  if (wallets.length === 0)
    await step('put the wallet into the group', () => account.addWallet(group ?? '', wallet ?? ''));
  if (actions.length === 0) {
    await step(`put the action ${cid} into the group`, () => account.addAction(group ?? '', cid, `tandem ${cid}`));
  }
}

/** Whether the host has the usage key of the set-up, for its group and for nothing else. */
async function hasOwnKey(account: LitAccount, { LIT_GROUP, LIT_USAGE_KEY }: Settings): Promise<boolean> {
  if (LIT_GROUP === undefined || LIT_USAGE_KEY === undefined) return false;
  const hash = usageKeyHash(LIT_USAGE_KEY);
  const own = (await account.usageKeys()).find((key) => key.hash === hash);
  if (own === undefined || own.canCreateGroups) return false;
  const { executesIn, managesActionsIn, addsWalletsTo } = own;
  return String(executesIn) === LIT_GROUP && managesActionsIn.length === 0 && addsWalletsTo.length === 0;
}
