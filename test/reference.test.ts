/**
 * The second implementation in reference/ against the vectors that the Go tests write: each recomputes the other's bytes.
 * Then every equation of the protocols on the values that the vectors record, and every recorded value changed: some
 * equation must notice.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { expand_message_xmd } from '@noble/curves/abstract/hash-to-curve.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { hexToBytes } from '@noble/hashes/utils.js';
import { getAddress, recoverAddress } from 'viem';
import { publicKeyToAddress } from 'viem/accounts';
import { at, concat, G, mod, pointBytes, q, scalarBytes, toPoint, u32, utf8 } from './reference/curve.ts';
import * as deal from './reference/deal-trace.ts';
import { finish, layout } from './reference/dkls18.ts';
import * as dkls18 from './reference/dkls18-trace.ts';
import * as onecallSteps from './reference/onecall.ts';
import * as onecall from './reference/onecall-trace.ts';
import { fromJson, mutations, toJson, track } from './reference/record.ts';
import { expand } from './reference/transcript.ts';
import { choicesOf } from './reference/vole.ts';
import * as wire from './reference/wire.ts';
import dealVectors from './vectors/deal.json' with { type: 'json' };
import dkls18Vectors from './vectors/dkls18.json' with { type: 'json' };
import onecallVectors from './vectors/onecall.json' with { type: 'json' };

type Equations<T> = Record<string, (values: T) => boolean>;

/** The names of the equations that do not hold. */
const broken = <T>(equations: Equations<T>, values: T): string[] =>
  Object.keys(equations).filter((name) => !equations[name]?.(values));

/**
 * Fails if a change of a recorded value (but the name) goes unnoticed by all equations that read it. Returns the equations
 * that no change has made false; one that throws, as what it reads does not parse, has noticed but is not false.
 */
function changeEverything<T>(equations: Equations<T>, json: unknown, values: T): string[] {
  const readers = new Map<string, string[]>();
  for (const [name, holds] of Object.entries(equations)) {
    const read = new Set<string>();
    assert.ok(holds(track(values, (where) => read.add(where))), name);
    for (const where of read) readers.set(where, [...(readers.get(where) ?? []), name]);
  }
  const unbroken = new Set(Object.keys(equations));
  for (const { where, json: changed } of mutations(json)) {
    if (where === '.name') continue;
    const others = fromJson(changed, values);
    const notices = (name: string) => {
      try {
        if (equations[name]?.(others)) return false;
        unbroken.delete(name);
      } catch {}
      return true;
    };
    // Those that are not known to break yet are all tried, of the rest only as many as it takes.
    const names = readers.get(where) ?? [];
    const first = names.filter((name) => unbroken.has(name));
    const noticed = first.filter(notices).length > 0 || names.some(notices);
    assert.ok(noticed, `no equation notices a change of ${where}`);
  }
  return [...unbroken];
}

test('expand_message_xmd is that of noble', () => {
  // Of 255 blocks, the most that there may be, noble 2.0.1 computes none: it needs a further one.
  for (const n of [1, 32, 33, 48, 96, 240, 8128]) {
    const message = concat(u32(3), utf8('abc'), u32(0), u32(1), utf8('d'));
    const want = expand_message_xmd(message, utf8('TANDEM-V1-LABEL'), n, sha256);
    assert.deepEqual(expand('LABEL', n, utf8('abc'), utf8(''), utf8('d')), want);
  }
});

const runs = dkls18Vectors.map((vector) => dkls18.run(fromJson(vector, dkls18.given)));

