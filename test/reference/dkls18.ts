/** A signature of two parties in one round trip: go/dkls18. */
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToNumberBE } from '@noble/curves/utils.js';
import { derive, parsePath } from './bip32.ts';
import {
  at,
  concat,
  equal,
  G,
  inverse,
  lagrange,
  mod,
  type Point,
  pointBytes,
  q,
  scalarBytes,
  times,
  toPoint,
  toScalar,
  u32,
} from './curve.ts';
import { hash, hashToScalar, hedgedSeed, prove, Stream, verifyProof } from './transcript.ts';
import * as vole from './vole.ts';
import * as wire from './wire.ts';

/** X and Z carry RVOLE 0, Y and Z carry RVOLE 1. */
export const layout: vole.Layout = {
  widths: [2, 1],
  blocks: [
    { size: 256, rvoles: [0] },
    { size: 256, rvoles: [1] },
    { size: 160, rvoles: [0, 1] },
  ],
};

/** The shared key, who signs, and the share of whoever this is. */
export interface Signer {
  keyId: Uint8Array;
  chainCode: Uint8Array;
  publicKey: Point;
  user: number;
  action: number;
  x: bigint;
}

export const sessionId = (keyId: Uint8Array, user: number, action: number, nonce: Uint8Array): Uint8Array =>
  hash('DKLS18-SID', keyId, u32(user), u32(action), nonce);
export const subsessionId = (sid: Uint8Array, path: number[], digest: Uint8Array): Uint8Array =>
  hash('DKLS18-SSID', sid, concat(...path.map(u32)), digest);
export const H = (ssid: Uint8Array, P: Point): bigint => hashToScalar('DKLS18-R', ssid, pointBytes(P));
export const H1 = (ssid: Uint8Array, P: Point): bigint => hashToScalar('DKLS18-G1', ssid, pointBytes(P));
export const H2 = (ssid: Uint8Array, P: Point): bigint => hashToScalar('DKLS18-G2', ssid, pointBytes(P));

/** Modulo q: a digest, and the x-coordinate of R. */
export const reduce = (bytes: Uint8Array): bigint => mod(bytesToNumberBE(bytes));
export const xOf = (R: Point): bigint => mod(R.toAffine().x);

export function request({ keyId, user, action, x }: Signer, fresh: Uint8Array) {
  const seed = hedgedSeed(fresh, 'DKLS18-USER', scalarBytes(x), concat(keyId, u32(action)));
  const stream = new Stream(seed, 'DKLS18-USER');
  const nonce = stream.read(32);
  const sid = sessionId(keyId, user, action, nonce);
  const receiver = vole.receive(layout, sid, stream);
  const beta0 = at(receiver.betas, 0);
  const beta1 = at(receiver.betas, 1);

  const tUser = mod(lagrange([user, action], user) * x);
  const kUser = inverse(beta0);
  const D = times(kUser, G);
  const delta = mod(tUser * beta0 - beta1);

  const signers = [user, action];
  const message = wire.encode(
    wire.numbered(1, 'dkls18/request', keyId, signers, nonce, receiver.message, pointBytes(D), scalarBytes(delta)),
  );
  return { seed, nonce, sid, receiver, tUser, kUser, D, delta, message };
}

