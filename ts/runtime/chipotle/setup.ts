import { actionHash } from '../../protocol/cid.ts';
import { Untrusted } from '../../text/untrusted.ts';
import { RuntimeError } from '../errors.ts';
import type { Action } from '../types.ts';
import { EVERY_WALLET, type LitAccount } from './account.ts';
import { setActions } from './runtime.ts';
import { type CompleteSettings, isComplete, type Settings } from './settings.ts';

/** What a set-up is made of, and with. */
export interface SetupOptions {
  readonly account: LitAccount;
  /** What there is of it already. */
  readonly settings: Settings;
  /** Keeps what there is by now; called after each step, so that a set-up that broke off goes on from there. */
  readonly save: (settings: Settings) => void;
  /** Told of each step before it is taken. */
  readonly onStep: (step: string) => void;
  /** Tell the steps, take none. */
  readonly isDryRun?: boolean;
}

/** The name of a wallet's group and usage key in the lists of the account. */
export function setupName(wallet: string): string {
  return `tandem ${wallet}`;
}

/**
 * Prepares an account for one action: a wallet, a group of exactly this wallet and this action, and a key that may run
 * what is in this group. Whatever is there already is checked and kept, so it may be called again at any time.
 *
 * @throws {RuntimeError} `permission` if some group lets other actions use the wallet
 */
