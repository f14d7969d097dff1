import * as v from 'valibot';
import { encodeCbor } from '../../core/cbor.ts';
import { readLimited, writeDurable } from '../../files/files.ts';
import { SignedPermission } from '../../protocol/cosigner.ts';
import { Index } from '../../protocol/schema.ts';
import { assertTerms, DEAL_VERSION, DealId, DealMessages, DealTerms, parseDeal } from '../../store/deals.ts';

// For Node: the files that go between the machines of an offline deal.

const MAX_ENVELOPE = 1024 * 1024;

/**
 * A file between machines, deterministic CBOR: every message of the deal that its writer knows. A relay learns the
 * participants and the public key, and nothing about a share, which only travels sealed to its party.
 */
const Envelope = v.strictObject({
  version: v.literal(DEAL_VERSION),
  kind: v.literal('tandem-deal'),
  deal: DealId,
  /** The parties of the machine that wrote it, and those it is for. */
  from: v.array(Index),
  to: v.array(Index),
  terms: DealTerms,
  messages: DealMessages,
  /** A cold share's, for the action to deal. */
  authorization: v.optional(SignedPermission),
});

export type Envelope = v.InferOutput<typeof Envelope>;

/** @throws StoreError missing, altered, version */
export function readEnvelope(path: string): Envelope {
  return parseDeal(Envelope, readLimited(path, MAX_ENVELOPE), path, 'no message of a deal');
}

/** Replaces what was at the path. @throws UsageError as {@link assertTerms} does */
export function writeEnvelope(path: string, envelope: Omit<Envelope, 'version' | 'kind'>): void {
  writeDurable(path, encodeEnvelope(envelope));
}

/** @throws UsageError as {@link assertTerms} does */
export function encodeEnvelope(envelope: Omit<Envelope, 'version' | 'kind'>): Uint8Array {
  assertTerms(envelope.terms);
  return encodeCbor({ version: DEAL_VERSION, kind: 'tandem-deal', ...envelope });
}
