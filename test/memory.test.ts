/**
 * After an export of the built module its linear memory holds no secret: not a share, a seed, a stream's key, a nonce, its inverse,
 * a choice bit, a pad, nor a product of them. The reference implementation, given the same random bytes, tells what they are.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { RandomGlue } from '../ts/core/glue.ts';
import { startModule } from '../ts/core/module.ts';
import { loadModule } from '../ts/core/node.ts';
import { derive, parsePath } from './reference/bip32.ts';
import * as correlation from './reference/correlation.ts';
import {
  at,
  concat,
  equal,
  G,
  inner,
  inverse,
  lagrange,
  mod,
  pointBytes,
  range,
  scalarBytes,
  split,
  times,
  toScalar,
  u32,
  utf8,
} from './reference/curve.ts';
import * as deal from './reference/deal.ts';
import * as dkls18 from './reference/dkls18.ts';
import * as dkls23 from './reference/dkls23.ts';
import * as onecall from './reference/onecall.ts';
import * as ot from './reference/ot.ts';
import { hedgedSeed, Stream } from './reference/transcript.ts';
import * as vole from './reference/vole.ts';
import * as wire from './reference/wire.ts';
import { Machine, Secrets, unswept } from './support/scan.ts';

const none = new Uint8Array();
const fresh = (what: string) => sha256(utf8(what));
const bytes = (result: Map<string, unknown>, name: string) => {
  const value = result.get(name);
  assert.ok(value instanceof Uint8Array, `no ${name} in ${[...result.entries()].join()}`);
  return value;
};

const same = (a: Uint8Array, b: Uint8Array | undefined) =>
  assert.ok(b && equal(a, b), 'not what the reference computes');

const secrets = new Secrets();
/** What was seen since it was last asked for: a secret is told with the call that left it behind. */
let seen: string[] = [];
const looker = (machine: string) => {
  const ever = new Set<string>();
  return (memory: Uint8Array, when: string) => {
    for (const { secret, at } of secrets.find(memory)) {
      if (!ever.has(secret)) seen.push(`${machine}, ${when}: ${secret} at ${at}`);
      ever.add(secret);
    }
  };
};
/** Of each party, the module as it is and the one whose heap is not swept. */
const machines = new Map<number, Machine[]>();
function clean() {
  const all = seen;
  seen = [];
  assert.equal(all.length, 0, `\n${all.slice(0, 40).join('\n')}\n${all.length} in all`);
}
const machine = (i: number) => ({
  call(name: string, argument: object, fresh?: Uint8Array) {
    const [as, other] = machines.get(i) ?? [];
    assert.ok(as && other);
    const before = as.memory.slice();
    const result = as.call(name, argument, fresh);
    nothingNew(name, before, as.memory);
    assert.deepEqual(other.call(name, argument, fresh), result);
    return result;
  },
});

/**
 * Of all that a call wrote there is nothing left but addresses and counters: in the last bytes of the stack those of its result, and
 * of the globals and of the list of buffers few words.
 */
function nothingNew(name: string, before: Uint8Array, after: Uint8Array) {
  const words = new BigUint64Array(after.buffer);
  const old = new BigUint64Array(before.buffer);
  const changed: number[] = [];
  for (const [k, word] of words.entries()) if (word !== 0n && word !== old[k]) changed.push(8 * k);
  const elsewhere = changed.filter((at) => at < STACK - 64 || at >= STACK);
  assert.ok(elsewhere.length <= 10, `${name} left something at ${elsewhere.join()}`);
  assert.ok(
    elsewhere.every((at) => at >= STACK),
    `${name} left something in the stack, at ${elsewhere.join()}`,
  );
}
/** The stack is below it: toolchain/target.json. */
const STACK = 64 * 1024;

before(async () => {
  for (const i of [1, 2, 3]) {
    const as = await Machine.start(looker(`party ${i}`));
    machines.set(i, [as, await Machine.start(looker(`party ${i}, heap not swept`), unswept())]);
  }
});

/** What a party of a deal knows alone. */
function dealSecrets(name: string, { seed, e, f }: { seed: Uint8Array; e: bigint; f: bigint[] }) {
  secrets.seed(`${name} seed`, seed, 'DEAL-SECRET');
  secrets.scalar(`${name} e`, e);
  for (const [k, a] of f.entries()) secrets.scalar(`${name} f[${k}]`, a);
  for (const j of [1, 2, 3]) if (f.length > 0) secrets.scalar(`${name} f(${j})`, deal.evaluate(f, j));
}

