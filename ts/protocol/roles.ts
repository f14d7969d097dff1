// Who is who in a key. A party's role is a constant of its index, and the key id authenticates the indices. So neither the
// action nor another machine has to believe a stated role.
//
// The callers of this refuse a stolen share in another role: the action (actions/cosigner/authority.ts, sealed.ts), the store
// (`areRoles`) and the signing of a permission (ts/deal/permission.ts).

/** What a party's share is for: it signs every day, it is the action's, or it is put away. */
export type Role = 'hot' | 'action' | 'cold';

/** The index of the share that signs with the action. */
export const HOT = 1;
/** The index of the action, in a key that has one. */
export const ACTION = 2;

/** The role of an index: 1 is hot, 2 the action's, if there is one, and all others are cold. */
export function roleOf(index: number, hasAction: boolean): Role {
  if (index === HOT) return 'hot';
  return index === ACTION && hasAction ? 'action' : 'cold';
}

/** Whether these can be all parties of a key: ascending, with a hot one, and with the action if there is one. */
export function areParties(indices: readonly number[], hasAction: boolean): boolean {
  const isAscending = indices.every((index, i) => i === 0 || index > (indices[i - 1] ?? 0));
  return isAscending && indices[0] === HOT && (!hasAction || indices[1] === ACTION);
}

/** The cold ones among the parties of a key with an action. */
export function coldOf(indices: readonly number[]): number[] {
  return indices.filter((index) => roleOf(index, true) === 'cold');
}