for (const [k, vector] of dkls18Vectors.entries()) {
  describe(`dkls18, ${vector.name}`, () => {
    const given = fromJson(vector, dkls18.given);
    const done = at(runs, k);
    const values = fromJson(vector, dkls18.trace(given, done));

    test(`dkls18, ${vector.name}: request, response and signature are recomputed byte for byte`, () => {
      assert.deepEqual(toJson(dkls18.trace(given, done)), vector);
    });

    test(`dkls18, ${vector.name}: every equation holds`, () => {
      assert.deepEqual(broken(dkls18.equations, values), []);
    });

    test(`dkls18, ${vector.name}: c_j + d_j = b_j·(a, â) in every transfer`, () => {
      const { asked, answered, finished } = done;
      for (const [v, { rows: c, hat }] of answered.sender.rvoles.entries()) {
        const alpha = [...at(answered.inputs, v), hat];
        const bits = choicesOf(layout, v, asked.receiver.choices);
        const { rows: d } = at(finished.rvoles, v);
        const sums = c.map((row, j) => row.map((x, i) => mod(x + at(at(d, j), i))));
        assert.deepEqual(
          sums,
          bits.map((b) => alpha.map((x) => mod(BigInt(b) * x))),
        );
      }
    });

    test(`dkls18, ${vector.name}: noble and viem verify the signature and recover the address`, async () => {
      const { r, s, yParity, digest, childPublicKey } = vector;
      const publicKey = hexToBytes(childPublicKey);
      const signature = hexToBytes(r + s);
      const strict = { prehash: false, lowS: true };
      assert.ok(secp256k1.verify(signature, hexToBytes(digest), publicKey, strict));
      const high = concat(hexToBytes(r), scalarBytes(q - values.s));
      assert.ok(!secp256k1.verify(high, hexToBytes(digest), publicKey, strict));

      const address = getAddress(`0x${vector.address}`);
      const uncompressed = toPoint(publicKey).toHex(false);
      assert.equal(publicKeyToAddress(`0x${uncompressed}`), address);
      const parts = { r: `0x${r}`, s: `0x${s}`, yParity } as const;
      assert.equal(await recoverAddress({ hash: `0x${digest}`, signature: parts }), address);
      const flipped = { ...parts, yParity: 1 - yParity };
      assert.notEqual(await recoverAddress({ hash: `0x${digest}`, signature: flipped }), address);
    });
  });
}

describe('dkls18, changed', () => {
  // The one with a path, so that no value is empty.
  const vector = at(dkls18Vectors, 1);
  const given = fromJson(vector, dkls18.given);
  const { key, asked, answered, finished } = at(runs, 1);

  test('dkls18, changed: a change of any recorded value breaks an equation, and each equation breaks', () => {
    const values = fromJson(vector, dkls18.trace(given, at(runs, 1)));
    assert.deepEqual(changeEverything(dkls18.equations, vector, values), []);
  });

  test('dkls18, changed: finish notices a change of anything in the response', () => {
    const end = (response: Uint8Array) => finish(key, asked, given.digest, given.path, response);
    assert.equal(end(answered.message).s, finished.s);
    const changed = (change: (fields: Map<number, unknown>) => void) => {
      const fields = wire.decode(answered.message, 'dkls18/response');
      change(fields);
      return wire.encode(fields);
    };
    const flip = (bytes: Uint8Array, k = bytes.length - 1) => bytes.map((byte, i) => (i === k ? byte ^ 1 : byte));
    const flipped = (key: number) => (fields: Map<number, unknown>) => {
      fields.set(key, flip(wire.bytes(fields, key)));
    };
    const other = (key: number) => (fields: Map<number, unknown>) => {
      fields.set(key, pointBytes(toPoint(wire.bytes(fields, key)).add(G)));
    };
    const rvole = (v: number, key: number, k?: number) => (fields: Map<number, unknown>) => {
      const message = wire.map(at(wire.list(fields, 9), v));
      message.set(key, flip(wire.bytes(message, key), k));
    };
    const cases: [string, (fields: Map<number, unknown>) => void, RegExp][] = [
      ['sid', flipped(3), /stale/],
      ['digest', flipped(4), /stale/],
      ['path', (fields) => fields.set(5, [0, 6]), /stale/],
      ["R'", other(6), /check: proof/],
      ['challenge', (fields) => fields.set(7, flip(wire.bytes(fields, 7), 31)), /check: proof/],
      ['response', flipped(7), /check: proof/],
      ['B', other(8), /check: RVOLE 0/],
      ['first τ of RVOLE 0', rvole(0, 1, 31), /check: RVOLE 0/],
      ['last τ of RVOLE 0', rvole(0, 1), /check: RVOLE 0/],
      ['last τ of RVOLE 1', rvole(1, 1), /check: RVOLE 1/],
      ['η of RVOLE 0', rvole(0, 2), /check: RVOLE 0/],
      ['η of RVOLE 1', rvole(1, 2), /check: RVOLE 1/],
      ['μ of RVOLE 0', rvole(0, 3), /check: RVOLE 0/],
      ['μ of RVOLE 1', rvole(1, 3), /check: RVOLE 1/],
      ['η_φ', flipped(10), /check: signature/],
      ['η_σ', flipped(11), /check: signature/],
    ];
    for (const [name, change, error] of cases) assert.throws(() => end(changed(change)), error, name);
  });
});

