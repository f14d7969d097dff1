import * as v from 'valibot';
import { fromBase64 } from '../core/bytes.ts';
import { MAX_JSON_SIZE } from '../intent/read/json.ts';
import { ACTION } from './roles.ts';
import { Cid, Epoch, Index, LowerAddress, MAX_PARTIES, Signature } from './schema.ts';

// Requests to the co-signer, as JSON. Bytes are base64, and a wallet is named by its id at the host, an address. Inputs are
// what a caller sends, outputs what the action works with.

/** The limit of a message, request or sealed secret, in characters; the longest in use has 57,400. */
const MAX_TEXT = 64 * 1024;

/** How many signatures one call makes at most, and how many parties take part. */
export const MAX_SIGNATURES = 8;

/**
 * The longest parameters and answer, as JSON in bytes: the most signatures, each with a request and an intent of any length, in
 * which each character may be escaped; and two messages of dkls23 for every other party. Hosts may take less.
 */
export const MAX_PARAMS = MAX_SIGNATURES * (MAX_TEXT + 2 * MAX_JSON_SIZE);
export const MAX_RESPONSE = 2 * MAX_PARTIES * MAX_TEXT;

/** Bytes, in their one canonical base64. A longer text is refused before it is decoded. */
export function base64Of(maxLength: number) {
  return v.pipe(
    v.string(),
    v.maxLength(maxLength),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      try {
        return fromBase64(dataset.value);
      } catch {
        addIssue({ message: 'malformed' });
        return NEVER;
      }
    }),
  );
}

const base64 = base64Of(MAX_TEXT);
const sealed = v.pipe(v.string(), v.nonEmpty(), v.maxLength(MAX_TEXT));

/** Messages of one round by the sender's index in decimal. */
const messages = v.pipe(
  v.record(v.pipe(v.string(), v.regex(/^[1-9][0-9]{0,2}$/)), base64),
  v.transform((record) => new Map(Object.entries(record).map(([key, bytes]) => [Number(key), bytes]))),
);

/**
 * Who may ask the action to take part in a reshare, fixed at key generation: a cold party, the owner of an
 * address, or nobody.
 */
const authority = v.union([v.picklist(['cold', 'none']), LowerAddress]);

const indices = v.pipe(v.array(Index), v.minLength(1), v.maxLength(MAX_PARTIES));

/** A permission in the form that the action takes: its expiry, which of the cold parties signed, and the signature in hex. */
export const SignedPermission = v.strictObject({
  expires: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  by: v.optional(Index),
  signature: Signature,
});

/** The fields of all deals: `parties` hold shares afterwards. */
const deal = {
  op: v.literal('deal1'),
  wallet: LowerAddress,
  threshold: v.pipe(v.number(), v.integer(), v.minValue(2), v.maxValue(MAX_PARTIES)),
  parties: v.pipe(v.array(Index), v.minLength(2), v.maxLength(MAX_PARTIES)),
  authority,
  messages,
};

/** The action's place in a deal to which it contributes nothing. If it contributes its share, the place is as before. */
const place = {
  self: v.pipe(Index, v.value(ACTION)),
  /** Whether the share may sign by dkls23, where an attacker who keeps the action's session can take the key. */
  interactive: v.optional(v.boolean(), false),
};

/** One signature. */
const judged = {
  /** What is to be signed, as JSON text; the action parses it and derives the digest itself. */
  intent: v.string(),
  /** A guardian's signature in hex, for rules that require one. */
  approval: v.optional(v.string()),
};
const item = { ...judged, request: base64 };

/** The fields of all requests for signatures: the wallet, the derivation path, the account that signs. */
const key = {
  wallet: LowerAddress,
  share: sealed,
  path: v.optional(v.pipe(v.string(), v.maxLength(1024), v.regex(/^m(?:\/(?:0|[1-9][0-9]{0,9}))*$/)), 'm'),
  /** The address that will sign, for rules that need it before the share is opened. */
  account: v.optional(LowerAddress),
  /** The wallet's own address, if another one will sign: a guardian approves for it and the path. */
  root: v.optional(LowerAddress),
};

/** The other party, by default the hot one. */
const peer = v.optional(Index);

/** The fields of requests for signatures between the action and one other party. */
const signing = { ...key, peer };