interface Share {
  x: bigint;
  seeds: Uint8Array[];
  encoded: Uint8Array;
  key: deal.Key;
}

/** A deal among three parties, of which the second joins, by the module and by the reference. */
function deals(terms: deal.Terms, given: Map<number, object>, brought: Map<number, bigint>, old?: deal.Key): Share[] {
  const { kind, parties, threshold, contributors, epoch } = terms;
  const argument = (self: number) => ({ kind, threshold, parties, contributors, self, epoch, ...given.get(self) });
  const freshOf = (i: number, round: number) => fresh(`${kind} ${i} ${round}`);
  const first = (i: number, known: Uint8Array[]) => {
    const constant = brought.get(i);
    const constantBytes = constant === undefined ? none : scalarBytes(constant);
    const seed = hedgedSeed(freshOf(i, 1), 'DEAL-SEED', constantBytes, deal.dealId(terms, known));
    const drawn = deal.draw(terms, i, seed, constant, old?.chainCode);
    const com = deal.commitment(i, drawn.E, drawn.opening);
    const party = deal.dealer(terms, { self: i, fresh1: none, constant }, seed, old);
    const message = wire.encode(wire.numbered(1, 'deal/1', i, com, pointBytes(drawn.E)));
    dealSecrets(`${kind} ${i}`, { ...drawn, seed });
    return { ...drawn, seed, com, party, session: none, message };
  };
  const messages = (all: Map<number, Uint8Array>, self: number) => new Map([...all].filter(([i]) => i !== self));
  const [one, three] = [first(1, [none, none, none]), first(3, [none, none, none])];
  const two = first(2, [one.message, none, three.message]);
  const own = [one, two, three];
  const messages1 = own.map(({ message }) => message);
  const id = deal.dealId(terms, messages1);
  for (const i of [1, 2, 3]) {
    for (const j of [1, 2, 3].filter((j) => j !== i)) {
      const { E } = at(own, j - 1);
      const { e } = at(own, i - 1);
      const key = (label: string, ...pair: number[]) => {
        const ikm = pointBytes(times(e, E));
        const okm = hkdf(sha256, ikm, id, concat(utf8(label), ...pair.map(u32)), 32);
        secrets.hkdf(`${label} ${pair}`, ikm, id, okm);
      };
      secrets.point(`DH of ${i} and ${j}`, times(e, E));
      key('TANDEM-V1-DEAL-BOX', i, j);
      key('TANDEM-V1-DEAL-ZERO', Math.min(i, j), Math.max(i, j));
    }
  }
  const messages2 = own.map((party, k) => deal.round2(terms, k + 1, party, messages1).message);
  const third = own.map((party, k) => {
    const self = k + 1;
    const done = deal.round3(terms, { self, fresh1: none, fresh3: freshOf(self, 3) }, party, messages1, messages2, old);
    secrets.scalar(`${kind} x_${self}`, done.x);
    const seed = hedgedSeed(freshOf(self, 3), 'DEAL-CONF', scalarBytes(done.x), done.confirmed);
    secrets.seed(`${kind} confirmation of ${self}`, seed, 'DEAL-CONF');
    secrets.scalar(`${kind} nonce of the confirmation of ${self}`, new Stream(seed, 'DEAL-CONF').scalar());
    return done;
  });

  const sent1 = new Map(messages1.map((message, k) => [k + 1, message]));
  const sent2 = new Map(messages2.map((message, k) => [k + 1, message]));
  const sessions = new Map<number, Uint8Array>();
  for (const i of [1, 3]) {
    const done = machine(i).call('deal_round1', argument(i), freshOf(i, 1));
    same(bytes(done, 'message'), sent1.get(i));
    const next = machine(i).call('deal_round2', { session: bytes(done, 'session'), messages: messages(sent1, i) });
    same(bytes(next, 'message'), sent2.get(i));
    sessions.set(i, bytes(next, 'session'));
  }
  const joined = machine(2).call('deal_join', { ...argument(2), messages: messages(sent1, 2) }, freshOf(2, 1));
  same(bytes(joined, 'message1'), sent1.get(2));
  same(bytes(joined, 'message2'), sent2.get(2));
  sessions.set(2, bytes(joined, 'session'));

  const sent3 = new Map(third.map(({ message }, k) => [k + 1, message]));
  for (const i of [1, 2, 3]) {
    const done = machine(i).call(
      'deal_round3',
      { session: sessions.get(i), messages: messages(sent2, i) },
      freshOf(i, 3),
    );
    same(bytes(done, 'message'), sent3.get(i));
    sessions.set(i, bytes(done, 'session'));
  }
  return third.map(({ x, key, share }, k) => {
    const argument = { session: sessions.get(k + 1), messages: messages(sent3, k + 1) };
    const encoded = bytes(machine(k + 1).call('deal_finish', argument), 'share');
    assert.deepEqual(encoded, share);
    return { x, key, encoded, seeds: deal.decodeKey(encoded, 'share').seeds };
  });
}

