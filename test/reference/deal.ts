/** Keygen, import and reshare: go/deal. Participants are in ascending order, and so are all lists that belong to them. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import {
  at,
  concat,
  equal,
  G,
  identity,
  lagrange,
  mod,
  type Point,
  pointBytes,
  scalarBytes,
  sum,
  times,
  toPoint,
  toScalar,
  u32,
  utf8,
} from './curve.ts';
import { hash, hedgedSeed, prove, Stream, verifyProof } from './transcript.ts';
import * as wire from './wire.ts';

const none = new Uint8Array(0);

export interface Terms {
  kind: string;
  threshold: number;
  parties: number[];
  contributors: number[];
  epoch: number;
  oldKeyId?: Uint8Array | undefined;
}

/** What one participant is given, and what its random source gives it. */
export interface Given {
  self: number;
  fresh1: Uint8Array;
  fresh3?: Uint8Array | undefined;
  constant?: bigint | undefined; // f(0) in an import or a reshare
  chainCode?: Uint8Array | undefined;
}

export const octets = (set: number[]): Uint8Array => Uint8Array.from(set);
export const encodePoints = (points: Point[]): Uint8Array => concat(...points.map(pointBytes));

export const termsDigest = ({ kind, parties, threshold, contributors, epoch, oldKeyId }: Terms): Uint8Array =>
  hash(
    'DEAL-TERMS',
    ...[utf8(kind), u32(parties.length), u32(threshold), octets(parties), octets(contributors), u32(epoch)],
    oldKeyId ?? none,
  );

export const participants = ({ parties, contributors }: Terms): number[] =>
  [...new Set([...parties, ...contributors])].sort((a, b) => a - b);

/** H(DEAL-ID; …) of the messages of round 1, in the order of the participants; nothing for one that is not known. */
export const dealId = (terms: Terms, messages: Uint8Array[]): Uint8Array =>
  hash('DEAL-ID', termsDigest(terms), ...participants(terms).flatMap((i, k) => [u32(i), at(messages, k)]));

/** What is committed to. Of a participant that does not contribute all but the salt is empty. */
export interface Opening {
  salt: Uint8Array;
  F: Point[];
  proof: Uint8Array;
  chainCode: Uint8Array;
}

export const commitment = (i: number, E: Point, { salt, F, proof, chainCode }: Opening): Uint8Array =>
  hash('DEAL-COM', u32(i), pointBytes(E), encodePoints(F), proof, chainCode, salt);
export const proofContext = (terms: Terms, i: number, E: Point): Uint8Array[] => [
  termsDigest(terms),
  u32(i),
  pointBytes(E),
];

/** f(i) */
export const evaluate = (f: bigint[], i: number): bigint => f.reduceRight((y, a) => mod(y * BigInt(i) + a), 0n);
/** F(i) */
export const evaluatePoints = (F: Point[], i: number): Point =>
  F.reduceRight((y, A) => times(BigInt(i), y).add(A), identity);

/** What a participant draws. */
export function draw(terms: Terms, self: number, seed: Uint8Array, constant?: bigint, chainCode?: Uint8Array) {
  const stream = new Stream(seed, 'DEAL-SECRET');
  const e = stream.scalar();
  const E = times(e, G);
  const salt = stream.read(32);
  if (!terms.contributors.includes(self)) {
    return { e, E, f: [], opening: { salt, F: [], proof: none, chainCode: none } };
  }
  const drawn = stream.read(32);
  const f = Array.from({ length: terms.threshold }, () => stream.scalar());
  if (constant !== undefined) f[0] = constant;
  const F = f.map((a) => times(a, G));
  const proof = prove(stream.scalar(), 'DEAL-POK', G, at(f, 0), ...proofContext(terms, self, E));
  return { e, E, f, opening: { salt, F, proof, chainCode: chainCode ?? drawn } };
}

