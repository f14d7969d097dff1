/** A run of dkls18 as test/vectors/dkls18.json records it, and what must hold between the recorded values. */
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { derive, parsePath } from './bip32.ts';
import {
  at,
  concat,
  equal,
  G,
  inner,
  inverse,
  lagrange,
  memo,
  mod,
  type Point,
  pointBytes,
  q,
  range,
  scalarBytes,
  times,
  toPoint,
  u32,
} from './curve.ts';
import { address } from './deal.ts';
import * as dkls18 from './dkls18.ts';
import { H, H1, H2, layout, reduce, xOf } from './dkls18.ts';
import * as ot from './ot.ts';
import { hashToScalar, hedgedSeed, mapToPoint, prove, Stream, verifyProof } from './transcript.ts';
import * as vole from './vole.ts';
import * as wire from './wire.ts';

/** What a vector gives: all else follows. */
export interface Given {
  name: string;
  keyId: Uint8Array;
  chainCode: Uint8Array;
  publicKey: Point;
  user: number;
  action: number;
  xUser: bigint;
  xAction: bigint;
  digest: Uint8Array;
  path: string;
  freshUser: Uint8Array;
  freshAction: Uint8Array;
}

/** For its types. */
export const given: Given = {
  name: '',
  keyId: new Uint8Array(),
  chainCode: new Uint8Array(),
  publicKey: G,
  user: 0,
  action: 0,
  xUser: 0n,
  xAction: 0n,
  digest: new Uint8Array(),
  path: '',
  freshUser: new Uint8Array(),
  freshAction: new Uint8Array(),
};

const ends = <T>(list: T[]): T[] => [at(list, 0), at(list, -1)];

/** The three steps, and everything that they compute on the way. */
export function run(given: Given) {
  const { user, action, xUser, xAction, digest, path, publicKey, keyId, chainCode } = given;
  const key = { keyId, chainCode, publicKey, user, action };
  const asked = dkls18.request({ ...key, x: xUser }, given.freshUser);
  const answered = dkls18.respond({ ...key, x: xAction }, digest, path, asked.message, given.freshAction);
  const finished = dkls18.finish(key, asked, digest, path, answered.message);
  return { key, asked, answered, finished };
}

/** The fields of a vector, in its order. */
export function trace(given: Given, { asked, answered, finished }: ReturnType<typeof run>) {
  const { receiver } = asked;
  const { sender } = answered;
  const of = <T>(f: (rvole: (typeof sender.rvoles)[number]) => T) => sender.rvoles.map(f);
  const [input0, input1] = [at(answered.inputs, 0), at(answered.inputs, 1)];
  return {
    name: given.name,
    keyId: given.keyId,
    chainCode: given.chainCode,
    publicKey: given.publicKey,
    user: given.user,
    action: given.action,
    xUser: given.xUser,
    xAction: given.xAction,
    digest: given.digest,
    path: given.path,
    indices: answered.indices,
    freshUser: given.freshUser,
    freshAction: given.freshAction,

    sid: asked.sid,
    tUser: asked.tUser,
    seedUser: asked.seed,
    nonce: asked.nonce,
    choices: receiver.packed,
    xFirstLast: ends(receiver.x),
    othersFirstLast: ends(receiver.others),
    ot: receiver.message,
    T: receiver.T,
    gadget0FirstLast: ends(at(receiver.gadgets, 0)),
    gadget1FirstLast: ends(at(receiver.gadgets, 1)),
    beta: receiver.betas,
    kUser: asked.kUser,
    D: asked.D,
    delta: asked.delta,
    request: asked.message,

    ssid: answered.ssid,
    tweak: answered.tweak,
    childPublicKey: answered.Q,
    tAction: answered.tAction,
    seedAction: answered.seed,
    kPrime: answered.kPrime,
    RPrime: answered.RPrime,
    kAction: answered.kAction,
    R: answered.R,
    proofNonce: answered.proofNonce,
    proof: answered.proof,
    phi: answered.phi,
    y: sender.y,
    B: sender.B,
    aHat: of(({ hat }) => hat),
    a0: input0,
    a1: input1,
    theta0: at(sender.rvoles, 0).theta,
    theta1: at(sender.rvoles, 1).theta,
    tauSHA256: of(({ tau }) => sha256(tau)),
    eta: of(({ eta }) => eta),
    mu: of(({ mu }) => mu),
    c0: at(answered.c, 0),
    c1: at(answered.c, 1),
    t1: answered.t1,
    t2: answered.t2,
    gamma1: answered.gamma1,
    gamma2: answered.gamma2,
    etaPhi: answered.etaPhi,
    etaSigma: answered.etaSigma,
    response: answered.message,

    d0: at(finished.d, 0),
    d1: at(finished.d, 1),
    u1: finished.u1,
    u2: finished.u2,
    theta: finished.theta,
    sBeforeLow: finished.rawS,
    r: finished.r,
    s: finished.s,
    yParity: finished.yParity,
    address: address(answered.Q).slice(2),
  };
}

