/** Signatures in one round trip, from a correlation: go/onecall. */
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { derive, parsePath } from './bip32.ts';
import * as correlation from './correlation.ts';
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
import { reduce, xOf } from './dkls18.ts';
import { hash, hashToScalar, hedgedSeed, prove, Stream, verifyProof } from './transcript.ts';
import * as wire from './wire.ts';

const H_R = (ssid: Uint8Array, i: number, P: Point): bigint => hashToScalar('ONE-R', ssid, u32(i), pointBytes(P));
const H_G = (ssid: Uint8Array, i: number, P: Point): bigint => hashToScalar('ONE-GAMMA', ssid, u32(i), pointBytes(P));
const joined = (points: Point[]): Uint8Array => concat(...points.map(pointBytes));
const rhoOf = (ssid: Uint8Array, RPrime: Point[]): Uint8Array => hash('ONE-RHO', ssid, joined(RPrime)).subarray(0, 15);

const termsOf = ({ keyId, user, action }: correlation.Pair, id: Uint8Array, path: number[], digests: Uint8Array[]) =>
  hash('ONE-TERMS', keyId, u32(user), u32(action), id, concat(...path.map(u32)), concat(...digests));
const ssidOf = (sid: Uint8Array, path: number[], digests: Uint8Array[], seed: Uint8Array, delta: bigint, D: Point[]) =>
  hash('ONE-SSID', sid, concat(...path.map(u32)), concat(...digests), seed, scalarBytes(delta), joined(D));

interface Item {
  RPrime: Point;
  proof: Uint8Array;
  eta: bigint;
}
const macOf = (key: Uint8Array, ssid: Uint8Array, T: Uint8Array, etaHat: bigint, mu: Uint8Array, items: Item[]) =>
  hmac(
    sha256,
    key,
    concat(
      ...[ssid, T, scalarBytes(etaHat), mu],
      ...items.flatMap(({ RPrime, proof, eta }) => [pointBytes(RPrime), proof, scalarBytes(eta)]),
    ),
  );

/** The user's request, with the share x. */
export function request(
  pair: correlation.Pair,
  x: bigint,
  { id, seed, delta }: correlation.Correlation,
  digests: Uint8Array[],
  path: string,
  fresh: Uint8Array,
) {
  const { keyId, user, action } = pair;
  const indices = parsePath(path);
  const terms = termsOf(pair, id, indices, digests);
  const stream = hedgedSeed(fresh, 'ONE-USER', scalarBytes(x), terms);
  const rand = new Stream(stream, 'ONE-USER');
  const nonce = rand.read(32);
  const sid = hash('ONE-SID', terms, nonce);
  const items = digests.map((_, i) => {
    const [k, proofNonce] = [rand.scalar(), rand.scalar()];
    return { k, proofNonce, D: times(k, G), proof: prove(proofNonce, 'ONE-POK-U', G, k, sid, u32(user), u32(i)) };
  });
  const D = items.map((item) => item.D);
  const message = wire.encode(
    wire.numbered(
      ...[1, 'onecall/request', keyId, [user, action], id, seed, scalarBytes(delta), nonce],
      items.map((item) => wire.numbered(pointBytes(item.D), item.proof)),
    ),
  );
  const ssid = ssidOf(sid, indices, digests, seed, delta, D);
  return { indices, terms, stream, nonce, sid, ssid, items, D, message };
}