/** What the sessions of rounds 1 and 2 keep of a party. */
export const dealer = (terms: Terms, { self, constant, chainCode }: Given, seed: Uint8Array, old?: Key) => {
  const { kind, threshold, parties, contributors, epoch, oldKeyId } = terms;
  const constants = old ? contributors.map((i) => pointBytes(oldConstant(old, contributors, i))) : [];
  const kept = wire.numbered(
    kind,
    threshold,
    parties,
    contributors,
    epoch,
    oldKeyId ?? none,
    old?.chainCode ?? none,
    constants,
  );
  const own = old ? none : (chainCode ?? none);
  return wire.numbered(kept, self, seed, constant === undefined ? none : scalarBytes(constant), own);
};

/** λ_i·X_i: what F_i(0) is in a reshare. */
export const oldConstant = (old: Key, contributors: number[], i: number): Point =>
  times(lagrange(contributors, i), at(old.X, old.parties.indexOf(i)));

export function round1(terms: Terms, given: Given, old?: Key) {
  const { self, fresh1, constant, chainCode } = given;
  const known = dealId(terms, Array(participants(terms).length).fill(none));
  const seed = hedgedSeed(fresh1, 'DEAL-SEED', constant === undefined ? none : scalarBytes(constant), known);
  const drawn = draw(terms, self, seed, constant, chainCode);
  const com = commitment(self, drawn.E, drawn.opening);
  const party = dealer(terms, given, seed, old);
  const session = wire.encode(wire.numbered(1, 'deal/session/1', party));
  const message = wire.encode(wire.numbered(1, 'deal/1', self, com, pointBytes(drawn.E)));
  return { ...drawn, seed, com, party, session, message };
}

/** The keys of i with j. */
const derive = (e: bigint, E: Point, id: Uint8Array, label: string, i: number, j: number): Uint8Array =>
  hkdf(sha256, pointBytes(times(e, E)), id, concat(utf8(label), u32(i), u32(j)), 32);
export const boxKey = (e: bigint, E: Point, id: Uint8Array, i: number, j: number): Uint8Array =>
  derive(e, E, id, 'TANDEM-V1-DEAL-BOX', i, j);
export const zeroSeed = (e: bigint, E: Point, id: Uint8Array, i: number, j: number): Uint8Array =>
  derive(e, E, id, 'TANDEM-V1-DEAL-ZERO', Math.min(i, j), Math.max(i, j));

const cipher = 'chacha20-poly1305';
const nonce = new Uint8Array(12);
function seal(key: Uint8Array, plain: Uint8Array): Uint8Array {
  const box = createCipheriv(cipher, key, nonce, { authTagLength: 16 });
  return concat(new Uint8Array(box.update(plain)), new Uint8Array(box.final()), new Uint8Array(box.getAuthTag()));
}
export function open(key: Uint8Array, sealed: Uint8Array): Uint8Array {
  const box = createDecipheriv(cipher, key, nonce, { authTagLength: 16 });
  box.setAuthTag(sealed.subarray(32));
  return concat(new Uint8Array(box.update(sealed.subarray(0, 32))), new Uint8Array(box.final()));
}

function decode(message: Uint8Array, kind: string, from: number) {
  const fields = wire.decode(message, kind);
  if (fields.get(3) !== from) throw new Error(`not a message of party ${from}`);
  return fields;
}

export function decodeRound1(message: Uint8Array, from: number) {
  const fields = decode(message, 'deal/1', from);
  return { com: wire.bytes(fields, 4, 32), E: toPoint(wire.bytes(fields, 5)) };
}

