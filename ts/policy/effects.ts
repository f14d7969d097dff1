import type { Type } from '../intent/types.ts';
import { parseFunction } from './abi.ts';
import type { Call, Constraint, Constraints, RuleOf } from './schema.ts';

// The closed table of what signatures can move: of what is not in it, no sum is stated. Each entry is a function or a type in
// full, so that what looks like it (DAI's permit, a permit for every NFT) is not taken for it.

/** Typed data that a contract takes once by a number in it. */
export interface TypedEffect {
  readonly type: string;
  /** What it is called, and whose numbers it uses: those of one name, contract and chain are one sequence. */
  readonly sequence: string;
  /** Whether the contract requires the numbers in order. */
  readonly isOrdered: boolean;
  readonly nonce: string;
  /** The field with the time until which the contract takes it; not there in a Safe's transaction. */
  readonly until?: string;
  readonly amount: string;
  /** The field that names the token. Left out, the contract itself is the token. */
  readonly token?: string;
  /** It allows somebody to take the amount, now or later. */
  readonly isApproval?: true;
  /** The fields that the sequence belongs to besides account and contract. */
  readonly pins?: readonly string[];
  /** What other fields must be, so that nothing else is moved. */
  readonly only?: Readonly<Record<string, string>>;
  /** What is moved is the contract's own coin, not a token of the account. */
  readonly isCoin?: true;
}

const authorization = {
  sequence: 'authorizations (ERC-3009)',
  isOrdered: false,
  nonce: 'nonce',
  until: 'validBefore',
  amount: 'value',
};

const transferFrom = {
  sequence: 'signature transfers (Permit2)',
  isOrdered: false,
  nonce: 'nonce',
  until: 'deadline',
};

export const typedEffects: readonly TypedEffect[] = [
  {
    type: 'Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)',
    sequence: 'permits (ERC-2612)',
    isOrdered: true,
    nonce: 'nonce',
    until: 'deadline',
    amount: 'value',
    isApproval: true,
  },
  {
    ...authorization,
    type: 'TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)',
  },
  {
    ...authorization,
    type: 'ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)',
  },
  {
    type: 'PermitSingle(PermitDetails details,address spender,uint256 sigDeadline)PermitDetails(address token,uint160 amount,uint48 expiration,uint48 nonce)',
    sequence: 'allowances (Permit2)',
    isOrdered: true,
    nonce: 'details.nonce',
    until: 'sigDeadline',
    amount: 'details.amount',
    token: 'details.token',
    isApproval: true,
    pins: ['details.token', 'spender'],
  },
  {
    ...transferFrom,
    type: 'PermitTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline)TokenPermissions(address token,uint256 amount)',
    amount: 'permitted.amount',
    token: 'permitted.token',
  },
  {
    ...transferFrom,
    type: 'PermitBatchTransferFrom(TokenPermissions[] permitted,address spender,uint256 nonce,uint256 deadline)TokenPermissions(address token,uint256 amount)',
    amount: 'permitted[].amount',
    token: 'permitted[].token',
  },
  {
    type: 'SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)',
    sequence: 'transactions of the Safe',
    isOrdered: true,
    nonce: 'nonce',
    amount: 'value',
    isCoin: true,
    only: { operation: '0', gasPrice: '0', data: '0x' },
  },
];

/** A function of a contract, by name and types. Arguments are found by their places: a policy names them as it likes. */
export interface CallEffect {
  readonly function: string;
  readonly amount: readonly number[];
  /** The argument that names the token. Left out, the contract itself is the token. */
  readonly token?: readonly number[];
}

const callEffects: readonly CallEffect[] = [
  { function: 'transfer(address,uint256)', amount: [1] },
  { function: 'approve(address,uint256)', amount: [1] },
  { function: 'increaseAllowance(address,uint256)', amount: [1] },
  // Uniswap's SwapRouter and SwapRouter02. What comes back is not counted against what goes.
  {
    function: 'exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))',
    amount: [0, 5],
    token: [0, 0],
  },
  {
    function: 'exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))',
    amount: [0, 4],
    token: [0, 0],
  },
];

/** What a call that a policy allows is in the table, and the paths of its amount and token by the policy's names; undefined if it is not there. */
export function placesInCall({ function: signature }: Call): CallPlaces | undefined {
  // As the parser of policies has it: a space before each name, and no other.
  const nameless = signature.replace(/ [\w$]+/g, '');
  const effect = callEffects.find((effect) => effect.function === nameless);
  if (effect === undefined) return undefined;
  const { type } = parseFunction(signature, '');
  return { effect, amount: pathOf(type, effect.amount), token: effect.token && pathOf(type, effect.token) };
}

interface CallPlaces {
  readonly effect: CallEffect;
  /** Undefined if the policy gives it no name. */
  readonly amount: string | undefined;
  readonly token: string | undefined;
}

/** The names on the way to an argument; undefined if one has none. */
function pathOf(type: Type, [place, ...rest]: readonly number[]): string | undefined {
  const field = type.kind === 'struct' && place !== undefined ? type.fields[place] : undefined;
  if (field === undefined || field.name === '') return undefined;
  if (rest.length === 0) return field.name;
  const inner = pathOf(field.type, rest);
  return inner === undefined ? undefined : `${field.name}.${inner}`;
}

/** What a rule's one type is in the table; undefined if it is not there. */
export function typedEffectOf({ types }: RuleOf<'typedData'>): TypedEffect | undefined {
  return types === 'any' || types.length > 1 ? undefined : typedEffects.find(({ type }) => type === types[0]);
}

/** The constraint on a field, by its path: `details.amount`, or `permitted[].token` for the items of a list. */
export function constraintAt(fields: Constraints | undefined, path: string): Constraint | undefined {
  const [first = '', ...rest] = path.split('.');
  const name = first.replace('[]', '');
  const field = name === first ? fields?.[name] : fields?.[name]?.each;
  return rest.length === 0 ? field : constraintAt(field?.fields, rest.join('.'));
}

/** The most that a field can be, or all items of a list together; undefined without a bound. */
export function mostOf(fields: Constraints | undefined, path: string): bigint | undefined {
  const [list, item] = path.split('[].');
  if (item === undefined) return mostOfNumber(constraintAt(fields, path));
  const max = fields?.[list ?? '']?.sum?.fields?.[item]?.max;
  return max === undefined ? undefined : BigInt(max);
}

function mostOfNumber(constraint: Constraint = {}): bigint | undefined {
  const max = constraint.max === undefined ? undefined : BigInt(constraint.max);
  const listed = constraint.in?.map((item) => BigInt(item)).reduce(most);
  return max !== undefined && listed !== undefined ? least(max, listed) : (max ?? listed);
}

export function least(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

export function most(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

/** The one value that a field can have; undefined if it can have several. */
export function onlyOf(constraint: Constraint | undefined): string | undefined {
  const values = new Set(constraint?.in ?? []);
  const [value] = values;
  return values.size === 1 ? String(value) : undefined;
}