/** The action's response, with the share x and the user's public share X. */
export function respond(
  pair: correlation.Pair,
  x: bigint,
  X: Point,
  digests: Uint8Array[],
  path: string,
  request: Uint8Array,
  inputs: Uint8Array,
  fresh: Uint8Array,
) {
  const { keyId, chainCode, publicKey, user, action } = pair;
  const fields = wire.decode(request, 'onecall/request');
  const [id, seed, nonce] = [5, 6, 8].map((key) => wire.bytes(fields, key, 32)) as [Uint8Array, Uint8Array, Uint8Array];
  const delta = toScalar(wire.bytes(fields, 7));
  const proposals = wire.list(fields, 9).map((item) => ({
    D: toPoint(wire.bytes(wire.map(item), 1)),
    proof: wire.bytes(wire.map(item), 2, 64),
  }));
  if (!equal(wire.bytes(fields, 3), keyId) || wire.list(fields, 4).join() !== `${user},${action}`) {
    throw new Error('identity');
  }
  if (proposals.length !== digests.length) throw new Error('input: digests');
  const indices = parsePath(path);
  const { tweak, Q } = derive(publicKey, chainCode, indices);
  const sid = hash('ONE-SID', termsOf(pair, id, indices, digests), nonce);
  for (const [i, { D, proof }] of proposals.entries()) {
    if (!verifyProof('ONE-POK-U', G, D, proof, sid, u32(user), u32(i))) throw new Error('input: proof');
  }
  const D = proposals.map((proposal) => proposal.D);
  const ssid = ssidOf(sid, indices, digests, seed, delta, D);

  const { K, leaves, macKey } = correlation.forest(x, id);
  const received = concat(ssid, hash('ONE-INPUT', request, inputs));
  const stream = hedgedSeed(fresh, 'ONE-ACT', concat(scalarBytes(x), K), received);
  const rand = new Stream(stream, 'ONE-ACT');
  const nonces = D.map((D, i) => {
    const [kPrime, proofNonce] = [rand.scalar(), rand.scalar()];
    const RPrime = times(kPrime, D);
    const kAction = mod(H_R(ssid, i, RPrime) + kPrime);
    const R = times(kAction, D);
    const proof = prove(proofNonce, 'ONE-POK-A', D, kAction, ssid, u32(action), u32(i));
    return { kPrime, proofNonce, RPrime, kAction, R, proof, a: mod(xOf(R) * inverse(kAction)) };
  });
  const aHat = rand.scalar();
  const rho = rhoOf(
    ssid,
    nonces.map(({ RPrime }) => RPrime),
  );
  const gadget = correlation.gadgetOf(seed, id);
  const vole = correlation.send(leaves, gadget, ssid, rho, [...nonces.map(({ a }) => a), aHat]);

  const tAction = mod(lagrange([user, action], action) * x + tweak);
  const TU = times(lagrange([user, action], user), X);
  const items = nonces.map(({ RPrime, proof, kAction, R, a }, i) => {
    const w = mod(at(vole.V, i) + a * delta);
    const gamma = times(a, TU).subtract(times(w, G));
    const s = mod((reduce(at(digests, i)) + xOf(R) * tAction) * inverse(kAction));
    return { RPrime, proof, w, gamma, eta: mod(s + w + H_G(ssid, i, gamma)) };
  });
  const tau = concat(...vole.tau.flat().map(scalarBytes));
  const mac = macOf(macKey, ssid, vole.T, vole.etaHat, vole.mu, items);
  const message = wire.encode(
    wire.numbered(
      ...[1, 'onecall/response', sid, digests, tau, scalarBytes(vole.etaHat), vole.mu],
      items.map(({ RPrime, proof, eta }) => wire.numbered(pointBytes(RPrime), proof, scalarBytes(eta))),
      mac,
    ),
  );
  return { tweak, Q, sid, ssid, stream, nonces, aHat, rho, vole, tau, tAction, items, mac, message };
}

/** The user's signatures. */
export function finish(
  { chainCode, publicKey, action }: correlation.Pair,
  known: correlation.Correlation,
  { indices, sid, ssid, items: asked }: ReturnType<typeof request>,
  digests: Uint8Array[],
  response: Uint8Array,
) {
  const fields = wire.decode(response, 'onecall/response');
  const [tau, mu, mac] = [wire.bytes(fields, 5), wire.bytes(fields, 7, 32), wire.bytes(fields, 9, 32)];
  const parts = wire.list(fields, 8).map(wire.map);
  const encoded = parts.map((item) => [wire.bytes(item, 1, 33), wire.bytes(item, 2, 64), wire.bytes(item, 3, 32)]);
  const echoed = wire.list(fields, 4).map((digest) => digest as Uint8Array);
  const isOurs = echoed.length === digests.length && echoed.every((digest, i) => equal(digest, at(digests, i)));
  if (!equal(wire.bytes(fields, 3), sid) || !isOurs) throw new Error('stale: sid');
  const rho = hash('ONE-RHO', ssid, concat(...encoded.map((item) => at(item, 0)))).subarray(0, 15);
  const T = correlation.tauHash(ssid, rho, tau);
  const body = concat(ssid, T, wire.bytes(fields, 6, 32), mu, ...encoded.flat());
  if (!equal(mac, hmac(sha256, known.macKey, body))) throw new Error('stale: mac');

  const { Q } = derive(publicKey, chainCode, indices);
  const { e, E } = correlation.receive(known, ssid, rho, { tau, etaHat: toScalar(wire.bytes(fields, 6)), mu });
  const signatures = asked.map(({ k, D }, i) => {
    const [RPrime, proof, eta] = at(encoded, i) as [Uint8Array, Uint8Array, Uint8Array];
    const R = times(H_R(ssid, i, toPoint(RPrime)), D).add(toPoint(RPrime));
    if (!verifyProof('ONE-POK-A', D, R, proof, ssid, u32(action), u32(i))) throw new Error('check: proof');
    const sum = at(E, i);
    const rawS = mod((toScalar(eta) - H_G(ssid, i, times(sum, G)) + sum) * inverse(k));
    const [high, r] = [rawS > q / 2n, xOf(R)];
    const s = high ? q - rawS : rawS;
    const signature = concat(scalarBytes(r), scalarBytes(s));
    if (!secp256k1.verify(signature, at(digests, i), pointBytes(Q), { prehash: false })) {
      throw new Error('check: signature');
    }
    return { rawS, r, s, yParity: Number(R.toAffine().y & 1n) ^ Number(high) };
  });
  return { e, E, signatures };
}