let shares: Share[];
const parties = [1, 2, 3];
const share = (i: number) => at(shares, i - 1);

/** What the receiver of a batch of OTs knows alone. */
function receiverSecrets(name: string, receiver: ReturnType<typeof vole.receive>) {
  secrets.bytes(`${name} choices`, receiver.packed);
  for (const [v, beta] of receiver.betas.entries()) secrets.inverted(`${name} β_${v}`, beta);
  for (const [i, x] of receiver.x.entries()) {
    secrets.scalar(`${name} x_${i}`, x);
    for (const half of split(at(receiver.others, i), 48)) secrets.bytes(`${name} uniform bytes of r_${i}`, half);
  }
}

/** What the sender knows alone, and what it has in common with the receiver. */
function senderSecrets(
  name: string,
  layout: vole.Layout,
  sid: Uint8Array,
  inputs: bigint[][],
  { T, y, B, shared, rvoles }: ReturnType<typeof vole.send>,
) {
  secrets.scalar(`${name} y`, y);
  const key = ot.kdf(sid, T, B);
  const sizes = layout.blocks.flatMap(({ size, rvoles }) =>
    range(size).map(() => rvoles.reduce((n, v) => n + 48 * (at(layout.widths, v) + 1), 0)),
  );
  for (const [i, points] of shared.entries()) {
    for (const [b, point] of points.entries()) {
      secrets.point(`${name} y·P of ${i}, ${b}`, point);
      for (const [k, part] of split(key(i, b, point, at(sizes, i)), 48).entries())
        secrets.uniform(`${name} pad of ${i}, ${b}: ${k}`, part);
    }
  }
  for (const [v, { hat, rows, theta, output }] of rvoles.entries()) {
    secrets.scalar(`${name} â_${v}`, hat);
    for (const [k, a] of at(inputs, v).entries()) secrets.scalar(`${name} a_${v}[${k}]`, a);
    for (const [k, c] of output.entries()) secrets.scalar(`${name} c_${v}[${k}]`, c);
    for (const [j, row] of rows.entries()) {
      for (const c of row) secrets.bytes(`${name} row ${j} of c_${v}`, scalarBytes(c).reverse());
      secrets.bytes(
        `${name} check of row ${j} of ${v}`,
        scalarBytes(mod(at(row, -1) + inner(theta, row.slice(0, -1)))),
      );
    }
  }
}

