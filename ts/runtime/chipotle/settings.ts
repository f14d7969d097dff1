import * as v from 'valibot';
import { Cid, Hex } from '../../protocol/schema.ts';

/** Where Lit's own API is. */
export const LIT_URL = 'https://api.chipotle.litprotocol.com';

/** CIDs, with a space between them. */
const Cids = v.pipe(
  v.string(),
  v.check((text) => v.is(v.pipe(v.array(Cid), v.maxLength(16)), text.split(' '))),
);
const Line = v.pipe(v.string(), v.regex(/^[\x20-\x7e]+$/));

/** What a file of settings holds. */
export const settingsSchema = v.strictObject({
  /** Where the API is. */
  LIT_API_URL: Line,
  /** The wallet (PKP) under whose encryption the action's share is. */
  LIT_WALLET: v.optional(Hex(20)),
  /** The policy the action is built with: a name, or the path of a file. */
  LIT_POLICY: v.optional(Line),
  /** The one action that may use the wallet; more while shares go from one to another. */
  LIT_CID: v.optional(Cids),
  /** The group that lets it. */
  LIT_GROUP: v.optional(v.pipe(v.string(), v.regex(/^[1-9][0-9]{0,14}$/))),
  /** A key that may run the action of this group, and nothing else. */
  LIT_USAGE_KEY: v.optional(Line),
  /** When the host was last told whom to permit what, in Unix time: what is new may not count on all its machines yet. */
  LIT_CHANGED: v.optional(v.pipe(v.string(), v.regex(/^[1-9][0-9]{0,11}$/))),
});

/** What a set-up on Lit consists of; the fields appear as it gets on. */
export type Settings = v.InferOutput<typeof settingsSchema>;

type Needed = Omit<Settings, 'LIT_CHANGED'>;

/** A set-up that is complete. */
export type CompleteSettings = { readonly [Name in keyof Needed]-?: NonNullable<Needed[Name]> } & {
  readonly LIT_CHANGED?: string | undefined;
};

/** Whether a set-up is complete. */
export function isComplete(settings: Settings | undefined): settings is CompleteSettings {
  const needed = Object.keys(settingsSchema.entries).filter((name) => name !== 'LIT_CHANGED');
  return settings !== undefined && needed.every((name) => Object.hasOwn(settings, name));
}

/** What {@link Settings.LIT_CHANGED} is for a change that is made now. */
export function changedNow(): { readonly LIT_CHANGED: string } {
  return { LIT_CHANGED: `${Math.floor(Date.now() / 1000)}` };
}

/** The actions of a set-up, by their CIDs. */
export function cidsOf({ LIT_CID }: CompleteSettings): string[] {
  return LIT_CID.split(' ');
}