export type Trace = ReturnType<typeof trace>;

const same = (a: bigint[], b: bigint[]) => a.length === b.length && a.every((x, i) => x === b[i]);

const n = vole.ots(layout);
const gadget = memo(
  (sid: Uint8Array, T: Uint8Array, v: number) => vole.gadget(layout, sid, T, v),
  (sid, T, v) => concat(sid, T, u32(v)),
);
const decoded = memo(
  (message: Uint8Array) => ot.decode(message, n),
  (message) => sha256(message),
);
/** What the user draws from its seed. */
const userDraws = memo(
  (seed: Uint8Array) => {
    const stream = new Stream(seed, 'DKLS18-USER');
    const [nonce, choices] = [stream.read(32), stream.read(n / 8)];
    const x = range(n).map(() => stream.scalar());
    return { nonce, choices, x, others: range(n).map(() => stream.read(96)) };
  },
  (seed) => seed,
);
/** The user's half of the RVOLEs, again: what it takes from the response is what it recorded. */
const receive = memo(
  (seed: Uint8Array, packed: Uint8Array, sid: Uint8Array, T: Uint8Array, ssid: Uint8Array, response: Uint8Array) => {
    const { B, messages } = dkls18.decodeResponse(response);
    const { x, others } = userDraws(seed);
    const gadgets = [gadget(sid, T, 0), gadget(sid, T, 1)];
    const choices = ot.bits(packed, n);
    const receiver = { sid, T, choices, packed, x, others, gadgets, betas: [], message: packed };
    return vole.finish(layout, receiver, ssid, B, messages).map(({ output }) => output);
  },
  (...args) => sha256(concat(...args)),
);