describe('audit 7: the memory of the module', () => {
  test('audit 7: after a keygen there is no secret in memory', () => {
    const keygen: deal.Terms = { kind: 'keygen', threshold: 2, parties, contributors: parties, epoch: 0 };
    shares = deals(keygen, new Map(), new Map());
    clean();
  });

  test('audit 7: after a reshare there is no secret in memory', () => {
    const { key } = share(1);
    const terms = { kind: 'reshare', threshold: 2, parties, contributors: [1, 2], epoch: 1, oldKeyId: key.id };
    const old = bytes(machine(1).call('share_key', { share: share(1).encoded }), 'key');
    const given = new Map<number, object>([
      [1, { share: share(1).encoded }],
      [2, { share: share(2).encoded }],
      [3, { old }],
    ]);
    const brought = new Map([1, 2].map((i) => [i, mod(lagrange([1, 2], i) * share(i).x)]));
    for (const [i, constant] of brought) secrets.scalar(`λ x of ${i}`, constant);
    shares = deals(terms, given, brought, key);
    clean();
  });

  test('audit 7: after an import there is no secret in memory', () => {
    const secret = toScalar(fresh('imported key'));
    secrets.scalar('imported key', secret);
    const terms = { kind: 'import', threshold: 2, parties, contributors: [1], epoch: 0 };
    deals(terms, new Map([[1, { secret: scalarBytes(secret) }]]), new Map([[1, secret]]));
    clean();
  });

  test('audit 7: after a signature by dkls18 there is no secret in memory', () => {
    const [user, action, digest, path] = [1, 2, fresh('digest'), 'm/0/5'];
    const { key } = share(1);
    const known = { keyId: key.id, chainCode: key.chainCode, publicKey: key.Q, user, action };
    const asked = dkls18.request({ ...known, x: share(user).x }, fresh('user'));
    secrets.seed('seed of the user', asked.seed, 'DKLS18-USER');
    secrets.scalar('t_U', asked.tUser);
    receiverSecrets('user', asked.receiver);
    const request = machine(user).call('dkls18_request', { share: share(user).encoded, peer: action }, fresh('user'));
    same(bytes(request, 'request'), asked.message);

    const answered = dkls18.respond({ ...known, x: share(action).x }, digest, path, asked.message, fresh('action'));
    secrets.seed('seed of the action', answered.seed, 'DKLS18-ACT');
    secrets.scalar('t_A', answered.tAction);
    secrets.scalar("k'", answered.kPrime);
    secrets.inverted('k_A', answered.kAction);
    secrets.scalar('nonce of π', answered.proofNonce);
    secrets.scalar('φ', answered.phi);
    secrets.scalar('φ k_A + 1', mod(answered.phi * answered.kAction + 1n));
    secrets.scalar('δ/k_A', mod(asked.delta * inverse(answered.kAction)));
    secrets.scalar('t1', answered.t1);
    secrets.scalar('t2', answered.t2);
    secrets.point('Γ1', answered.gamma1);
    secrets.point('Γ2', answered.gamma2);
    secrets.scalar('H1(Γ1)', dkls18.H1(answered.ssid, answered.gamma1));
    secrets.scalar('H2(Γ2)', dkls18.H2(answered.ssid, answered.gamma2));
    senderSecrets('action', dkls18.layout, asked.sid, answered.inputs, answered.sender);
    const response = machine(action).call(
      'dkls18_respond',
      { share: share(action).encoded, peer: user, digest, path, request: asked.message },
      fresh('action'),
    );
    same(bytes(response, 'response'), answered.message);

    const finished = dkls18.finish(known, asked, digest, path, answered.message);
    for (const [k, d] of finished.d.flat().entries()) secrets.scalar(`d[${k}]`, d);
    for (const { rows } of finished.rvoles)
      for (const d of rows.flat()) secrets.bytes('row of d', scalarBytes(d).reverse());
    secrets.scalar('u2', finished.u2);
    secrets.scalar('θ', finished.theta);
    const session = bytes(request, 'session');
    const argument = { share: share(user).encoded, session, digest, path, response: answered.message };
    const done = machine(user).call('dkls18_finish', argument);
    same(bytes(done, 's'), scalarBytes(finished.s));
    clean();
  });

  test('audit 7: after a set-up and signatures by onecall there is no secret in memory', () => {
    const [user, action, path] = [1, 2, 'm/0/7'];
    const { key, x } = share(user);
    const { x: xAction } = share(action);
    const { epoch, chainCode } = key;
    const pair: correlation.Pair = { keyId: key.id, chainCode, publicKey: key.Q, epoch, user, action };
    const hedge = share(user).encoded;

    const asked = correlation.request(hedge, action, fresh('set-up'));
    secrets.seed('seed of a set-up', asked.stream, 'CORR-USER');
    secrets.bytes('choices of a set-up', asked.choices);
    secrets.bytes('digits', Uint8Array.from(asked.digits));
    for (const [i, x] of asked.receiver.x.entries()) {
      secrets.scalar(`x_${i} of a set-up`, x);
      for (const half of split(at(asked.receiver.others, i), 48)) secrets.bytes(`uniform bytes of r_${i}`, half);
    }
    const begun = machine(user).call('correlate_request', { hedge, peer: action }, fresh('set-up'));
    same(bytes(begun, 'request'), asked.M);

    const answered = correlation.respond(pair, xAction, asked.M, fresh('answer of a set-up'));
    const forest = correlation.forest(xAction, answered.id);
    secrets.bytes('K', answered.K);
    secrets.scalar('y of a set-up', answered.y);
    secrets.seed('seed of the answer', answered.stream, 'CORR-ACT');
    secrets.scalar('nonce of the answer', answered.proofNonce);
    for (const [c, depths] of forest.trees.entries())
      for (const [depth, nodes] of depths.entries())
        for (const [i, node] of nodes.entries()) secrets.bytes(`node ${i} at depth ${depth} of tree ${c}`, node);
    for (const [c, checks] of forest.checks.entries())
      for (const [i, check] of checks.entries()) secrets.bytes(`check value ${i} of tree ${c}`, check);
    secrets.bytes('key of the MACs', answered.macKey);
    const answer = machine(action).call(
      'correlate_respond',
      { share: share(action).encoded, peer: user, request: asked.M },
      fresh('answer of a set-up'),
    );
    same(bytes(answer, 'answer'), answered.message);

    const kept = correlation.accept(pair, x, times(xAction, G), asked, answered.message);
    secrets.scalar('β', kept.beta);
    secrets.scalar('t_U of a correlation', kept.tUser);
    const accepting = { share: share(user).encoded, session: bytes(begun, 'session'), answer: answered.message };
    same(bytes(machine(user).call('correlate_accept', accepting), 'correlation'), kept.encoded);

    const digests = [fresh('first of two'), fresh('second of two')];
    const requested = onecall.request(pair, x, kept, digests, path, fresh('request'));
    secrets.seed('seed of a request', requested.stream, 'ONE-USER');
    for (const [i, { k, proofNonce }] of requested.items.entries()) {
      secrets.inverted(`k_${i}`, k);
      secrets.scalar(`nonce of the proof of k_${i}`, proofNonce);
    }
    const request = machine(user).call(
      'onecall_request',
      { share: share(user).encoded, correlation: kept.encoded, peer: action, digests, path },
      fresh('request'),
    );
    same(bytes(request, 'request'), requested.message);

    const inputs = fresh('inputs');
    const X = times(x, G);
    const response = onecall.respond(pair, xAction, X, digests, path, requested.message, inputs, fresh('response'));
    const { vole: sums } = response;
    secrets.seed('seed of a response', response.stream, 'ONE-ACT');
    secrets.scalar('t_A of a response', response.tAction);
    secrets.scalar('â of a response', response.aHat);
    for (const [i, nonce] of response.nonces.entries()) {
      secrets.scalar(`k'_${i}`, nonce.kPrime);
      secrets.inverted(`k_A,${i}`, nonce.kAction);
      secrets.scalar(`nonce of π_${i}`, nonce.proofNonce);
      secrets.scalar(`a_${i}`, nonce.a);
    }
    for (const pad of sums.padded.flat(2)) secrets.bytes('pad of a leaf', scalarBytes(pad));
    for (const v of sums.v.flat()) secrets.scalar('v', v);
    for (const V of sums.V) secrets.scalar('V', V);
    for (const { w, gamma } of response.items) {
      secrets.scalar('w', w);
      secrets.point('Γ of a response', gamma);
    }
    const responding = { share: share(action).encoded, peer: user, digests, path, request: requested.message, inputs };
    same(bytes(machine(action).call('onecall_respond', responding, fresh('response')), 'response'), response.message);

    const finished = onecall.finish(pair, kept, requested, digests, response.message);
    for (const e of finished.e.flat()) secrets.scalar('e', e);
    for (const E of finished.E) secrets.scalar('E', E);
    const checking = { session: bytes(request, 'session'), response: response.message };
    machine(user).call('onecall_check', checking);
    const done = machine(user).call('onecall_finish', { correlation: kept.encoded, ...checking });
    const signatures = done.get('signatures') as Map<string, unknown>[];
    for (const [i, { s }] of finished.signatures.entries()) same(bytes(at(signatures, i), 's'), scalarBytes(s));
    clean();
  });

  test('audit 7: after a signature by dkls23 there is no secret in memory', () => {
    const [digest, path] = [fresh('digest of dkls23'), 'm/7'];
    const { key } = share(1);
    const signing: dkls23.Signing = { keyId: key.id, signers: [1, 2], indices: parsePath(path), digest };
    const { tweak } = derive(key.Q, key.chainCode, signing.indices);
    const parameters = (i: number) => ({ share: share(i).encoded, signers: signing.signers, digest, path });
    const decode = (message: Uint8Array, j: number) => {
      const fields = wire.decode(message, 'dkls23/1');
      const of = (key: number) => wire.bytes(wire.map(fields.get(key)), j);
      return { com: wire.bytes(fields, 5), T: of(6), message: of(7), encoded: message };
    };
    const drawn = (i: number, known: Uint8Array, com: Uint8Array) => {
      const own = dkls23.draw(signing, i, share(i).x, fresh(`signer ${i}`), known, com);
      secrets.seed(`seed of ${i}`, own.seed, 'DKLS23-SELF');
      secrets.seed(`seed of the receiver of ${i}`, own.receiverSeed, 'DKLS23-RECV');
      secrets.scalar(`r_${i}`, own.r);
      secrets.scalar(`φ_${i}`, own.phi);
      secrets.bytes(`salt_${i}`, own.salt);
      secrets.point(`R_${i}`, times(own.r, G));
      receiverSecrets(`receiver of ${i}`, own.receiver);
      return own;
    };
    // The commitment is in the message, so a first call tells it; what is looked at is that of the second.
    const ask = () => machine(1).call('dkls23_round1', parameters(1), fresh('signer 1'));
    const one = decode(bytes(ask(), 'message'), 2);
    const draws1 = drawn(1, none, one.com);
    const first = ask();
    same(one.message, draws1.receiver.message);
    const join = () =>
      machine(2).call('dkls23_join', { ...parameters(2), messages: new Map([[1, one.encoded]]) }, fresh('signer 2'));
    const two = decode(bytes(join(), 'message1'), 1);
    const draws2 = drawn(2, one.encoded, two.com);
    same(two.message, draws2.receiver.message);

    const sid = dkls23.sessionId(signing, [one.com, two.com], [one.T, two.T]);
    const sent = [draws1, draws2].map((own, k) => {
      const [i, j] = [k + 1, 2 - k];
      const seed = at(share(i).seeds, 0); // in common with the other signer
      secrets.bytes(`seed of zeros`, seed);
      const all = dkls23.common(signing, i, share(i).x, tweak, seed, sid);
      secrets.uniform('zeros', all.zero);
      secrets.scalar('zero', mod(all.sk - all.share));
      secrets.scalar(`λ x of ${i}`, all.share);
      secrets.scalar(`sk_${i}`, all.sk);
      secrets.bytes(`key of the box of ${i}`, all.box);
      secrets.point(`pk_${i}`, times(all.sk, G));
      const input = [own.r, all.sk];
      const { senderSeed, sender } = dkls23.multiply(signing, i, own.seed, sid, input, i === 1 ? two : one);
      secrets.seed(`seed of the sender of ${i}`, senderSeed, 'DKLS23-SEND');
      const id = dkls23.otId(dkls23.termsOf(signing), j, i, (i === 1 ? two : one).com);
      senderSecrets(`sender of ${i}`, dkls23.layout, id, [input], sender);
      const rvole = at(sender.rvoles, 0);
      for (const part of split(rvole.tau, 32)) secrets.bytes(`τ in the box of ${i}`, part);
      secrets.scalar(`η in the box of ${i}`, rvole.eta);
      secrets.bytes(`μ in the box of ${i}`, rvole.mu);
      secrets.scalar(`ψ in the box of ${i}`, mod(own.phi - at(own.receiver.betas, 0)));
      for (const c of rvole.output) secrets.point(`Γ in the box of ${i}`, times(c, G));
      return { sender, rvole };
    });
    for (const [k, { receiver }] of [draws1, draws2].entries()) {
      const { B, rvoles } = at(sent, 1 - k).sender;
      const [d] = vole.finish(dkls23.layout, receiver, sid, B, rvoles);
      for (const x of d?.output ?? []) secrets.scalar(`d of ${k + 1}`, x);
      for (const x of d?.rows.flat() ?? []) secrets.bytes(`row of d of ${k + 1}`, scalarBytes(x).reverse());
    }

    const joined = join();
    const next = machine(1).call('dkls23_round2', {
      share: share(1).encoded,
      session: bytes(first, 'session'),
      messages: new Map([[2, two.encoded]]),
    });
    const [second1, second2] = [bytes(next, 'message'), bytes(joined, 'message2')];
    const third = (i: number, session: Uint8Array, messages: Map<number, Uint8Array>) =>
      machine(i).call('dkls23_round3', { share: share(i).encoded, session, messages });
    const last1 = third(1, bytes(next, 'session'), new Map([[2, second2]]));
    const last2 = third(2, bytes(joined, 'session'), new Map([[1, second1]]));
    const signature = machine(1).call('dkls23_finish', {
      share: share(1).encoded,
      session: bytes(last1, 'session'),
      messages: new Map([[2, bytes(last2, 'message')]]),
    });
    assert.equal(bytes(signature, 's').length, 32);
    machine(1).call('dkls23_for', { party: 1, message: second2 });
    clean();
  });

  test('audit 7: after all else that takes a share or a key there is no secret in memory', () => {
    const digest = fresh('what is authorised');
    const { key, x, encoded } = share(1);
    const seed = hedgedSeed(fresh('authorize'), 'DEAL-AUTH', scalarBytes(x), digest);
    secrets.seed('seed of an authorization', seed, 'DEAL-AUTH');
    secrets.scalar('nonce of an authorization', new Stream(seed, 'DEAL-AUTH').scalar());
    const signature = bytes(machine(1).call('authorize', { share: encoded, digest }, fresh('authorize')), 'signature');
    machine(2).call('check_authorized', { share: share(2).encoded, by: 1, digest, signature });
    machine(1).call('share_info', { share: encoded });
    machine(1).call('share_key', { share: encoded });
    clean();

    const whole = mod(lagrange([1, 2], 1) * x + lagrange([1, 2], 2) * share(2).x);
    secrets.scalar('the whole key', whole);
    same(bytes(machine(1).call('combine', { shares: [encoded, share(2).encoded] }), 'key'), scalarBytes(whole));
    clean();

    const secretKey = toScalar(fresh('key of an action'));
    const P = times(secretKey, G);
    const context = utf8('context');
    const sealing = hedgedSeed(fresh('seal'), 'ECIES-EPH', encoded, concat(pointBytes(P), context));
    const e = new Stream(sealing, 'ECIES-EPH').scalar();
    const salt = concat(pointBytes(times(e, G)), pointBytes(P));
    const common = pointBytes(times(e, P));
    secrets.scalar('key of an action', secretKey);
    secrets.seed('seed of a sealing', sealing, 'ECIES-EPH');
    secrets.scalar('e of a sealing', e);
    secrets.point('common point of a sealing', times(e, P));
    secrets.hkdf('key of a sealing', common, salt, hkdf(sha256, common, salt, utf8('TANDEM-V1-ECIES'), 32));
    const plain = { publicKey: pointBytes(P), context, plaintext: encoded };
    const sealed = bytes(machine(1).call('seal_to', plain, fresh('seal')), 'sealed');
    same(sealed.subarray(0, 33), pointBytes(times(e, G)));
    const opened = machine(2).call('open_sealed', { secretKey: scalarBytes(secretKey), context, sealed });
    same(bytes(opened, 'plaintext'), encoded);
    assert.equal(
      bytes(
        machine(2).call('derive', { publicKey: pointBytes(key.Q), chainCode: key.chainCode, path: 'm/1' }),
        'address',
      ).length,
      20,
    );
    clean();
  });

  test('audit 7: after a call that fails in the middle there is nothing in memory', async () => {
    let memory: WebAssembly.Memory | undefined;
    class Failing extends RandomGlue {
      constructor() {
        super();
        const wasi = this.importObject.wasi_snapshot_preview1;
        const real = wasi.random_get;
        wasi.random_get = (pointer: number, n: number) => {
          if (n !== 32) return real(pointer, n);
          assert.ok(memory);
          assert.ok(secrets.find(new Uint8Array(memory.buffer)).length > 0, 'there is no secret yet');
          throw new Error('no randomness');
        };
      }
      override run(instance: WebAssembly.Instance) {
        memory = instance.exports.memory as WebAssembly.Memory;
        return super.run(instance);
      }
    }
    const call = await startModule(await loadModule('tandem'), Failing);
    assert.throws(() => call('dkls18_request', { share: share(1).encoded, peer: 2 }), { code: 'internal' });
    assert.ok(memory);
    assert.ok(new Uint8Array(memory.buffer).every((byte) => byte === 0));
  });
});