/** Round 2 of a participant, given all messages of round 1. */
export function round2(terms: Terms, self: number, own: ReturnType<typeof round1>, messages: Uint8Array[]) {
  const id = dealId(terms, messages);
  const receivers = terms.contributors.includes(self) ? terms.parties.filter((j) => j !== self) : [];
  const boxes = receivers.map((j) => {
    const { E } = decodeRound1(at(messages, participants(terms).indexOf(j)), j);
    return seal(boxKey(own.e, E, id, self, j), scalarBytes(evaluate(own.f, j)));
  });
  const { salt, F, proof, chainCode } = own.opening;
  const opening = wire.numbered(salt, F.map(pointBytes), proof, chainCode);
  const message = wire.encode(wire.numbered(1, 'deal/2', self, id, opening, boxes));

  const said = participants(terms).map((i, k): [number, ReturnType<typeof decodeRound1>] => [
    i,
    decodeRound1(at(messages, k), i),
  ]);
  const peers = said
    .filter(([i]) => i !== self)
    .map(([i, { com, E }]): [number, unknown] => [i, wire.numbered(com, pointBytes(E))]);
  const digest = hash('DEAL-MSG', message);
  const session = wire.encode(wire.numbered(1, 'deal/session/2', own.party, id, new Map(peers), digest));
  return { message, session };
}

export function decodeRound2(message: Uint8Array, from: number) {
  const fields = decode(message, 'deal/2', from);
  const opening = wire.map(fields.get(5));
  return {
    id: wire.bytes(fields, 4, 32),
    opening: {
      salt: wire.bytes(opening, 1, 32),
      F: wire.list(opening, 2).map((item) => toPoint(item as Uint8Array)),
      proof: wire.bytes(opening, 3),
      chainCode: wire.bytes(opening, 4),
    },
    boxes: wire.list(fields, 6) as Uint8Array[],
  };
}

export interface Key {
  threshold: number;
  parties: number[];
  epoch: number;
  Q: Point;
  X: Point[];
  chainCode: Uint8Array;
  id: Uint8Array;
}

export const keyId = ({ threshold, parties, Q, X, chainCode }: Omit<Key, 'id'>): Uint8Array =>
  hash('DEAL-KEY', pointBytes(Q), chainCode, u32(threshold), octets(parties), encodePoints(X));

const keyFields = ({ threshold, parties, epoch, Q, X, chainCode, id }: Key) =>
  wire.numbered(threshold, parties, epoch, pointBytes(Q), X.map(pointBytes), chainCode, id);
export const encodeKey = (key: Key): Uint8Array => wire.encode(wire.numbered(1, 'key', keyFields(key)));
export const encodeShare = (key: Key, index: number, x: bigint, seeds: Uint8Array[]): Uint8Array =>
  wire.encode(wire.numbered(1, 'share', keyFields(key), index, scalarBytes(x), seeds));

/** A key, or a share of one with its index, x and seeds. */
export function decodeKey(
  encoded: Uint8Array,
  kind: 'key' | 'share',
): { key: Key; index: unknown; x: bigint; seeds: Uint8Array[] } {
  const message = wire.decode(encoded, kind);
  const fields = wire.map(message.get(3));
  const key = {
    threshold: fields.get(1) as number,
    parties: fields.get(2) as number[],
    epoch: fields.get(3) as number,
    Q: toPoint(wire.bytes(fields, 4)),
    X: wire.list(fields, 5).map((item) => toPoint(item as Uint8Array)),
    chainCode: wire.bytes(fields, 6, 32),
    id: wire.bytes(fields, 7, 32),
  };
  const share = kind === 'share';
  return {
    key,
    index: message.get(4),
    x: share ? toScalar(wire.bytes(message, 5)) : 0n,
    seeds: share ? (wire.list(message, 6) as Uint8Array[]) : [],
  };
}

export const address = (Q: Point): string => `0x${bytesToHex(keccak_256(Q.toBytes(false).subarray(1)).subarray(12))}`;

export const transcript = (terms: Terms, id: Uint8Array, digests: Uint8Array[], key: Key): Uint8Array =>
  hash('DEAL-TRANS', id, ...participants(terms).flatMap((i, k) => [u32(i), at(digests, k)]), key.id);