/** Every equation of the protocol, on recorded values. */
export const equations: Record<string, (v: Trace) => boolean> = {
  // Ids and keys.
  'sid = H(key id, U, A, nonce)': (v) => equal(v.sid, dkls18.sessionId(v.keyId, v.user, v.action, v.nonce)),
  'the indices are those of the path': (v) => v.indices.join() === parsePath(v.path).join(),
  'ssid = H(sid, path, digest)': (v) => equal(v.ssid, dkls18.subsessionId(v.sid, v.indices, v.digest)),
  'the tweak is that of BIP32': (v) => derive(v.publicKey, v.chainCode, v.indices).tweak === v.tweak,
  'child key = key + tweak·G': (v) => v.publicKey.add(times(v.tweak, G)).equals(v.childPublicKey),
  't_U = λ_U x_U': (v) => mod(lagrange([v.user, v.action], v.user) * v.xUser) === v.tUser,
  't_A = λ_A x_A + tweak': (v) => mod(lagrange([v.user, v.action], v.action) * v.xAction + v.tweak) === v.tAction,
  't_U + t_A = sk': (v) => times(v.tUser + v.tAction, G).equals(v.childPublicKey),

  // The request.
  'the seed of the user': (v) =>
    equal(v.seedUser, hedgedSeed(v.freshUser, 'DKLS18-USER', scalarBytes(v.xUser), concat(v.keyId, u32(v.action)))),
  'what the user draws': (v) => {
    const { nonce, choices, x, others } = userDraws(v.seedUser);
    const points = ends(others).every((bytes, k) => equal(bytes, at(v.othersFirstLast, k)));
    return points && same(ends(x), v.xFirstLast) && equal(nonce, v.nonce) && equal(choices, v.choices);
  },
  'r_{1-c} is mapped from random bytes, r_c + H_c(r_{1-c}) = x·G': (v) => {
    const points = decoded(v.ot);
    return [0, n - 1].every((i, k) => {
      const c = at(ot.bits(v.choices, n), i);
      const [chosen, other] = [at(at(points, i), c), at(at(points, i), 1 - c)];
      const sum = chosen.add(ot.H(v.sid, i, c, other));
      return other.equals(mapToPoint(at(v.othersFirstLast, k))) && sum.equals(times(at(v.xFirstLast, k), G));
    });
  },
  'T = H(sid, OT message)': (v) => equal(v.T, ot.transcript(v.sid, v.ot)),
  'the gadgets are hashes': (v) => {
    const first = (rvole: number, j: number) => hashToScalar('VOLE-GADGET', v.sid, v.T, u32(rvole), u32(j));
    const both = (rvole: number) => [first(rvole, 0), first(rvole, 415)];
    return same(both(0), v.gadget0FirstLast) && same(both(1), v.gadget1FirstLast);
  },
  'β = Σ g_j b_j': (v) => {
    const bits = (rvole: number) => vole.choicesOf(layout, rvole, ot.bits(v.choices, n)).map(BigInt);
    return same(
      [0, 1].map((rvole) => inner(gadget(v.sid, v.T, rvole), bits(rvole))),
      v.beta,
    );
  },
  'k_U β_0 = 1': (v) => mod(v.kUser * at(v.beta, 0)) === 1n,
  'D = k_U·G': (v) => v.D.equals(times(v.kUser, G)),
  'δ = t_U β_0 - β_1': (v) => v.delta === mod(v.tUser * at(v.beta, 0) - at(v.beta, 1)),
  'the request': (v) => {
    const fields = [
      1,
      'dkls18/request',
      v.keyId,
      [v.user, v.action],
      v.nonce,
      v.ot,
      pointBytes(v.D),
      scalarBytes(v.delta),
    ];
    return equal(v.request, wire.encode(wire.numbered(...fields)));
  },

  // The response.
  'the seed of the action': (v) =>
    equal(v.seedAction, hedgedSeed(v.freshAction, 'DKLS18-ACT', scalarBytes(v.xAction), concat(v.ssid, v.request))),
  'what the action draws': (v) => {
    const stream = new Stream(v.seedAction, 'DKLS18-ACT');
    return [v.kPrime, v.proofNonce, v.phi, v.y, ...v.aHat].every((x) => x === stream.scalar());
  },
  "R' = k'·D": (v) => v.RPrime.equals(times(v.kPrime, v.D)),
  "k_A = H(R') + k'": (v) => v.kAction === mod(H(v.ssid, v.RPrime) + v.kPrime),
  'R = k_A·D': (v) => v.R.equals(times(v.kAction, v.D)),
  "R = H(R')·D + R'": (v) => v.R.equals(times(H(v.ssid, v.RPrime), v.D).add(v.RPrime)),
  'π is the proof of k_A': (v) =>
    equal(v.proof, prove(v.proofNonce, 'DKLS18-POK', v.D, v.kAction, v.ssid, u32(v.action))),
  'π verifies for R': (v) => verifyProof('DKLS18-POK', v.D, v.R, v.proof, v.ssid, u32(v.action)),
  'a of RVOLE 0 = (φ + 1/k_A, t_A/k_A)': (v) =>
    same(v.a0, [mod(v.phi + inverse(v.kAction)), mod(v.tAction * inverse(v.kAction))]),
  'a of RVOLE 1 = (1/k_A)': (v) => same(v.a1, [inverse(v.kAction)]),
  'B = y·G': (v) => v.B.equals(times(v.y, G)),
  'τ of the response': (v) =>
    dkls18.decodeResponse(v.response).messages.every(({ tau }, rvole) => equal(sha256(tau), at(v.tauSHA256, rvole))),
  'θ = H(ssid, T, B, τ)': (v) => {
    const [tau0, tau1] = dkls18.decodeResponse(v.response).messages.map(({ tau }) => tau);
    const theta = (rvole: number, tau: Uint8Array | undefined, width: number) =>
      vole.theta(v.ssid, v.T, v.B, rvole, tau ?? new Uint8Array(), width);
    return same(theta(0, tau0, 2), v.theta0) && same(theta(1, tau1, 1), v.theta1);
  },
  'η = â + Σ θ_i a_i': (v) => {
    const eta = (rvole: number, theta: bigint[], a: bigint[]) => mod(at(v.aHat, rvole) + inner(theta, a));
    return same(v.eta, [eta(0, v.theta0, v.a0), eta(1, v.theta1, v.a1)]);
  },
  'c + d = a·β in RVOLE 0': (v) =>
    range(2).every((i) => mod(at(v.c0, i) + at(v.d0, i)) === mod(at(v.a0, i) * at(v.beta, 0))),
  'c + d = a·β in RVOLE 1': (v) => mod(at(v.c1, 0) + at(v.d1, 0)) === mod(at(v.a1, 0) * at(v.beta, 1)),
  't1 = c_1': (v) => v.t1 === v.c0[0],
  't2 = c_2 + c_3 + δ/k_A': (v) => v.t2 === mod(at(v.c0, 1) + at(v.c1, 0) + v.delta * inverse(v.kAction)),
  'Γ1 = G + φ k_A·G - t1·R': (v) => v.gamma1.equals(G.add(times(v.phi * v.kAction, G)).subtract(times(v.t1, v.R))),
  'Γ2 = t1·Q - t2·G': (v) => v.gamma2.equals(times(v.t1, v.childPublicKey).subtract(times(v.t2, G))),
  'η_φ = H1(Γ1) + φ': (v) => v.etaPhi === mod(H1(v.ssid, v.gamma1) + v.phi),
  'η_σ = H2(Γ2) + m t1 + r t2': (v) =>
    v.etaSigma === mod(H2(v.ssid, v.gamma2) + reduce(v.digest) * v.t1 + xOf(v.R) * v.t2),
  'the response': (v) => {
    const tau = dkls18.decodeResponse(v.response).messages.map((message) => message.tau);
    const rvoles = tau.map((t, rvole) => wire.numbered(t, scalarBytes(at(v.eta, rvole)), at(v.mu, rvole)));
    const fields = [1, 'dkls18/response', v.sid, v.digest, v.indices, pointBytes(v.RPrime), v.proof, pointBytes(v.B)];
    return equal(
      v.response,
      wire.encode(wire.numbered(...fields, rvoles, scalarBytes(v.etaPhi), scalarBytes(v.etaSigma))),
    );
  },

  // Finish.
  'the checks of the RVOLEs hold and give d': (v) => {
    const [d0, d1] = receive(v.seedUser, v.choices, v.sid, v.T, v.ssid, v.response);
    return same(v.d0, d0 ?? []) && same(v.d1, d1 ?? []);
  },
  'u1 = d_1': (v) => v.u1 === v.d0[0],
  'u2 = d_2 + d_3': (v) => v.u2 === mod(at(v.d0, 1) + at(v.d1, 0)),
  't1 + u1 = (φ + 1/k_A)/k_U': (v) => mod((v.t1 + v.u1) * v.kUser) === mod(v.phi + inverse(v.kAction)),
  't2 + u2 = sk/k': (v) => mod((v.t2 + v.u2) * v.kAction * v.kUser) === mod(v.tUser + v.tAction),
  'Γ1 = u1·R': (v) => v.gamma1.equals(times(v.u1, v.R)),
  'θ = u1 - φ β_0': (v) => v.theta === mod(v.u1 - v.phi * at(v.beta, 0)),
  't1 + θ = 1/k': (v) => mod((v.t1 + v.theta) * v.kAction * v.kUser) === 1n,
  'Γ2 = u2·G - θ·Q': (v) => v.gamma2.equals(times(v.u2, G).subtract(times(v.theta, v.childPublicKey))),
  's = m θ + r u2 + η_σ - H2(u2·G - θ·Q)': (v) =>
    v.sBeforeLow === mod(reduce(v.digest) * v.theta + v.r * v.u2 + v.etaSigma - H2(v.ssid, v.gamma2)),
  's k = m + r sk': (v) =>
    mod(v.sBeforeLow * v.kAction * v.kUser) === mod(reduce(v.digest) + v.r * (v.tUser + v.tAction)),
  'r = R.x': (v) => v.r === xOf(v.R),
  's is the low one': (v) => v.s <= q / 2n && (v.s === v.sBeforeLow || v.s === q - v.sBeforeLow),
  'the parity is that of the nonce point': (v) =>
    v.R.toAffine().y % 2n === BigInt(v.s === v.sBeforeLow ? v.yParity : 1 - v.yParity),
  'the signature verifies': (v) =>
    secp256k1.verify(concat(scalarBytes(v.r), scalarBytes(v.s)), v.digest, pointBytes(v.childPublicKey), {
      prehash: false,
    }),
  'the address recovers': (v) => {
    const signature = concat(Uint8Array.of(v.yParity), scalarBytes(v.r), scalarBytes(v.s));
    const key = secp256k1.recoverPublicKey(signature, v.digest, { prehash: false });
    return address(toPoint(key)) === `0x${v.address}`;
  },
};
