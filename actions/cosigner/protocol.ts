import * as v from 'valibot';
import { fromBase64 } from '../template/bytes.ts';

// What the co-signer is asked, as JSON; bytes are base64 and a wallet is the host's id of it, an address. Inputs are
// what a caller sends, outputs what the action works with.

/** The longest message of a deal, request or sealed secret in characters: what is left of the parameters bounds them. */
const MAX_TEXT = 64 * 1024;

/** How many signatures one call makes at most. */
export const MAX_SIGNATURES = 8;

/** Applies a conversion that throws on what it cannot convert. */
function converted<T>(convert: (text: string) => T) {
  return v.pipe(
    v.string(),
    v.maxLength(MAX_TEXT),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      try {
        return convert(dataset.value);
      } catch {
        addIssue({ message: 'malformed' });
        return NEVER;
      }
    }),
  );
}

const base64 = converted(fromBase64);
const sealed = v.pipe(v.string(), v.nonEmpty(), v.maxLength(MAX_TEXT));
const address = v.pipe(v.string(), v.regex(/^0x[0-9a-fA-F]{40}$/), v.toLowerCase());
const index = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(255));

/** Messages of one round by the sender's index in decimal. */
const messages = v.pipe(
  v.record(v.pipe(v.string(), v.regex(/^[1-9][0-9]{0,2}$/)), base64),
  v.transform((record) => new Map(Object.entries(record).map(([key, bytes]) => [Number(key), bytes]))),
);

/**
 * Who may ask the action to take part in dealing its share anew, fixed at key generation: a cold party, the owner of an
 * address, or nobody.
 */
const authority = v.union([v.picklist(['cold', 'none']), address]);

/** One signature. */
const judged = {
  /** What is to be signed, as JSON text; the action parses it and derives the digest itself. */
  intent: v.string(),
  /** A guardian's signature in hex, for rules that want one. */
  approval: v.optional(v.string()),
};
const item = { ...judged, request: base64 };

/** What the requests for signatures have in common: the wallet, the derivation path, who is to sign. */
const key = {
  wallet: address,
  share: sealed,
  path: v.optional(v.pipe(v.string(), v.maxLength(1024), v.regex(/^m(?:\/(?:0|[1-9][0-9]{0,9}))*$/)), 'm'),
  /** The address that is to sign, for rules that need it before the share is opened. */
  account: v.optional(address),
};

/** What those by dkls18 have besides: the other party, by default the hot one. */
const signing = { ...key, peer: v.optional(index) };

/** A request to the co-signer. */
export const requestSchema = v.variant('op', [
  /** Key generation, first call: the others' first messages. */
  v.strictObject({
    op: v.literal('deal1'),
    wallet: address,
    threshold: v.pipe(v.number(), v.integer(), v.minValue(2), v.maxValue(16)),
    parties: v.pipe(v.array(index), v.minLength(2), v.maxLength(16)),
    self: index,
    authority,
    /** Whether the share may sign by dkls23, where whoever keeps the action's session can take the key. */
    interactive: v.optional(v.boolean(), false),
    messages,
  }),
  /** Key generation, second call: the others' second and third messages. */
  v.strictObject({
    op: v.literal('deal2'),
    wallet: address,
    session: sealed,
    messages: v.strictObject({ round2: messages, round3: messages }),
  }),
  /** A signature. */
  v.strictObject({ op: v.literal('sign'), ...signing, ...item }),
  /** Several signatures, each from a request of its own. */
  v.strictObject({
    op: v.literal('signMany'),
    ...signing,
    requests: v.pipe(v.array(v.strictObject(item)), v.minLength(1), v.maxLength(MAX_SIGNATURES)),
  }),
  /** A signature by dkls23, first call: the others' first messages. */
  v.strictObject({
    op: v.literal('dkls23Join'),
    ...key,
    ...judged,
    signers: v.pipe(v.array(index), v.minLength(2), v.maxLength(16)),
    messages,
  }),
  /** Second call: the others' second messages. */
  v.strictObject({ op: v.literal('dkls23Finish'), wallet: address, share: sealed, session: sealed, messages }),
]);

/** The parties of a key other than the action: the lowest index is hot, the others are cold. */
export function otherParties(parties: readonly number[], self: number): { hot: number | undefined; cold: number[] } {
  const [hot, ...cold] = parties.filter((party) => party !== self);
  return { hot, cold };
}

/** A request as a caller writes it. */
export type CosignerRequest = v.InferInput<typeof requestSchema>;

type Parsed<Op> = Extract<v.InferOutput<typeof requestSchema>, { op: Op }>;
export type Deal1Request = Parsed<'deal1'>;
export type Deal2Request = Parsed<'deal2'>;
export type SignRequest = Parsed<'sign'>;
export type SignManyRequest = Parsed<'signMany'>;
export type Dkls23JoinRequest = Parsed<'dkls23Join'>;
export type Dkls23FinishRequest = Parsed<'dkls23Finish'>;

/** What the co-signer answers, inside `ok`. Bytes are base64, `session` and `share` are sealed. */
export type Deal1Answer = { session: string; messages: { round1: string; round2: string } };
export type Deal2Answer = { message: string; share: string };
export type SignAnswer = { response: string };
export type SignManyAnswer = { responses: string[] };
export type Dkls23JoinAnswer = { session: string; messages: { round1: string; round2: string } };
export type Dkls23FinishAnswer = { message: string };
