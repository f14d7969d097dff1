/** A deal as test/vectors/deal.json records it, and what must hold between the recorded values. */

import vectors from '../vectors/deal.json' with { type: 'json' };
import {
  at,
  equal,
  G,
  identity,
  inner,
  lagrange,
  mod,
  type Point,
  pointBytes,
  scalarBytes,
  sum,
  times,
  u32,
} from './curve.ts';
import * as deal from './deal.ts';
import { toJson } from './record.ts';
import { hash, hedgedSeed, prove, Stream, verifyProof } from './transcript.ts';
import * as wire from './wire.ts';

type Bytes = Uint8Array | undefined;

/** What a vector gives: all else follows. */
export interface Given {
  name: string;
  kind: string;
  threshold: number;
  parties: number[];
  contributors: number[];
  epoch: number;
  old?: Bytes;
  oldKeyId?: Bytes;
  participants: {
    self: number;
    fresh1: Uint8Array;
    fresh3?: Bytes;
    secret?: bigint | undefined;
    givenChainCode?: Bytes;
    oldShare?: Bytes;
  }[];
}

/** For its types. */
export const given: Given = {
  name: '',
  kind: '',
  threshold: 0,
  parties: [0],
  contributors: [0],
  epoch: 0,
  old: new Uint8Array(),
  oldKeyId: new Uint8Array(),
  participants: [
    {
      self: 0,
      fresh1: new Uint8Array(),
      fresh3: new Uint8Array(),
      secret: 0n,
      givenChainCode: new Uint8Array(),
      oldShare: new Uint8Array(),
    },
  ],
};

const full = <T extends { length: number }>(list: T): T | undefined => (list.length > 0 ? list : undefined);

/** What a participant brings: f(0) and cc, if they are given. */
function brought(v: Given, p: Given['participants'][number]) {
  if (!v.old || !p.oldShare) return { constant: p.secret, chainCode: p.givenChainCode };
  const { x, key } = deal.decodeKey(p.oldShare, 'share');
  return { constant: mod(lagrange(v.contributors, p.self) * x), chainCode: key.chainCode };
}

/** Changes a message on its way. */
export type Relay = (message: Uint8Array, round: 1 | 2 | 3, from: number) => Uint8Array;

/** All rounds of a deal: the fields of a vector. */
export function run(given: Given, relay: Relay = (message) => message) {
  const old = given.old && deal.decodeKey(given.old, 'key').key;
  const parties = given.participants.map((p) => ({ ...p, ...brought(given, p) }));
  const first = parties.map((p) => deal.round1(given, p, old));
  const messages1 = first.map(({ message }, k) => relay(message, 1, at(parties, k).self));
  const second = parties.map((p, k) => deal.round2(given, p.self, at(first, k), messages1));
  const messages2 = second.map(({ message }, k) => relay(message, 2, at(parties, k).self));
  const third = parties.map((p, k) =>
    given.parties.includes(p.self) ? deal.round3(given, p, at(first, k), messages1, messages2, old) : undefined,
  );
  const receivers = third.filter((done) => done !== undefined);
  const { id, key, confirmed } = at(receivers, 0);
  for (const [k, { message }] of receivers.entries()) {
    const j = at(given.parties, k);
    if (!deal.confirms(given, j, key, id, messages2, relay(message, 3, j))) throw new Error(`party ${j}: confirmation`);
  }
  return {
    ...given,
    termsDigest: deal.termsDigest(given),
    dealId: id,
    transcript: confirmed,
    publicKey: key.Q,
    address: deal.address(key.Q),
    chainCode: key.chainCode,
    keyId: key.id,
    key: deal.encodeKey(key),
    participants: given.participants.map((p, k) => {
      const { seed, e, E, f, opening, com, session } = at(first, k);
      const done = third[k];
      return {
        ...p,
        seed,
        e,
        E,
        salt: opening.salt,
        chainCodePart: full(opening.chainCode),
        f: full(f),
        F: full(opening.F),
        proof: full(opening.proof),
        commitment: com,
        session1: session,
        message1: at(messages1, k),
        session2: done && at(second, k).session,
        message2: at(messages2, k),
        session3: done?.session,
        message3: done?.message,
        x: done?.x,
        share: done?.share,
      };
    }),
  };
}

export type Trace = ReturnType<typeof run>;
type Participant = Trace['participants'][number];

const none = new Uint8Array();
const openingOf = ({ salt, F, proof, chainCodePart }: Participant): deal.Opening => ({
  salt,
  F: F ?? [],
  proof: proof ?? none,
  chainCode: chainCodePart ?? none,
});
const contributors = (v: Trace) => v.participants.filter(({ self }) => v.contributors.includes(self));
const receivers = (v: Trace) => v.participants.filter(({ self }) => v.parties.includes(self));
const f = (p: Participant) => p.f ?? [];
const F = (p: Participant) => p.F ?? [];
const total = (v: Trace, i: number): Point =>
  contributors(v).reduce((P, p) => P.add(deal.evaluatePoints(F(p), i)), identity);