/** Round 3 of a receiver, given all messages of rounds 1 and 2. */
export function round3(
  terms: Terms,
  { self, fresh3 }: Given,
  own: ReturnType<typeof draw>,
  messages1: Uint8Array[],
  messages2: Uint8Array[],
  old?: Key,
) {
  const all = participants(terms);
  const id = dealId(terms, messages1);
  const said = messages1.map((message, k) => decodeRound1(message, at(all, k)));
  const opened = messages2.map((message, k) => decodeRound2(message, at(all, k)));
  opened.forEach(({ id: theirs, opening }, k) => {
    const { com, E } = at(said, k);
    if (!equal(commitment(at(all, k), E, opening), com)) throw new Error(`party ${at(all, k)}: commitment`);
    if (!equal(theirs, id)) throw new Error(`party ${at(all, k)}: another deal`);
  });

  const dealt = terms.contributors.map((i) => {
    const { E } = at(said, all.indexOf(i));
    const { opening, boxes } = at(opened, all.indexOf(i));
    const { F, proof, chainCode } = opening;
    if (!verifyProof('DEAL-POK', G, at(F, 0), proof, ...proofContext(terms, i, E)))
      throw new Error(`party ${i}: proof`);
    if (old) {
      const kept = at(F, 0).equals(oldConstant(old, terms.contributors, i)) && equal(chainCode, old.chainCode);
      if (!kept) throw new Error(`party ${i}: not its part of the old key`);
    }
    const place = terms.parties.filter((j) => j !== i).indexOf(self);
    const f = i === self ? evaluate(own.f, self) : toScalar(open(boxKey(own.e, E, id, i, self), at(boxes, place)));
    if (!times(f, G).equals(evaluatePoints(F, self))) throw new Error(`party ${i}: not on the polynomial`);
    return { F, f, chainCode };
  });

  const x = sum(dealt.map(({ f }) => f));
  const total = (i: number) => dealt.reduce((P, { F }) => P.add(evaluatePoints(F, i)), identity);
  const parts = dealt.map(({ chainCode }) => chainCode);
  const { threshold, parties, epoch } = terms;
  const chainCode = terms.kind === 'keygen' ? hash('DEAL-CC', ...parts) : at(parts, 0);
  const unnamed = { threshold, parties, epoch, Q: total(0), X: parties.map(total), chainCode };
  if ([unnamed.Q, ...unnamed.X].some((P) => P.is0())) throw new Error('the key or a share of it is zero');
  const key = { ...unnamed, id: keyId(unnamed) };
  const seeds = parties.filter((j) => j !== self).map((j) => zeroSeed(own.e, at(said, all.indexOf(j)).E, id, self, j));

  const digests = messages2.map((message) => hash('DEAL-MSG', message));
  const confirmed = transcript(terms, id, digests, key);
  const stream = new Stream(hedgedSeed(fresh3 ?? none, 'DEAL-CONF', scalarBytes(x), confirmed), 'DEAL-CONF');
  const proof = prove(stream.scalar(), 'DEAL-CONF', G, x, confirmed, u32(self));
  const seen = new Map(all.map((i, k) => [i, at(digests, k)]));
  const message = wire.encode(wire.numbered(1, 'deal/3', self, seen, proof));
  const share = encodeShare(key, self, x, seeds);
  const session = wire.encode(wire.numbered(1, 'deal/session/3', id, seen, share));
  return { id, key, x, confirmed, message, session, share };
}

export function decodeRound3(message: Uint8Array, from: number) {
  const fields = decode(message, 'deal/3', from);
  return { digests: wire.map(fields.get(4)) as Map<number, Uint8Array>, proof: wire.bytes(fields, 5, 64) };
}

/** Finish: whether the confirmation of receiver j is good, and of the same messages of round 2. */
export function confirms(
  terms: Terms,
  j: number,
  key: Key,
  id: Uint8Array,
  messages2: Uint8Array[],
  message: Uint8Array,
) {
  const { digests: seen, proof } = decodeRound3(message, j);
  const digests = messages2.map((message) => hash('DEAL-MSG', message));
  const all = participants(terms);
  const same = seen.size === all.length && all.every((i, k) => equal(seen.get(i) ?? none, at(digests, k)));
  const X = at(key.X, terms.parties.indexOf(j));
  return same && verifyProof('DEAL-CONF', G, X, proof, transcript(terms, id, digests, key), u32(j));
}
