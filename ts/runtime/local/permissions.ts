import { type Group, holdsAction, holdsWallet, ownerOf, type Scope, type State } from './state.ts';

/** Who calls: an account, by its own key, or by a usage key that may do what its scope says. */
export interface Caller {
  readonly account: number;
  readonly usage?: UsageKey;
}

type UsageKey = State['usageKeys'][number];

/** The lists of groups in a scope. In each 0 stands for all. */
export const GROUP_LISTS = [
  'manage_ipfs_ids_in_groups',
  'add_pkp_to_groups',
  'remove_pkp_from_groups',
  'execute_in_groups',
] as const;

/** Whether a scope has a right for a group. */
export function grants(scope: Scope, right: (typeof GROUP_LISTS)[number], group: number): boolean {
  return scope[right].includes(group) || scope[right].includes(0);
}

/** Whether a caller may run an action: with a usage key only, by a group that has it or by the right to run any. */
export function mayRun(state: State, caller: Caller, cid: string): boolean {
  return rightsOf(state, caller).some((right) => right === 'any' || holdsAction(right, cid));
}

/** Whether an action that a caller runs may use a wallet: of one group that has both, or any of the account. */
export function mayUse(state: State, caller: Caller, cid: string, wallet: string): boolean {
  return rightsOf(state, caller).some((right) =>
    right === 'any'
      ? ownerOf(state, wallet) === caller.account
      : holdsAction(right, cid) && holdsWallet(state, right, wallet),
  );
}

/** The groups that a caller may act in, or any action with any wallet. */
function rightsOf(state: State, { account, usage }: Caller): ('any' | Group)[] {
  // As of when the state was so, for a host where what is permitted counts only after a while.
  const known = state.usageKeys.find(({ keyHash }) => keyHash === usage?.keyHash);
  if (known === undefined) return [];
  if (known.scope.execute_in_groups.includes(0)) return ['any'];
  return state.groups.filter(
    (group) => group.account === account && grants(known.scope, 'execute_in_groups', group.id),
  );
}
