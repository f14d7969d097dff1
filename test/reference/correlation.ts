/** What two signers set up once, and the vector OLE that signatures take from it: go/correlation. */
import { createCipheriv } from 'node:crypto';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import {
  at,
  concat,
  equal,
  G,
  inner,
  lagrange,
  mod,
  type Point,
  pointBytes,
  range,
  scalarBytes,
  split,
  toPoint,
  toScalar,
  u32,
  uniform,
  utf8,
} from './curve.ts';
import type { Signer } from './dkls18.ts';
import * as ot from './ot.ts';
import { expand, hash, hedgedSeed, prove, Stream, verifyProof } from './transcript.ts';
import * as wire from './wire.ts';

/** The signers' key, and the epoch of their shares. */
export type Pair = Omit<Signer, 'x'> & { epoch: number };

const N = 72;
const levels = range(6);
const leaves = range(64);
/** The digits c < N. */
export const digits = range(N);

export const xor = (...values: Uint8Array[]): Uint8Array =>
  values.reduce((a, b) => a.map((byte, k) => byte ^ (b[k] ?? 0)), new Uint8Array(32));
/** bit_l(x), from the most significant of 6. */
const bit = (x: number, l: number): number => (x >> (5 - l)) & 1;

/** n bytes of the key stream of ChaCha20 (RFC 8439). */
function chacha(
  key: Uint8Array,
  n: number,
  counter: Uint8Array = new Uint8Array(4),
  nonce: Uint8Array = new Uint8Array(12),
) {
  return new Uint8Array(createCipheriv('chacha20', key, concat(counter, nonce)).update(new Uint8Array(n)));
}

/** The nodes of a tree by depth, the root first. */
function tree(root: Uint8Array): Uint8Array[][] {
  const depths = [[root]];
  for (const _ of levels) depths.push(at(depths, -1).flatMap((node) => split(chacha(node, 64), 32)));
  return depths;
}

export const check = (leaf: Uint8Array): Uint8Array => sha256(concat(utf8('TANDEM-V1-CORR-CHECK'), leaf));

export const identity = (M: Uint8Array, { keyId, epoch, user, action }: Pair): Uint8Array =>
  hash('CORR-ID', u32(1), hash('CORR-M', M), keyId, ...[epoch, user, action].map(u32));

export const macKeyOf = (id: Uint8Array, checks: Uint8Array[]): Uint8Array => hash('CORR-MAC', id, concat(...checks));

export const gadgetOf = (seed: Uint8Array, id: Uint8Array): bigint[] =>
  split(expand('CORR-GADGET', 32 * N, seed, id), 32).map(uniform);

/** The user's request. */
export function request(secret: Uint8Array, action: number, fresh: Uint8Array) {
  const stream = hedgedSeed(fresh, 'CORR-USER', secret, u32(action));
  const rand = new Stream(stream, 'CORR-USER');
  const nonce = rand.read(32);
  const choices = rand.read(54);
  const receiver = ot.receive(nonce, ot.bits(choices, 432), rand);
  const delta = digits.map((c) => levels.reduce((x, l) => 2 * x + 1 - at(receiver.choices, 6 * c + l), 0));
  const M = wire.encode(wire.numbered(1, 'correlation/request', nonce, receiver.message));
  return { stream, nonce, choices, receiver, digits: delta, M };
}

/** All leaves of the action, which follow from its share and the id. */
export function forest(x: bigint, id: Uint8Array) {
  const K = hkdf(sha256, scalarBytes(x), undefined, concat(utf8('onecall-v1-K'), id), 32);
  const trees = split(chacha(K, 32 * N), 32).map(tree);
  const leaves = trees.map((depths) => at(depths, -1));
  const checks = leaves.map((tree) => tree.map(check));
  return { K, trees, leaves, checks, macKey: macKeyOf(id, at(checks, 0)) };
}

export const answerDigest = (id: Uint8Array, B: Point, e: Uint8Array, sums: Uint8Array, all: Uint8Array): Uint8Array =>
  hash('CORR-ANSWER', id, pointBytes(B), e, sums, all);

