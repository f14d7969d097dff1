import { InputError } from './json.ts';
import { decimal, isRecord, type Loose, padded, present } from './loose.ts';

// The signature that a transaction or an authorization of others carries, in the notations that there are.

/** A signature as it is given: what of it is missing, or says the same twice, is for the caller to judge. */
export interface GivenSignature {
  readonly r: bigint;
  readonly s: bigint;
  readonly yParity: number | undefined;
  /** The chain that `v` names (EIP-155). */
  readonly chainId: bigint | undefined;
  /** Whether `v` is one from before EIP-155. */
  readonly isUnprotected: boolean;
}

/** The names of what signatures are given in. */
export const SIGNATURE_FIELDS = ['r', 's', 'v', 'yParity', 'sig', 'signature'];

/**
 * Reads `r`, `s`, `v` and `yParity`, or `sig` or `signature` of ethers, an object or 65 bytes.
 *
 * @returns undefined if there is none: nothing, or zeros, which nodes give where nothing is signed
 * @throws InputError if it is none, or its parts contradict one another
 */
export function signatureOf(given: Loose, path: string): GivenSignature | undefined {
  const { sig, signature, r, s, v, yParity } = present(given);
  const all = [sig, signature].map((nested) => partsOf(nested, `${path}.signature`));
  const sources = [...all, present({ r, s, v, yParity })].filter((source) => Object.keys(source).length > 0);
  const pick = (name: string): bigint | undefined => {
    const values = sources.flatMap((source) => (source[name] === undefined ? [] : [source[name]]));
    const [first, ...others] = values.map((value) => numberOf(value, `${path}.${name}`));
    if (others.some((other) => other !== first))
      throw new InputError(`${path}.${name}`, 'given twice, and not the same');
    return first;
  };
  const [rValue = 0n, sValue = 0n] = [pick('r'), pick('s')];
  const [vValue, networkV, parity] = [pick('v'), pick('networkV'), pick('yParity')];
  if (rValue === 0n && sValue === 0n) return undefined;

  const other = [vValue, networkV].find(
    (value) => value !== undefined && value > 1n && value !== 27n && value !== 28n && value < 35n,
  );
  if (other !== undefined) throw new InputError(`${path}.v`, 'not 0, 1, 27, 28 or one of EIP-155');
  const parities = [parity, vValue === undefined ? undefined : parityOf(vValue), networkV && parityOf(networkV)];
  const [known, ...others] = parities.filter((value) => value !== undefined);
  if (parity !== undefined && parity > 1n) throw new InputError(`${path}.yParity`, 'not 0 or 1');
  if (others.some((other) => other !== known)) throw new InputError(`${path}.v`, 'not the same as yParity');
  const protectedV = [networkV, vValue].find((value) => value !== undefined && value >= 35n);
  return {
    r: rValue,
    s: sValue,
    yParity: known === undefined ? undefined : Number(known),
    chainId: protectedV === undefined ? undefined : (protectedV - 35n) / 2n,
    isUnprotected: protectedV === undefined && vValue !== undefined && vValue >= 27n,
  };
}

function parityOf(v: bigint): bigint {
  return v < 2n ? v : (v + 1n) % 2n; // 27, 28 and, from 35 on, the chain's
}

function partsOf(nested: unknown, path: string): Loose {
  if (nested === undefined) return {};
  if (typeof nested === 'string') {
    if (!/^0x[0-9a-f]{130}$/i.test(nested)) throw new InputError(path, 'not a signature of 65 bytes');
    return { r: nested.slice(0, 66), s: `0x${nested.slice(66, 130)}`, v: `0x${nested.slice(130)}` };
  }
  if (!isRecord(nested)) throw new InputError(path, 'not a signature');
  const { r, s, v, yParity, networkV } = nested;
  return present({ r, s, v, yParity, networkV });
}

function numberOf(value: unknown, path: string): bigint {
  const digits = value === '0x' ? '0' : decimal(value, path);
  if (typeof digits !== 'string' || !/^[0-9]+$/.test(digits)) throw new InputError(path, 'not a number');
  return BigInt(digits);
}

/** The same as the parts that the parser takes of an authorization. */
export function partsForParser(given: Loose, path: string): Loose {
  const signature = signatureOf(given, path);
  if (signature === undefined) return {};
  const { r, s, yParity } = signature;
  return present({
    yParity: yParity === undefined ? undefined : String(yParity),
    r: padded(`0x${r.toString(16)}`),
    s: padded(`0x${s.toString(16)}`),
  });
}
