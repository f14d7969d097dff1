import * as v from 'valibot';

// What a dapp's page and the wallet's window say to each other by postMessage. Both check the origin and the window of every
// message, but its content still comes from a stranger.

/** The most characters of the parameters of a request, in JSON. */
export const MAX_PARAMS = 512 * 1024;

const Tag = v.literal(1);
const Id = v.pipe(v.string(), v.regex(/^[0-9a-f-]{36}$/));

/** From the dapp: a request, whose parameters are JSON. */
export const FromDapp = v.object({
  tandem: Tag,
  id: Id,
  method: v.pipe(v.string(), v.maxLength(64)),
  params: v.pipe(v.string(), v.maxLength(MAX_PARAMS)),
});
export type FromDapp = v.InferOutput<typeof FromDapp>;

const Failure = v.object({
  code: v.pipe(v.number(), v.safeInteger()),
  message: v.pipe(v.string(), v.maxLength(4000)),
  data: v.optional(v.unknown()),
});

/** From the wallet: that it is there (no more than that, for it does not know to whom), outcomes, and events. */
export const FromWallet = v.union([
  v.object({ tandem: Tag, loaded: v.literal(true) }),
  v.object({ tandem: Tag, id: Id, error: Failure }),
  v.object({ tandem: Tag, id: Id, result: v.unknown() }),
  v.object({ tandem: Tag, event: v.literal('accountsChanged'), data: v.array(v.string()) }),
  v.object({ tandem: Tag, event: v.literal('chainChanged'), data: v.string() }),
]);
export type FromWallet = v.InferOutput<typeof FromWallet>;
