import * as v from 'valibot';
import { CODES, type ErrorCode } from '../errors.ts';
import type { BackupKind } from './backup.ts';
import type { Method } from './keys.ts';
import type { PlainStanza } from './passkey.ts';

// What the wallet's page and its worker say to each other: calls and their outcomes, steps on the way, and two questions that
// only a page can answer. The share, and the key that opens it, are in no message.

/** What is here, and is not secret. */
export interface WalletState {
  readonly address: string | undefined;
  readonly methods: readonly Method[];
  /** Whether the wallet is open in this worker. */
  readonly isOpen: boolean;
  /** Whether the cold share lies in this browser still. */
  readonly hasCold: boolean;
  readonly hasHot: boolean;
  /** Whether the hot share signs no more with the action, because an answer failed a check. */
  readonly isLocked: boolean;
  readonly threshold: number | undefined;
  readonly parties: number | undefined;
  readonly host: string | undefined;
  readonly cid: string | undefined;
}

/** By what the wallet is to open from now on. */
export interface ChosenMethods {
  /** The name of a passkey that was made (age's). */
  readonly passkey?: string | undefined;
  readonly passphrase?: string | undefined;
  /** The recipient of the recovery key. */
  readonly recovery: string;
}

/** What the policy says, as far as this machine can tell. */
export type LocalVerdict =
  | { readonly kind: 'allowed'; readonly rule: string }
  | { readonly kind: 'refused'; readonly reason: string }
  /** A rule needs a chain or an approval: the action decides. */
  | { readonly kind: 'unknown' };

export interface Reviewed {
  /** What is asked, in words, which nothing in it can add to or disguise. */
  readonly words: string;
  readonly verdict: LocalVerdict;
}

export interface SignedHere {
  readonly signature: `0x${string}`;
  readonly serializedTransaction?: `0x${string}` | undefined;
}

/** The calls of the worker: arguments and outcome. Intents are in JSON (`intentJson`). */
export interface WalletCalls {
  state: { args: Record<never, never>; result: WalletState };
  /** A new recovery key, for the user to keep before anything is sealed to it. */
  recoveryKey: { args: Record<never, never>; result: { readonly identity: string; readonly recipient: string } };
  create: { args: ChosenMethods; result: { readonly address: string } };
  open: { args: { readonly by: 'passkey' } | { readonly passphrase: string }; result: { readonly address: string } };
  review: { args: { readonly intent: string }; result: Reviewed };
  sign: { args: { readonly intent: string }; result: SignedHere };
  backup: { args: { readonly kind: BackupKind }; result: Uint8Array };
  dropCold: { args: Record<never, never>; result: undefined };
  restore: { args: { readonly zip: Uint8Array }; result: { readonly address: string } };
  /** New shares, from the recovery key and the shares that are here or in `zip`; the address stays. */
  recover: {
    args: ChosenMethods & { readonly recoveryKey: string; readonly zip?: Uint8Array | undefined };
    result: { readonly address: string };
  };
}

export type CallName = keyof WalletCalls;

export interface SentError {
  readonly code: ErrorCode;
  readonly short: string;
  readonly next?: string | undefined;
}

const Bytes = v.instance(Uint8Array);
const Text = (limit: number) => v.pipe(v.string(), v.maxLength(limit));
const methods = { passkey: v.optional(Text(2048)), passphrase: v.optional(Text(1024)), recovery: Text(4096) };
const Intent = v.strictObject({ intent: Text(1024 * 1024) });
const Nothing = v.strictObject({});

/** What the worker takes as the arguments of each call. */
export const ARGUMENTS = {
  state: Nothing,
  recoveryKey: Nothing,
  create: v.strictObject(methods),
  open: v.union([v.strictObject({ by: v.literal('passkey') }), v.strictObject({ passphrase: Text(1024) })]),
  review: Intent,
  sign: Intent,
  backup: v.strictObject({ kind: v.picklist(['all', 'cold']) }),
  dropCold: Nothing,
  restore: v.strictObject({ zip: Bytes }),
  recover: v.strictObject({ ...methods, recoveryKey: Text(256), zip: v.optional(Bytes) }),
} satisfies { readonly [name in CallName]: v.GenericSchema<unknown, WalletCalls[name]['args']> };

const Id = v.pipe(v.number(), v.safeInteger());
const Failure = v.object({ code: v.picklist(CODES), short: v.string(), next: v.optional(v.string()) });
const Stanzas = v.array(v.object({ args: v.array(v.string()), body: Bytes }));

/** From the page. */
export const ToWorker = v.union([
  v.object({ call: v.picklist(Object.keys(ARGUMENTS) as CallName[]), id: Id, args: v.unknown() }),
  v.object({ answer: Id, stanzas: Stanzas }),
  v.object({ answer: Id, fileKey: v.nullable(Bytes) }),
  v.object({ answer: Id, error: Failure }),
]);
export type ToWorker = v.InferOutput<typeof ToWorker>;

/** From the worker. */
export type ToPage =
  | { readonly id: number; readonly ok: unknown }
  | { readonly id: number; readonly error: SentError }
  | { readonly id: number; readonly step: string }
  | { readonly ask: number; readonly wrap: Uint8Array; readonly hint: string }
  | { readonly ask: number; readonly unwrap: readonly PlainStanza[]; readonly hint: string }
  /** The session has ended, and the worker with it. */
  | { readonly ended: true };