const keyOf = (v: Trace): deal.Key => ({
  threshold: v.threshold,
  parties: [...v.parties],
  epoch: v.epoch,
  Q: v.publicKey,
  X: receivers(v).map(({ x }) => times(x ?? 0n, G)),
  chainCode: v.chainCode,
  id: v.keyId,
});
const digests = (v: Trace) => v.participants.map(({ message2 }) => hash('DEAL-MSG', message2));
const oldOf = (v: Trace) => (v.old ? deal.decodeKey(v.old, 'key').key : undefined);
const seedsOf = (v: Trace, p: Participant) =>
  receivers(v)
    .filter(({ self }) => self !== p.self)
    .map(({ self, E }) => deal.zeroSeed(p.e, E, v.dealId, p.self, self));
const seen = (v: Trace) => new Map(v.participants.map(({ self }, k) => [self, at(digests(v), k)]));
const dealer = (v: Trace, p: Participant) => {
  const { constant, chainCode } = brought(v, p);
  return deal.dealer(v, { self: p.self, fresh1: none, constant, chainCode }, p.seed, oldOf(v));
};

/** Every equation of the protocol, on recorded values. */
export const equations: Record<string, (v: Trace) => boolean> = {
  'the participants are C and P': (v) => deal.participants(v).join() === v.participants.map(({ self }) => self).join(),
  'what is reshared is the key of the first vector': (v) => {
    const keygen = at(vectors, 0);
    const shareOf = (i: number) => keygen.participants.find(({ self }) => self === i)?.share;
    const shares = v.participants.map((p) => [p.oldShare && toJson(p.oldShare), shareOf(p.self)]);
    return !v.old || (toJson(v.old) === keygen.key && shares.every(([old, share]) => !old || old === share));
  },
  'the id of the old key': (v) => equal(oldOf(v)?.id ?? none, v.oldKeyId ?? none),
  'the epoch goes up by one': (v) => v.kind !== 'reshare' || v.epoch === (oldOf(v)?.epoch ?? 0) + 1,
  'the hash of the terms': (v) => equal(v.termsDigest, deal.termsDigest(v)),
  'the seeds of the participants': (v) =>
    v.participants.every((p) => {
      const { constant } = brought(v, p);
      const unknown = v.participants.flatMap(({ self }) => [u32(self), none]);
      const known = hash('DEAL-ID', v.termsDigest, ...unknown);
      return equal(
        p.seed,
        hedgedSeed(p.fresh1, 'DEAL-SEED', constant === undefined ? none : scalarBytes(constant), known),
      );
    }),
  'what a participant draws': (v) =>
    v.participants.every((p) => {
      const { constant, chainCode } = brought(v, p);
      const stream = new Stream(p.seed, 'DEAL-SECRET');
      if (stream.scalar() !== p.e || !equal(stream.read(32), p.salt)) return false;
      if (!v.contributors.includes(p.self)) return !p.f;
      const part = stream.read(32);
      const drawn = f(p).map(() => stream.scalar());
      const polynomial = [constant ?? at(drawn, 0), ...drawn.slice(1)];
      const context = deal.proofContext(v, p.self, p.E);
      const proof = prove(stream.scalar(), 'DEAL-POK', G, at(f(p), 0), ...context);
      const same = polynomial.every((a, m) => a === at(f(p), m)) && f(p).length === v.threshold;
      return same && equal(chainCode ?? part, p.chainCodePart ?? none) && equal(proof, p.proof ?? none);
    }),
  'E = e·G': (v) => v.participants.every((p) => p.E.equals(times(p.e, G))),
  'F = f·G': (v) => contributors(v).every((p) => f(p).every((a, m) => times(a, G).equals(at(F(p), m)))),
  'F(0) = λ·X in a reshare': (v) => {
    const old = oldOf(v);
    return !old || contributors(v).every((p) => at(F(p), 0).equals(deal.oldConstant(old, v.contributors, p.self)));
  },
  'π verifies for F(0)': (v) =>
    contributors(v).every((p) =>
      verifyProof('DEAL-POK', G, at(F(p), 0), p.proof ?? none, v.termsDigest, u32(p.self), pointBytes(p.E)),
    ),
  'the commitments': (v) =>
    v.participants.every((p) => equal(p.commitment, deal.commitment(p.self, p.E, openingOf(p)))),
  'the messages of round 1': (v) =>
    v.participants.every((p) =>
      equal(p.message1, wire.encode(wire.numbered(1, 'deal/1', p.self, p.commitment, pointBytes(p.E)))),
    ),
  'the deal id': (v) => {
    const said = v.participants.flatMap(({ self, message1 }) => [u32(self), message1]);
    return equal(v.dealId, hash('DEAL-ID', v.termsDigest, ...said));
  },
  'the messages of round 2': (v) =>
    v.participants.every((p) => {
      const { id, opening, boxes } = deal.decodeRound2(p.message2, p.self);
      const { salt, proof, chainCode } = opening;
      const fields = wire.numbered(salt, opening.F.map(pointBytes), proof, chainCode);
      const again = wire.encode(wire.numbered(1, 'deal/2', p.self, id, fields, boxes));
      const com = deal.commitment(p.self, p.E, opening);
      return equal(again, p.message2) && equal(id, v.dealId) && equal(com, p.commitment);
    }),
  'a box holds f_i(j), which is on F_i': (v) =>
    contributors(v).every((p) => {
      const { boxes, opening } = deal.decodeRound2(p.message2, p.self);
      const others = receivers(v).filter(({ self }) => self !== p.self);
      return others.every((other, k) => {
        const key = deal.boxKey(other.e, p.E, v.dealId, p.self, other.self);
        const share = deal.evaluate(f(p), other.self);
        const onF = times(share, G).equals(deal.evaluatePoints(opening.F, other.self));
        return onF && equal(deal.open(key, at(boxes, k)), scalarBytes(share));
      });
    }),
  'x_j = Σ f_i(j)': (v) =>
    receivers(v).every((p) => p.x === sum(contributors(v).map((from) => deal.evaluate(f(from), p.self)))),
  'X_j = Σ F_i(j)': (v) => receivers(v).every((p) => times(p.x ?? 0n, G).equals(total(v, p.self))),
  'Q = Σ F_i(0)': (v) => v.publicKey.equals(total(v, 0)),
  'any t shares make the key': (v) => {
    const all = receivers(v);
    const sets = [all.slice(0, v.threshold), all.slice(-v.threshold)];
    return sets.every((set) => {
      const indices = set.map(({ self }) => self);
      const lambdas = indices.map((i) => lagrange(indices, i));
      return times(
        inner(
          lambdas,
          set.map(({ x }) => x ?? 0n),
        ),
        G,
      ).equals(v.publicKey);
    });
  },
  'a reshare keeps key and chain code': (v) => {
    const old = oldOf(v);
    return !old || (old.Q.equals(v.publicKey) && equal(old.chainCode, v.chainCode));
  },
  'the chain code': (v) => {
    const parts = contributors(v).map(({ chainCodePart }) => chainCodePart ?? none);
    return equal(v.chainCode, v.kind === 'keygen' ? hash('DEAL-CC', ...parts) : at(parts, 0));
  },
  'the address': (v) => v.address === deal.address(v.publicKey),
  'the key id': (v) => equal(v.keyId, deal.keyId(keyOf(v))),
  'the key': (v) => equal(v.key, deal.encodeKey(keyOf(v))),
  'the shares': (v) =>
    receivers(v).every((p) => equal(p.share ?? none, deal.encodeShare(keyOf(v), p.self, p.x ?? 0n, seedsOf(v, p)))),
  'two parties have the same seed': (v) => {
    const seeds = receivers(v).flatMap(({ self, share }) => {
      const others = v.parties.filter((j) => j !== self);
      return deal
        .decodeKey(share ?? none, 'share')
        .seeds.map((seed, k) => `${[self, at(others, k)].sort()} ${toJson(seed)}`);
    });
    const pairs = (v.parties.length * (v.parties.length - 1)) / 2;
    return seeds.length === 2 * pairs && new Set(seeds).size === pairs;
  },
  'the transcript': (v) => {
    const parts = v.participants.flatMap(({ self }, k) => [u32(self), at(digests(v), k)]);
    return equal(v.transcript, hash('DEAL-TRANS', v.dealId, ...parts, v.keyId));
  },
  'the confirmations verify': (v) =>
    receivers(v).every((p) => {
      const { digests: theirs, proof } = deal.decodeRound3(p.message3 ?? none, p.self);
      const same =
        theirs.size === v.participants.length && [...seen(v)].every(([i, d]) => equal(d, theirs.get(i) ?? none));
      return same && verifyProof('DEAL-CONF', G, times(p.x ?? 0n, G), proof, v.transcript, u32(p.self));
    }),
  'the messages of round 3': (v) =>
    receivers(v).every((p) => {
      const seed = hedgedSeed(p.fresh3 ?? none, 'DEAL-CONF', scalarBytes(p.x ?? 0n), v.transcript);
      const nonce = new Stream(seed, 'DEAL-CONF').scalar();
      const proof = prove(nonce, 'DEAL-CONF', G, p.x ?? 0n, v.transcript, u32(p.self));
      return equal(p.message3 ?? none, wire.encode(wire.numbered(1, 'deal/3', p.self, seen(v), proof)));
    }),
  'the sessions of round 1': (v) =>
    v.participants.every((p) => equal(p.session1, wire.encode(wire.numbered(1, 'deal/session/1', dealer(v, p))))),
  'the sessions of round 2': (v) =>
    receivers(v).every((p) => {
      const others = v.participants.filter(({ self }) => self !== p.self);
      const peers = others.map(({ self, commitment, E }) => [self, wire.numbered(commitment, pointBytes(E))] as const);
      const fields = [1, 'deal/session/2', dealer(v, p), v.dealId, new Map(peers), hash('DEAL-MSG', p.message2)];
      return equal(p.session2 ?? none, wire.encode(wire.numbered(...fields)));
    }),
  'the sessions of round 3': (v) =>
    receivers(v).every((p) =>
      equal(p.session3 ?? none, wire.encode(wire.numbered(1, 'deal/session/3', v.dealId, seen(v), p.share))),
    ),
};