/** The action's answer. */
export function respond(pair: Pair, x: bigint, M: Uint8Array, fresh: Uint8Array) {
  const fields = wire.decode(M, 'correlation/request');
  const nonce = wire.bytes(fields, 3, 32);
  const id = identity(M, pair);
  const { K, trees, leaves, checks, macKey } = forest(x, id);
  const y = hkdf(sha256, scalarBytes(x), undefined, concat(utf8('onecall-v1-y'), id), 48);
  const drawn = { scalar: () => uniform(y) } as Stream;
  const sender = ot.send(nonce, wire.bytes(fields, 4), 432, drawn);

  const encrypted = trees.flatMap((depths, c) =>
    levels.flatMap((l) =>
      [0, 1].map((b) => {
        const nodes = at(depths, l + 1).filter((_, i) => i % 2 === b);
        return xor(...nodes, sender.key(6 * c + l, b, 32));
      }),
    ),
  );
  const sums = checks.map((tree) => xor(...tree));
  const all = hash('CORR-ALL', id, concat(...checks.flat()));
  const digest = answerDigest(id, sender.B, concat(...encrypted), concat(...sums), all);
  const stream = hedgedSeed(fresh, 'CORR-ACT', scalarBytes(x), digest);
  const proofNonce = new Stream(stream, 'CORR-ACT').scalar();
  const proof = prove(proofNonce, 'CORR-PROOF', G, x, digest, u32(pair.action));
  const message = wire.encode(
    wire.numbered(
      ...[1, 'correlation/answer', pointBytes(sender.B), concat(...encrypted), concat(...sums), all, proof],
    ),
  );
  return {
    id,
    K,
    y: sender.y,
    B: sender.B,
    leaves,
    checks,
    encrypted,
    sums,
    all,
    digest,
    stream,
    proofNonce,
    proof,
    message,
    macKey,
  };
}

/** What the user keeps of the answer, given what the action's share has in the public: X. */
export function accept(pair: Pair, x: bigint, X: Point, asked: ReturnType<typeof request>, answer: Uint8Array) {
  const fields = wire.decode(answer, 'correlation/answer');
  const [B, e, sums] = [toPoint(wire.bytes(fields, 3)), wire.bytes(fields, 4), wire.bytes(fields, 5)];
  const [all, proof] = [wire.bytes(fields, 6, 32), wire.bytes(fields, 7, 64)];
  const id = identity(asked.M, pair);
  const signed = answerDigest(id, B, e, sums, all);
  if (!verifyProof('CORR-PROOF', G, X, proof, signed, u32(pair.action))) throw new Error('stale: proof');

  const key = ot.finish(asked.receiver, B);
  const encrypted = split(e, 32);
  const nodes: Uint8Array[] = [];
  const known = digits.map((c) => {
    const digit = at(asked.digits, c);
    let depth: (Uint8Array | undefined)[] = [undefined];
    for (const l of levels) {
      depth = depth.flatMap((node) => (node ? split(chacha(node, 64), 32) : [undefined, undefined]));
      const side = 1 - bit(digit, l);
      const sum = xor(at(encrypted, 2 * (6 * c + l) + side), key(6 * c + l, 32));
      const missing = xor(sum, ...depth.filter((node, i) => i % 2 === side && node !== undefined).map((n) => n ?? sum));
      depth[(digit >> (5 - l)) ^ 1] = missing;
      nodes.push(missing);
    }
    return depth;
  });
  const checks = known.map((tree, c) => {
    const values = tree.map((leaf) => leaf && check(leaf));
    const missing = xor(at(split(sums, 32), c), ...values.flatMap((value) => value ?? []));
    return values.map((value) => value ?? missing);
  });
  if (!equal(all, hash('CORR-ALL', id, concat(...checks.flat())))) throw new Error('party: leaves');

  const seed = hash('CORR-SEED', asked.stream);
  const gadget = gadgetOf(seed, id);
  const tUser = mod(lagrange([pair.user, pair.action], pair.user) * x);
  const beta = inner(gadget, asked.digits.map(BigInt));
  const delta = mod(tUser - beta);
  const macKey = macKeyOf(id, at(checks, 0));
  const { keyId, epoch, user, action } = pair;
  const encoded = wire.encode(
    wire.numbered(
      ...[1, 'correlation', id, keyId, epoch, [user, action], seed, scalarBytes(delta), macKey],
      ...[Uint8Array.from(asked.digits), concat(...nodes)],
    ),
  );
  return { id, seed, gadget, tUser, beta, delta, macKey, digits: asked.digits, leaves: known, nodes, encoded };
}
export type Correlation = ReturnType<typeof accept>;