/** A request to the co-signer. */
export const requestSchema = v.variant('op', [
  /** A deal, first call: the others' first messages. */
  v.variant('kind', [
    v.strictObject({ ...deal, ...place, kind: v.literal('keygen') }),
    /** A contributor's key becomes the wallet's. */
    v.strictObject({ ...deal, ...place, kind: v.literal('import'), contributors: indices }),
    /** New shares of a key, dealt by others; the action will hold one. */
    v.strictObject({
      ...deal,
      ...place,
      kind: v.literal('receive'),
      contributors: indices,
      epoch: v.pipe(Epoch, v.minValue(1)),
      /** The public data of the present sharing. */
      old: base64,
    }),
    /** New shares, to which the action contributes the share that it holds: only if its authority permits it. */
    v.strictObject({
      ...deal,
      kind: v.literal('reshare'),
      contributors: indices,
      share: sealed,
      /** The next action for the share, if it changes. */
      action: v.optional(Cid),
      authorization: SignedPermission,
    }),
  ]),
  /** A deal, second call: the others' second and third messages. */
  v.strictObject({
    op: v.literal('deal2'),
    wallet: LowerAddress,
    session: sealed,
    messages: v.strictObject({ round2: messages, round3: messages }),
    /** The hot party's request for a correlation, which is answered once the share is there. */
    correlate: v.optional(base64),
  }),
  /** The action's share, as it is, for another action: only if its authority permits it. */
  v.strictObject({
    op: v.literal('migrate'),
    wallet: LowerAddress,
    share: sealed,
    action: Cid,
    authority,
    authorization: SignedPermission,
  }),
  /** A share that another action gave out for this one. */
  v.strictObject({ op: v.literal('adopt'), wallet: LowerAddress, share: sealed }),
  /** The set-up of a correlation. */
  v.strictObject({ op: v.literal('correlate'), wallet: LowerAddress, share: sealed, peer, request: base64 }),
  /** Signatures by onecall, of all intents or none. */
  v.strictObject({
    op: v.literal('onecall'),
    ...signing,
    intents: v.pipe(v.array(v.strictObject(judged)), v.minLength(1), v.maxLength(MAX_SIGNATURES)),
    request: base64,
  }),
  /** A signature by dkls18. */
  v.strictObject({ op: v.literal('sign'), ...signing, ...item }),
  /** Several, each from a request of its own. */
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
    signers: v.pipe(v.array(Index), v.minLength(2), v.maxLength(MAX_PARTIES)),
    messages,
  }),
  /** Second call: the others' second messages. */
  v.strictObject({ op: v.literal('dkls23Finish'), wallet: LowerAddress, share: sealed, session: sealed, messages }),
]);

/** A request as a caller writes it. */
export type CosignerRequest = v.InferInput<typeof requestSchema>;

type Parsed<Op> = Extract<v.InferOutput<typeof requestSchema>, { op: Op }>;
export type Deal1Request = Parsed<'deal1'>;
export type Deal2Request = Parsed<'deal2'>;
export type MigrateRequest = Parsed<'migrate'>;
export type AdoptRequest = Parsed<'adopt'>;
export type SignedPermission = v.InferOutput<typeof SignedPermission>;
export type CorrelateRequest = Parsed<'correlate'>;
export type OnecallRequest = Parsed<'onecall'>;
export type SignRequest = Parsed<'sign'>;
export type SignManyRequest = Parsed<'signMany'>;
export type Dkls23JoinRequest = Parsed<'dkls23Join'>;
export type Dkls23FinishRequest = Parsed<'dkls23Finish'>;

/** What the co-signer answers, inside `ok`. Bytes are base64; `session` and `share` are sealed, for it or the next action. */
export type Deal1Answer = { session: string; messages: { round1: string; round2: string } };
export type Deal2Answer = { message: string; share: string; correlation?: string };
export type ShareAnswer = { share: string };
export type CorrelateAnswer = { answer: string };
export type OnecallAnswer = { response: string };
export type SignAnswer = { response: string };
export type SignManyAnswer = { responses: string[] };
export type Dkls23JoinAnswer = { session: string; messages: { round1: string; round2: string } };
export type Dkls23FinishAnswer = { message: string };

/**
 * The format that an action of this version understands. Where wallet.json names none, the action is of version 0.1.0. Since
 * format 2, a request may name the wallet's own address (`root`) besides the account at a path, and the action signs by onecall.
 */
export const FORMAT = 2;
