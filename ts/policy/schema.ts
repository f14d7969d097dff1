import * as v from 'valibot';
import { Address, Hex } from '../protocol/schema.ts';

// The form of a policy. What a schema cannot say (checksums, types of arguments) policy.ts checks after it.

const Uint = v.pipe(v.string(), v.regex(/^(0|[1-9][0-9]{0,77})$/));
const Int = v.pipe(v.string(), v.regex(/^(0|-?[1-9][0-9]{0,77})$/));

const some = <T extends v.GenericSchema>(item: T) => v.pipe(v.array(item), v.minLength(1));
const anyOr = <T extends v.GenericSchema>(schema: T) => v.union([v.literal('any'), schema]);

/** Which numbers of those that a chain takes once are allowed, and from when on: docs/policy-reference.md has the formula. */
export interface Pace {
  readonly first: string;
  readonly count: string;
  readonly every?: string;
  readonly from?: string;
  readonly total?: string;
  /** For how many seconds each is allowed. An account's nonces have no such end: they are used in order. */
  readonly keep?: string;
}

const pace = {
  first: Uint,
  count: Uint,
  every: v.exactOptional(Uint),
  from: v.exactOptional(Uint),
  total: v.exactOptional(Uint),
};
const PaceSchema = v.strictObject(pace);

/** What the sum of all numbers at a place in the items of a list must be. */
export interface Sum {
  readonly max?: string;
  readonly fields?: { readonly [name: string]: Sum };
}

/** A function, and what its arguments must be. */
export interface Call {
  readonly function: string;
  readonly args?: Constraints;
}

/** What a value must be: of those listed, within bounds, of such items, with such fields, or such a call. */
export interface Constraint {
  readonly in?: readonly (string | boolean)[];
  readonly min?: string;
  readonly max?: string;
  /** At most so many seconds from now. */
  readonly within?: string;
  readonly pace?: Pace;
  readonly each?: Constraint;
  readonly sum?: Sum;
  readonly fields?: Constraints;
  readonly call?: Call;
}

/** A constraint for each field or argument named; the others may be anything. */
export interface Constraints {
  readonly [name: string]: Constraint;
}

export const SumSchema: v.GenericSchema<Sum> = v.strictObject({
  max: v.exactOptional(Uint),
  fields: v.exactOptional(
    v.record(
      v.string(),
      v.lazy(() => SumSchema),
    ),
  ),
});

export const ConstraintSchema: v.GenericSchema<Constraint> = v.strictObject({
  in: v.exactOptional(some(v.union([v.string(), v.boolean()]))),
  min: v.exactOptional(Int),
  max: v.exactOptional(Int),
  within: v.exactOptional(Uint),
  pace: v.exactOptional(v.strictObject({ ...pace, keep: v.exactOptional(Uint) })),
  each: v.exactOptional(v.lazy(() => ConstraintSchema)),
  sum: v.exactOptional(SumSchema),
  fields: v.exactOptional(
    v.record(
      v.string(),
      v.lazy(() => ConstraintSchema),
    ),
  ),
  call: v.exactOptional(v.lazy(() => CallSchema)),
});
const ConstraintsSchema = v.record(v.string(), ConstraintSchema);

export const CallSchema: v.GenericSchema<Call> = v.strictObject({
  function: v.string(),
  args: v.exactOptional(ConstraintsSchema),
});

const ReadSchema = v.strictObject({
  url: v.string(),
  balanceOf: v.exactOptional(v.union([v.literal('account'), Address])),
  call: v.exactOptional(
    v.strictObject({ to: Address, function: v.string(), args: v.array(v.union([v.string(), v.boolean()])) }),
  ),
  min: v.exactOptional(Uint),
  max: v.exactOptional(Uint),
  timeoutMs: v.exactOptional(Uint),
});

const conditions = {
  name: v.pipe(v.string(), v.regex(/^[A-Za-z0-9][\w .-]{0,63}$/)),
  notBefore: v.exactOptional(Uint),
  notAfter: v.exactOptional(Uint),
  guardian: v.exactOptional(Address),
  reads: v.exactOptional(some(ReadSchema)),
};

const MessageRule = v.strictObject({
  ...conditions,
  kind: v.literal('message'),
  prefixes: anyOr(some(v.pipe(v.string(), v.minLength(1)))),
  hashes: v.exactOptional(v.literal('none')),
});

const DomainSchema = v.strictObject({
  name: v.exactOptional(v.string()),
  version: v.exactOptional(v.string()),
  chainId: v.exactOptional(Uint),
  // An address and 32 bytes, if the rule names no type of the domain that has something else there.
  verifyingContract: v.exactOptional(v.string()),
  salt: v.exactOptional(v.string()),
});

const TypedDataRule = v.strictObject({
  ...conditions,
  kind: v.literal('typedData'),
  domains: anyOr(some(DomainSchema)),
  domainTypes: v.exactOptional(some(v.string())),
  types: anyOr(some(v.string())),
  fields: v.exactOptional(ConstraintsSchema),
});

const TransactionRule = v.strictObject({
  ...conditions,
  kind: v.literal('transaction'),
  chains: anyOr(some(Uint)),
  to: anyOr(some(v.union([v.literal('account'), Address]))),
  maxValue: anyOr(Uint),
  maxFee: anyOr(Uint),
  maxGas: v.exactOptional(Uint),
  maxFeePerGas: v.exactOptional(Uint),
  maxData: v.exactOptional(Uint),
  calls: v.exactOptional(anyOr(some(CallSchema))),
  create: v.exactOptional(anyOr(some(Hex(32)))),
  accessList: v.exactOptional(v.literal('any')),
  maxBlobs: v.exactOptional(anyOr(Uint)),
  delegates: v.exactOptional(anyOr(some(Address))),
  pace: v.exactOptional(PaceSchema),
});

const AuthorizationRule = v.strictObject({
  ...conditions,
  kind: v.literal('authorization'),
  chains: some(Uint),
  delegates: some(Address),
  pace: v.exactOptional(PaceSchema),
});

export const PolicySchema = v.strictObject({
  version: v.literal(1),
  sum: v.exactOptional(v.literal('none')),
  rules: anyOr(v.array(v.variant('kind', [MessageRule, TypedDataRule, TransactionRule, AuthorizationRule]))),
});

export type Policy = v.InferOutput<typeof PolicySchema>;
export type Rule = Exclude<Policy['rules'], 'any'>[number];
export type RuleOf<Kind extends Rule['kind']> = Extract<Rule, { kind: Kind }>;
export type ChainRead = v.InferOutput<typeof ReadSchema>;