/** p_{x,0}, …, p_{x,n} of a leaf. */
export function pads(leaf: Uint8Array, rho: Uint8Array, n: number): bigint[] {
  const blocks = range(Math.ceil((n + 1) / 2)).map((b) =>
    chacha(leaf, 64, concat(Uint8Array.of(b), rho.subarray(12, 15)), rho.subarray(0, 12)),
  );
  return split(concat(...blocks), 32)
    .slice(0, n + 1)
    .map(uniform);
}

export const tauHash = (ssid: Uint8Array, rho: Uint8Array, tau: Uint8Array): Uint8Array =>
  hash('CORR-TAU', ssid, rho, tau);
export const thetaOf = (T: Uint8Array, n: number): bigint[] => split(expand('CORR-THETA', 48 * n, T), 48).map(uniform);
export const muOf = (ssid: Uint8Array, rows: bigint[]): Uint8Array =>
  hash('CORR-MU', ssid, concat(...rows.map(scalarBytes)));

/** x_n + Σ θ_h x_h */
const combine = (row: bigint[], theta: bigint[]): bigint => mod(at(row, -1) + inner(theta, row));
/** Σ g_c rows_{c,h} for each h < n */
const outputs = (gadget: bigint[], rows: bigint[][], n: number): bigint[] =>
  range(n).map((h) =>
    inner(
      gadget,
      rows.map((row) => at(row, h)),
    ),
  );

/** The action's part of the vector OLE, for α. */
export function send(trees: Uint8Array[][], gadget: bigint[], ssid: Uint8Array, rho: Uint8Array, alpha: bigint[]) {
  const n = alpha.length - 1;
  const padded = trees.map((tree) => tree.map((leaf) => pads(leaf, rho, n)));
  const column = (tree: bigint[][], h: number) => tree.map((row) => at(row, h));
  const tau = padded.map((tree) =>
    alpha.map((a, h) =>
      mod(
        a -
          inner(
            column(tree, h),
            leaves.map(() => 1n),
          ),
      ),
    ),
  );
  const v = padded.map((tree) => alpha.map((_, h) => inner(column(tree, h), leaves.map(BigInt))));
  const T = tauHash(ssid, rho, concat(...tau.flat().map(scalarBytes)));
  const theta = thetaOf(T, n);
  const mu = muOf(
    ssid,
    v.map((row) => combine(row, theta)),
  );
  return { padded, tau, v, T, theta, etaHat: combine(alpha, theta), mu, V: outputs(gadget, v, n) };
}

/** The user's. */
export function receive(
  { digits: delta, leaves: trees, gadget }: Correlation,
  ssid: Uint8Array,
  rho: Uint8Array,
  { tau, etaHat, mu }: { tau: Uint8Array; etaHat: bigint; mu: Uint8Array },
) {
  const rows = split(tau, tau.length / N).map((row) => split(row, 32).map(toScalar));
  const n = at(rows, 0).length - 1;
  const theta = thetaOf(tauHash(ssid, rho, tau), n);
  const e = rows.map((row, c) => {
    const digit = at(delta, c);
    const padded = at(trees, c).map((leaf) => leaf && pads(leaf, rho, n));
    const terms = (h: number) => padded.map((pad, x) => (pad === undefined ? 0n : BigInt(digit - x) * at(pad, h)));
    return row.map((t, h) => mod(terms(h).reduce((a, b) => a + b, 0n) + BigInt(digit) * t));
  });
  const checks = e.map((row, c) => mod(BigInt(at(delta, c)) * etaHat - combine(row, theta)));
  if (!equal(mu, muOf(ssid, checks))) throw new Error('check: μ');
  return { e, E: outputs(gadget, e, n) };
}
