/** What the signers of go/dkls23 draw and compute in secret; go/dkls23/reference_test.go has the whole protocol. */
import { concat, lagrange, mod, scalarBytes, u32, uniform } from './curve.ts';
import { expand, hash, hedgedSeed, Stream } from './transcript.ts';
import * as vole from './vole.ts';

export const layout: vole.Layout = { widths: [2], blocks: [{ size: 416, rvoles: [0] }] };

export interface Signing {
  keyId: Uint8Array;
  signers: [number, number]; // of two signers, one's other is the only one
  indices: number[];
  digest: Uint8Array;
}

export const termsOf = ({ keyId, signers, indices, digest }: Signing): Uint8Array =>
  hash('DKLS23-TERM', keyId, Uint8Array.from(signers), concat(...indices.map(u32)), digest);
export const otherOf = ({ signers }: Signing, i: number): number => signers[0] + signers[1] - i;
export const otId = (terms: Uint8Array, i: number, j: number, com: Uint8Array): Uint8Array =>
  hash('DKLS23-OT', terms, u32(i), u32(j), com);

/** What signer i draws for round 1, given the messages of round 1 that it knows, and com_i, which its message holds. */
export function draw(signing: Signing, i: number, x: bigint, fresh: Uint8Array, known: Uint8Array, com: Uint8Array) {
  const terms = termsOf(signing);
  const seed = hedgedSeed(fresh, 'DKLS23-SEED', scalarBytes(x), concat(terms, known));
  const stream = new Stream(seed, 'DKLS23-SELF');
  const salt = stream.read(32);
  const [r, phi] = [stream.scalar(), stream.scalar()];
  const receiverSeed = stream.read(32);
  const id = otId(terms, i, otherOf(signing, i), com);
  const receiver = vole.receive(layout, id, new Stream(receiverSeed, 'DKLS23-RECV'));
  return { seed, salt, r, phi, receiverSeed, receiver };
}

export function sessionId(signing: Signing, coms: Uint8Array[], transcripts: Uint8Array[]): Uint8Array {
  const terms = termsOf(signing);
  const digests = signing.signers.map((i, k) =>
    hash('DKLS23-MSG', terms, u32(i), coms[k] ?? new Uint8Array(), transcripts[k] ?? new Uint8Array()),
  );
  return hash('DKLS23-SID', terms, concat(...digests));
}

/** sk_i, and the keys and pads that i and the other signer have in common. */
export function common(signing: Signing, i: number, x: bigint, tweak: bigint, seed: Uint8Array, sid: Uint8Array) {
  const j = otherOf(signing, i);
  const zero = expand('DKLS23-ZERO', 48, seed, sid);
  const share = mod(lagrange(signing.signers, i) * x);
  const sk = mod(share + (i < j ? uniform(zero) : -uniform(zero)) + (i === signing.signers[0] ? tweak : 0n));
  const box = (from: number, to: number) => expand('DKLS23-BOX', 32, seed, sid, u32(from), u32(to));
  return { zero, share, sk, box: box(i, j), boxOfOther: box(j, i) };
}

/** What i does as a sender, with the message of the other's receiver. */
export function multiply(
  signing: Signing,
  i: number,
  seed: Uint8Array,
  sid: Uint8Array,
  input: bigint[],
  other: { com: Uint8Array; message: Uint8Array },
) {
  const senderSeed = hash('DKLS23-SEND', seed, sid);
  const id = otId(termsOf(signing), otherOf(signing, i), i, other.com);
  const sender = vole.send(layout, id, sid, other.message, [input], new Stream(senderSeed, 'DKLS23-SEND'));
  return { senderSeed, sender };
}