for (const vector of dealVectors) {
  describe(`deal, ${vector.name}`, () => {
    const given = fromJson(vector, deal.given);
    const run = deal.run(given);

    test(`deal, ${vector.name}: all messages, sessions and shares are recomputed byte for byte`, () => {
      assert.deepEqual(toJson(run), vector);
    });

    test(`deal, ${vector.name}: every equation holds`, () => {
      assert.deepEqual(broken(deal.equations, fromJson<deal.Trace>(vector, run)), []);
    });
  });
}

describe('deal, changed', () => {
  test('deal, changed: a change of any recorded value breaks an equation, and each equation breaks', () => {
    const unbroken = dealVectors.map((vector) => {
      const given = fromJson(vector, deal.given);
      return changeEverything<deal.Trace>(deal.equations, vector, fromJson(vector, deal.run(given)));
    });
    assert.deepEqual(
      unbroken.reduce((a, b) => a.filter((name) => b.includes(name))),
      [],
    );
  });

  test('deal, changed: a deal fails if a message is changed on its way', () => {
    const given = fromJson(at(dealVectors, 0), deal.given);
    const changes = [0, 0.2, 0.4, 0.6, 0.8, 1].map((place) => (bytes: Uint8Array) => {
      const changed = Math.round(place * (bytes.length - 1));
      return bytes.map((byte, k) => (k === changed ? byte ^ 1 : byte));
    });
    for (const round of [1, 2, 3]) {
      for (const [n, change] of changes.entries()) {
        const relay: deal.Relay = (message, r, from) => (r === round && from === 2 ? change(message) : message);
        assert.throws(() => deal.run(given, relay), `change ${n} of round ${round}`);
      }
    }
  });
});

for (const vector of onecallVectors) {
  test(`onecall, ${vector.name}: set-up, requests, responses and signatures are recomputed byte for byte`, async () => {
    assert.deepEqual(onecall.trace(vector), vector);
    for (const { digests, r, s, yParity, address } of vector.signatures) {
      for (const [i, digest] of digests.entries()) {
        const signature = { r: `0x${at(r, i)}`, s: `0x${at(s, i)}`, yParity: at(yParity, i) } as const;
        assert.equal(await recoverAddress({ hash: `0x${digest}`, signature }), getAddress(`0x${address}`));
      }
    }
  });
}

describe('onecall, changed', () => {
  const vector = at(onecallVectors, 0);
  const call = at(vector.signatures, 0);
  const flip = (bytes: Uint8Array, k = bytes.length - 1) => bytes.map((byte, i) => (i === k ? byte ^ 1 : byte));

  test('onecall, changed: finish notices a change of anything in the response', () => {
    const done = onecall.setUp(vector);
    const { digests, asked, answered } = onecall.sign(done, call);
    const end = (response: Uint8Array) => onecallSteps.finish(done.pair, done.kept, asked, digests, response);
    const changed = (change: (fields: Map<number, unknown>) => void) => {
      const fields = wire.decode(answered.message, 'onecall/response');
      change(fields);
      return wire.encode(fields);
    };
    assert.equal(end(answered.message).signatures.length, 1);
    for (const key of [3, 5, 6, 7, 9]) {
      const response = changed((fields) => fields.set(key, flip(wire.bytes(fields, key))));
      assert.throws(() => end(response), key === 3 ? /stale: sid/ : /stale: mac/, `key ${key}`);
    }
    for (const key of [1, 2, 3]) {
      const response = changed((fields) => {
        const item = wire.map(at(wire.list(fields, 8), 0));
        item.set(key, flip(wire.bytes(item, key)));
      });
      assert.throws(() => end(response), /stale: mac/, `key ${key} of an item`);
    }
  });
});