export async function setUp(action: Action, policy: string, options: SetupOptions): Promise<Settings> {
  const { account, save, onStep, isDryRun = false } = options;
  let settings: Settings = { ...options.settings, LIT_POLICY: policy };
  const keep = (more: Partial<Settings>) => {
    settings = { ...settings, ...more };
    if (!isDryRun) save(settings);
  };
  const step = async <T>(what: string, take: () => Promise<T>): Promise<T | undefined> => {
    onStep(isDryRun ? `would ${what}` : what);
    return isDryRun ? undefined : take();
  };

  await assertAccount(account);
  await assertSame(account, action);
  const before = settings.LIT_CID;
  if (before !== undefined && before !== action.cid && settings.LIT_GROUP !== undefined) {
    throw new RuntimeError('input', `this store is set up for the action ${before}, not for ${action.cid}`, {
      next: 'move the share to the other action with reshare.ts or migrate.ts, or set up another store',
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
  await assertNoOtherWay(account, wallet, settings.LIT_GROUP);

  let group = await findGroup(account, wallet, settings.LIT_GROUP);
  if (group === undefined) {
    group = await step('make a group for this wallet and this action alone', () =>
      account.addGroup(setupName(wallet ?? ''), 'one action, one wallet'),
    );
  }
  if (group !== undefined && settings.LIT_GROUP !== group) keep({ LIT_GROUP: group });
  await fill(account, { group, wallet, cid: action.cid }, step);
  keep({ LIT_CID: action.cid });

  if ((await countKeys(account, settings)) === undefined) {
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
}

/** Compares a set-up with what the host has of it. */
export async function inspect(account: LitAccount, settings: Settings): Promise<Finding[]> {
  const again = 'run: npx tsx scripts/setup.ts';
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
  try {
    await assertNoOtherWay(account, wallet, group);
    findings.push({ what: 'other groups', found: 'none with this wallet' });
  } catch (error) {
    if (!(error instanceof RuntimeError) || error.kind !== 'permission') throw error;
    add('other groups', 'open', false, error.short, error.next);
  }
  const keys = await countKeys(account, settings);
  add('usage key', usageKey && 'there', keys !== undefined, 'revoked, or for another group');
  if (keys !== undefined && keys > 1) {
    add('other keys', `${keys - 1}`, false, 'they may run the action too', "revoke them in Lit's dashboard");
  }
  return findings;
}

/** Makes a new usage key and revokes the old one. */
export async function rotateKey({ account, settings, save, onStep, isDryRun }: SetupOptions): Promise<void> {
  const { LIT_WALLET, LIT_GROUP, LIT_USAGE_KEY } = complete(settings);
  onStep(isDryRun ? 'would make a new usage key and revoke the old one' : 'make a new usage key');
  if (isDryRun) return;
  save({ ...settings, LIT_USAGE_KEY: await account.addUsageKey(setupName(LIT_WALLET), LIT_GROUP) });
  onStep('revoke the old one');
  await account.removeUsageKey(LIT_USAGE_KEY);
}

/** Takes back what the set-up allows. The wallet stays: without it no share sealed under it ever opens again. */
export async function tearDown({ account, settings, save, onStep, isDryRun }: SetupOptions): Promise<void> {
  const { LIT_API_URL, LIT_WALLET, LIT_POLICY, LIT_GROUP, LIT_USAGE_KEY } = settings;
  const would = isDryRun ? 'would ' : '';
  if (LIT_USAGE_KEY !== undefined) {
    onStep(`${would}revoke the usage key`);
    if (!isDryRun && (await account.knows(LIT_USAGE_KEY))) await account.removeUsageKey(LIT_USAGE_KEY);
  }
  if (LIT_GROUP !== undefined) {
    onStep(`${would}remove the group ${LIT_GROUP}`);
    const isThere = (await account.groups()).some(({ id }) => id === LIT_GROUP);
    if (!isDryRun && isThere) {
      await setActions(account, LIT_GROUP, []);
      await account.removeGroup(LIT_GROUP);
    }
  }
  if (!isDryRun) save({ LIT_API_URL, ...(LIT_WALLET && { LIT_WALLET }), ...(LIT_POLICY && { LIT_POLICY }) });
}

function complete(settings: Settings): CompleteSettings {
  if (isComplete(settings)) return settings;
  throw new RuntimeError('input', 'the store is not set up yet', { next: 'run: npx tsx scripts/setup.ts' });
}

async function assertAccount(account: LitAccount): Promise<void> {
  if (await account.exists()) return;
  throw new RuntimeError('permission', 'the host does not know the API key', {
    next: "set LIT_API_KEY to the key of an account, from Lit's dashboard",
  });
}

/** What the host would run must be what is built here: their CIDs are what permissions go by. */
async function assertSame(account: LitAccount, { source, cid }: Action): Promise<void> {
  const { maxCodeLength } = await account.limits();
  const length = Buffer.byteLength(source);
  if (length > maxCodeLength) {
    throw new RuntimeError('limit', `the action has ${length} bytes, where the host allows ${maxCodeLength}`);
  }
  const theirs = await account.cidOf(source);
  if (theirs === cid) return;
  throw new RuntimeError('unavailable', `the host reckons the CID of the action as ${theirs}, this machine as ${cid}`, {
    next: 'nothing was set up; ask Lit how CIDs are made now, and see whether there is a newer tandem',
  });
}

/**
 * A group with the zero hash lets every action of anybody use its wallets, one with the zero address gives its actions every
 * wallet of the account. Any of them would open the wallet to an action that hands its secrets out.
 *
 * @throws {RuntimeError} `permission`
 */
async function assertNoOtherWay(account: LitAccount, wallet: string | undefined, own: string | undefined) {
  for (const { id, name } of await account.groups()) {
    const wallets = await account.walletsIn(id);
    const isOpen = wallets.includes(EVERY_WALLET);
    if (!isOpen && (wallet === undefined || !wallets.includes(wallet))) continue;
    const isOwn = id === own || (wallet !== undefined && name === setupName(wallet));
    const isAnyAction = (await account.actionsIn(id)).some((hash) => !/^0x(?!0+$)[0-9a-f]{64}$/.test(hash));
    if (!isOpen && !isAnyAction && isOwn) continue;
    const why = isAnyAction ? 'lets every action' : 'lets its actions';
    const what = isOpen ? 'every wallet of the account' : `the wallet ${wallet}`;
    throw new RuntimeError('permission', `the group ${id} (${new Untrusted(name, 64)}) ${why} use ${what}`, {
      next: 'an action of that group could open the share: take it out of the group, or use an account of its own',
    });
  }
}

/** The group of the set-up; after one that broke off, the one that was made for the wallet. */
async function findGroup(account: LitAccount, wallet: string | undefined, known: string | undefined) {
  const groups = await account.groups();
  const named = groups.find(({ id, name }) => id === known || (wallet !== undefined && name === setupName(wallet)));
  return named?.id;
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

/** How many usage keys of a set-up's name there are, each for its group alone; undefined if the kept one is none of them. */
async function countKeys(account: LitAccount, { LIT_WALLET, LIT_GROUP, LIT_USAGE_KEY }: Settings) {
  if (LIT_WALLET === undefined || LIT_GROUP === undefined || LIT_USAGE_KEY === undefined) return undefined;
  const keys = (await account.usageKeys()).filter(({ name }) => name === setupName(LIT_WALLET));
  const isScoped = keys.length > 0 && keys.every(({ executeInGroups }) => String(executeInGroups) === LIT_GROUP);
  return isScoped && (await account.knows(LIT_USAGE_KEY)) ? keys.length : undefined;
}