export function respond(
  { keyId, chainCode, publicKey, user, action, x }: Signer,
  digest: Uint8Array,
  path: string,
  request: Uint8Array,
  fresh: Uint8Array,
) {
  const fields = wire.decode(request, 'dkls18/request');
  if (!equal(wire.bytes(fields, 3), keyId) || wire.list(fields, 4).join() !== `${user},${action}`) {
    throw new Error('identity');
  }
  const nonce = wire.bytes(fields, 5, 32);
  const otMessage = wire.bytes(fields, 6);
  const D = toPoint(wire.bytes(fields, 7));
  const delta = toScalar(wire.bytes(fields, 8));

  const indices = parsePath(path);
  const { tweak, Q } = derive(publicKey, chainCode, indices);
  const tAction = mod(lagrange([user, action], action) * x + tweak);
  const sid = sessionId(keyId, user, action, nonce);
  const ssid = subsessionId(sid, indices, digest);

  const seed = hedgedSeed(fresh, 'DKLS18-ACT', scalarBytes(x), concat(ssid, request));
  const stream = new Stream(seed, 'DKLS18-ACT');
  const kPrime = stream.scalar();
  const proofNonce = stream.scalar();
  const phi = stream.scalar();

  const RPrime = times(kPrime, D);
  const kAction = mod(H(ssid, RPrime) + kPrime);
  const R = times(kAction, D);
  const proof = prove(proofNonce, 'DKLS18-POK', D, kAction, ssid, u32(action));

  const inverted = inverse(kAction);
  const inputs = [[mod(phi + inverted), mod(tAction * inverted)], [inverted]];
  const sender = vole.send(layout, sid, ssid, otMessage, inputs, stream);
  const c = sender.rvoles.map((rvole) => rvole.output);

  const t1 = at(at(c, 0), 0);
  const t2 = mod(at(at(c, 0), 1) + at(at(c, 1), 0) + delta * inverted);
  const gamma1 = G.add(times(phi * kAction, G)).subtract(times(t1, R));
  const gamma2 = times(t1, Q).subtract(times(t2, G));
  const etaPhi = mod(H1(ssid, gamma1) + phi);
  const etaSigma = mod(H2(ssid, gamma2) + reduce(digest) * t1 + xOf(R) * t2);

  const rvoles = sender.rvoles.map(({ tau, eta, mu }) => wire.numbered(tau, scalarBytes(eta), mu));
  const message = wire.encode(
    wire.numbered(
      ...[1, 'dkls18/response', sid, digest, indices, pointBytes(RPrime), proof, pointBytes(sender.B), rvoles],
      ...[scalarBytes(etaPhi), scalarBytes(etaSigma)],
    ),
  );
  const nonces = { seed, kPrime, proofNonce, phi };
  return {
    indices,
    tweak,
    Q,
    tAction,
    ssid,
    ...nonces,
    RPrime,
    kAction,
    R,
    proof,
    inputs,
    sender,
    c,
    t1,
    t2,
    gamma1,
    gamma2,
    etaPhi,
    etaSigma,
    message,
  };
}

export function decodeResponse(response: Uint8Array) {
  const fields = wire.decode(response, 'dkls18/response');
  const messages = wire.list(fields, 9).map((item): vole.Message => {
    const rvole = wire.map(item);
    return { tau: wire.bytes(rvole, 1), eta: toScalar(wire.bytes(rvole, 2)), mu: wire.bytes(rvole, 3, 32) };
  });
  return {
    sid: wire.bytes(fields, 3, 32),
    digest: wire.bytes(fields, 4, 32),
    path: wire.list(fields, 5),
    RPrime: toPoint(wire.bytes(fields, 6)),
    proof: wire.bytes(fields, 7, 64),
    B: toPoint(wire.bytes(fields, 8)),
    messages,
    etaPhi: toScalar(wire.bytes(fields, 10)),
    etaSigma: toScalar(wire.bytes(fields, 11)),
  };
}

export function finish(
  { chainCode, publicKey, action }: Omit<Signer, 'x'>,
  { sid, receiver, D }: ReturnType<typeof request>,
  digest: Uint8Array,
  path: string,
  response: Uint8Array,
) {
  const got = decodeResponse(response);
  const indices = parsePath(path);
  if (!equal(got.sid, sid) || !equal(got.digest, digest) || got.path.join() !== indices.join())
    throw new Error('stale');
  const ssid = subsessionId(sid, indices, digest);
  const { Q } = derive(publicKey, chainCode, indices);

  const R = times(H(ssid, got.RPrime), D).add(got.RPrime);
  if (!verifyProof('DKLS18-POK', D, R, got.proof, ssid, u32(action))) throw new Error('check: proof');
  const rvoles = vole.finish(layout, receiver, ssid, got.B, got.messages);
  const d = rvoles.map((rvole) => rvole.output);

  const u1 = at(at(d, 0), 0);
  const u2 = mod(at(at(d, 0), 1) + at(at(d, 1), 0));
  const phi = mod(got.etaPhi - H1(ssid, times(u1, R)));
  const theta = mod(u1 - phi * at(receiver.betas, 0));
  const r = xOf(R);
  const rawS = mod(reduce(digest) * theta + r * u2 + got.etaSigma - H2(ssid, times(u2, G).subtract(times(theta, Q))));

  const high = rawS > q / 2n;
  const s = high ? q - rawS : rawS;
  const yParity = Number(R.toAffine().y & 1n) ^ Number(high);
  const signature = concat(scalarBytes(r), scalarBytes(s));
  if (!secp256k1.verify(signature, digest, pointBytes(Q), { prehash: false })) throw new Error('check: signature');
  return { rvoles, d, u1, u2, theta, rawS, r, s, yParity };
}
