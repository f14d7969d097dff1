import * as v from 'valibot';

// The forms of the names that client, action and host use. Each is defined here, and nowhere else.

const ADDRESS = '0x[0-9a-fA-F]{40}';

/** The form of an address, as a regular expression. */
export const ADDRESS_FORM = `^${ADDRESS}$`;

/** How a host names an action: a CID of version 0. */
export const Cid = v.pipe(v.string(), v.regex(/^Qm[1-9A-HJ-NP-Za-km-z]{44}$/, 'not a CIDv0'));

/** An address, in letters of any case. */
export const Address = v.pipe(v.string(), v.regex(new RegExp(ADDRESS_FORM), 'not an address'));

/** An address that comes in letters of any case, and leaves in lower case. */
export const LowerAddress = v.pipe(Address, v.toLowerCase());

/** So many bytes in lower-case hex. */
export const Hex = (bytes: number) =>
  v.pipe(v.string(), v.regex(new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`), `not ${bytes} bytes of hex`));

/** So many bytes in hex, in letters of any case. */
export const AnyHex = (bytes: number) =>
  v.pipe(v.string(), v.regex(new RegExp(`^0x[0-9a-fA-F]{${2 * bytes}}$`), `not ${bytes} bytes of hex`));

/** A signature of a permission: a cold share's of 64 bytes, or that of an address, of 65. */
export const Signature = v.pipe(
  v.string(),
  v.regex(/^0x(?:[0-9a-f]{2}){64,65}$/, 'not a signature'),
  v.transform((text) => text as `0x${string}`),
);

/** How many parties a key has at most. */
export const MAX_PARTIES = 16;

/** The index of a party. */
export const Index = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(255));

/** The number of a sharing of a key. */
export const Epoch = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff));

/** Who may ask the action to give its share away: a cold share, nobody, or the owner of an address. */
export const Authority = v.pipe(v.string(), v.regex(new RegExp(`^(?:cold|none|${ADDRESS})$`), 'no authority'));
