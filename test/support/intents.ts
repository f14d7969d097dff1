// Generated intents, in the JSON form that parseIntent reads.
import fc from 'fast-check';
import { getAddress, type Hex } from 'viem';
import type { Transaction } from '../../ts/intent/transaction/transaction.ts';

type JsonObject = { [key: string]: unknown };

const bytes = (size: { minLength: number; maxLength: number }) =>
  fc.uint8Array(size).map((array): Hex => `0x${Buffer.from(array).toString('hex')}`);
const hex = (size: number) => bytes({ minLength: size, maxLength: size });
const uint = (bits: number) =>
  fc
    .oneof(
      fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n }),
      fc.bigInt({ min: 0n, max: 300n }),
      fc.constant(2n ** BigInt(bits) - 1n),
    )
    .map((value) => String(value > 2n ** BigInt(bits) - 1n ? 2n ** BigInt(bits) - 1n : value));
const int = (bits: number) => {
  const half = 2n ** BigInt(bits - 1);
  return fc.oneof(fc.bigInt({ min: -half, max: half - 1n }), fc.constantFrom(-half, -1n, 0n, half - 1n)).map(String);
};
const count = (min: number) =>
  fc
    .oneof(
      fc.integer({ min, max: 300 }),
      fc.maxSafeNat().map((n) => Math.max(n, min)),
    )
    .map(String);
const address = fc.oneof(
  hex(20),
  hex(20).map((value) => getAddress(value)),
);
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.constantFrom('', '\n', 'é', '😀', '0x00', '\0'));

// Of the two values that s can have, ethers decodes only the lower.
const lowS = hex(32).map((s) => `0x${'01234567'[Number(`0x${s.charAt(2)}`) % 8]}${s.slice(3)}`);

export const messageIntents = fc
  .oneof(
    text,
    bytes({ minLength: 0, maxLength: 200 }).map((raw) => ({ raw })),
  )
  .map((message): JsonObject => ({ kind: 'message', message }));

export const digestIntents = hex(32).map((digest): JsonObject => ({ kind: 'digest', digest }));

export const authorizationIntents = fc
  .record({ chainId: count(0), address, nonce: count(0) })
  .map((authorization): JsonObject => ({ kind: 'authorization', authorization }));

const head = {
  chainId: count(1),
  nonce: count(0),
  gas: uint(64),
  value: uint(256),
  data: bytes({ minLength: 0, maxLength: 80 }),
};
const to = fc.oneof({ weight: 4, arbitrary: address }, { weight: 1, arbitrary: fc.constant(null) });
const accessList = fc.array(fc.record({ address, storageKeys: fc.array(hex(32), { maxLength: 3 }) }), { maxLength: 3 });
const fees = fc
  .tuple(uint(256), uint(256))
  .map(([a, b]) => (BigInt(a) < BigInt(b) ? [b, a] : [a, b]))
  .map(([maxFeePerGas, maxPriorityFeePerGas]) => ({ maxFeePerGas, maxPriorityFeePerGas }));
const of = (type: string, fields: { [key: string]: fc.Arbitrary<unknown> }) =>
  fc.record({ type: fc.constant(type), ...fields });
const withFees = (transaction: fc.Arbitrary<object>) => fc.tuple(transaction, fees).map(([a, b]) => ({ ...a, ...b }));

export const transactions: { readonly [type in Transaction['type']]: fc.Arbitrary<JsonObject> } = {
  legacy: of('legacy', { ...head, to, gasPrice: uint(256) }),
  eip2930: of('eip2930', { ...head, to, gasPrice: uint(256), accessList }),
  eip1559: withFees(of('eip1559', { ...head, to, accessList })),
  eip4844: withFees(
    of('eip4844', {
      ...head,
      to: address,
      accessList,
      maxFeePerBlobGas: uint(256),
      blobVersionedHashes: fc.array(
        hex(31).map((rest) => `0x01${rest.slice(2)}`),
        { minLength: 1, maxLength: 3 },
      ),
    }),
  ),
  eip7702: withFees(
    of('eip7702', {
      ...head,
      to: address,
      accessList,
      authorizationList: fc.array(
        fc.record({
          chainId: count(0),
          address,
          nonce: count(0),
          yParity: fc.constantFrom('0', '1'),
          r: hex(32),
          s: lowS,
        }),
        { minLength: 1, maxLength: 2 },
      ),
    }),
  ),
};

export const transactionIntents = fc
  .oneof(...Object.values(transactions))
  .map((transaction): JsonObject => ({ kind: 'transaction', transaction }));

const atoms: { [name: string]: fc.Arbitrary<unknown> } = {
  address,
  bool: fc.boolean(),
  string: text,
  bytes: bytes({ minLength: 0, maxLength: 70 }),
  bytes1: hex(1),
  bytes4: hex(4),
  bytes20: hex(20),
  bytes32: hex(32),
  uint8: uint(8),
  uint24: uint(24),
  uint256: uint(256),
  int8: int(8),
  int128: int(128),
  int256: int(256),
};
const structNames = ['Mail', 'Person', 'Group', 'intent', 'A', 'Order$1'];
const fieldNames = ['from', 'to', 'value', 'data', '_x', '$y', 'Z9', 'name', 'length', 'kind'];
const brackets = fc.constantFrom('', '', '', '[]', '[2]', '[][]', '[1][]', '[][2]');

type Field = { name: string; type: string };

/** Structs that only use those after them; the first is the primary type. */
const structs: fc.Arbitrary<[string, Field[]][]> = fc
  .shuffledSubarray(structNames, { minLength: 1, maxLength: 4 })
  .chain((names) =>
    fc.tuple(
      ...names.map((name, i) =>
        fc
          .uniqueArray(fc.constantFrom(...fieldNames), { minLength: 1, maxLength: 4 })
          .chain((fields) =>
            fc.tuple(
              ...fields.map((field) =>
                fc
                  .tuple(fc.constantFrom(...Object.keys(atoms), ...names.slice(i + 1), ...names.slice(i + 1)), brackets)
                  .map(([type, after]): Field => ({ name: field, type: type + after })),
              ),
            ),
          )
          .map((fields): [string, Field[]] => [name, fields]),
      ),
    ),
  );

function ofType(types: Map<string, Field[]>, type: string): fc.Arbitrary<unknown> {
  const [, item, length] = /^(.*)\[(\d*)\]$/.exec(type) ?? [];
  if (item !== undefined) {
    const size = length ? { minLength: Number(length), maxLength: Number(length) } : { maxLength: 2 };
    return fc.array(ofType(types, item), size);
  }
  const fields = types.get(type);
  if (fields === undefined) return atoms[type] ?? fc.constant(null);
  return fc.record(Object.fromEntries(fields.map((field) => [field.name, ofType(types, field.type)])));
}

const domain = fc.record(
  { name: text, version: text, chainId: uint(53), verifyingContract: address, salt: hex(32) },
  { requiredKeys: [] },
);

export const typedDataIntents = structs.chain((list) => {
  const all = new Map(list);
  const primaryType = list[0]?.[0] ?? '';
  const needed = new Set<string>();
  (function visit(type: string) {
    const name = type.replace(/\[.*/, '');
    const fields = all.get(name);
    if (fields === undefined || needed.has(name)) return;
    needed.add(name);
    for (const field of fields) visit(field.type);
  })(primaryType);
  const types = Object.fromEntries(list.filter(([name]) => needed.has(name)));
  return fc
    .record({ domain, message: ofType(all, primaryType) })
    .map((values): JsonObject => ({ kind: 'typedData', typedData: { ...values, types, primaryType } }));
});

export const intents = fc.oneof(
  { weight: 2, arbitrary: messageIntents },
  { weight: 1, arbitrary: digestIntents },
  { weight: 1, arbitrary: authorizationIntents },
  { weight: 5, arbitrary: transactionIntents },
  { weight: 4, arbitrary: typedDataIntents },
);
