/** An instance of the wasm module whose memory can be searched, and what to search it for. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { decodeCbor, encodeCbor } from '../../ts/core/cbor.ts';
import { RandomGlue } from '../../ts/core/glue.ts';
import { buildPath, loadModule } from '../../ts/core/node.ts';
import { concat, inverse, mod, type Point, pointBytes, range, scalarBytes, split, utf8 } from '../reference/curve.ts';
import { expand } from '../reference/transcript.ts';

/** What the next call may draw. */
interface Random {
  fresh: Uint8Array | undefined;
}

type Look = (memory: Uint8Array, when: string) => void;

/** An instance that is called as ts/core does it, with random bytes that are given, and whose memory is looked at. */
export class Machine {
  readonly #exports: WebAssembly.Exports;
  readonly #random: Random;
  readonly #look: Look;

  private constructor(exports: WebAssembly.Exports, random: Random, look: Look) {
    this.#exports = exports;
    this.#random = random;
    this.#look = look;
  }

  /** `look` is shown the memory after every export, without the result, and once more when all was given back. */
  static async start(look: Look, module = swept()): Promise<Machine> {
    const go = new RandomGlue();
    const random: Random = { fresh: undefined };
    const wasi = go.importObject.wasi_snapshot_preview1;
    let exports: WebAssembly.Exports = {};
    wasi.random_get = (pointer: number, n: number) => {
      const bytes = new Uint8Array((exports.memory as WebAssembly.Memory).buffer, pointer, n);
      // Maps take a few bytes for their seeds, hedged streams 32.
      if (n !== 32) bytes.fill(0x5a);
      else {
        assert.ok(random.fresh, 'more random bytes than the call was given');
        bytes.set(random.fresh);
        random.fresh = undefined;
      }
      return 0;
    };
    const instance = await WebAssembly.instantiate(await module, go.importObject);
    exports = instance.exports;
    await go.run(instance);
    return new Machine(exports, random, look);
  }

  get memory(): Uint8Array {
    return new Uint8Array((this.#exports.memory as WebAssembly.Memory).buffer);
  }

  /** Calls an export and returns the fields of its result, or its error. */
  call(name: string, argument: object, fresh?: Uint8Array): Map<string, unknown> {
    const step = this.#exports[name] as (pointer: number, n: number) => bigint;
    const alloc = this.#exports.tandem_alloc as (n: number) => number;
    const free = this.#exports.tandem_free as (pointer: number, n: number) => void;
    this.#random.fresh = fresh;
    const input = encodeCbor(argument);
    const pointer = alloc(input.length);
    this.memory.set(input, pointer);
    const packed = BigInt.asUintN(64, step(pointer, input.length));
    const [at, n] = [Number(packed >> 32n), Number(packed & 0xffffffffn)];
    const output = this.memory.slice(at, at + n);
    this.#look(this.memory.slice().fill(0, at, at + n), name);
    free(pointer, input.length);
    free(at, n);
    this.#look(this.memory, `${name}, freed`);
    const result = decodeCbor(output) as Map<string, unknown>;
    return (result.get('ok') ?? result.get('error')) as Map<string, unknown>;
  }
}

/** The module as it is built. */
export const swept = (): Promise<WebAssembly.Module> => loadModule('tandem');

/**
 * The module without the sweep of its heap (abi.Sweep), which would hide that a package clears less than it could: the two
 * instructions that fill it, before the one that fills the stack from its end on, drop their operands in its place.
 */
export async function unswept(): Promise<WebAssembly.Module> {
  const bytes = await readFile(`${buildPath}tandem.wasm`);
  const [fill, local] = [Buffer.of(0xfc, 0x0b, 0), 1];
  // i32.const 16, i32.const 0, local.get of some local, memory.fill
  const stack = Buffer.of(0x41, 16, 0x41, 0, 0x20);
  const places = range(bytes.length).filter(
    (i) =>
      bytes.subarray(i, i + stack.length).equals(stack) &&
      bytes.subarray(i + stack.length + local, i + stack.length + local + fill.length).equals(fill),
  );
  assert.equal(places.length, 1, 'the sweep of the stack is not where it was: see go/abi/sweep_tinygo.go');
  let at = places[0] ?? 0;
  const from = at - 100;
  for (const _ of ['what follows the result', 'what is before it']) {
    at = bytes.lastIndexOf(fill, at - 1);
    assert.ok(at > from, 'the sweep of the heap is not before that of the stack');
    bytes.fill(0x1a, at, at + fill.length); // drop, three times
  }
  return WebAssembly.compile(bytes);
}

/** How many bytes of a secret are looked for together. */
const WINDOW = 8;
const FILTER = 1 << 24;

interface Found {
  secret: string;
  at: number;
}

/**
 * Secrets, in every form that the module has for them: each piece of 8 bytes of such a form, so that what is overwritten in part is
 * found as well.
 */
export class Secrets {
  readonly #pieces = new Map<string, string>();
  readonly #filter = new Uint8Array(FILTER / 8);

  get size(): number {
    return this.#pieces.size;
  }

  /** Bytes as they are, and as SHA-256 has them in its state and its schedule. */
  bytes(name: string, value: Uint8Array): void {
    this.#form(name, value);
    if (value.length % 4 === 0) this.#form(`${name}, as words`, swapped(value));
  }

  /** A number modulo q: encoded, as limbs, and as what its digits are read from in multiplications. */
  scalar(name: string, x: bigint): void {
    this.bytes(name, scalarBytes(x));
    this.#limbs(`${name}, limbs`, x);
    this.#limbs(`${name}, for the comb`, mod((x + 2n ** 260n - 1n) * HALF));
    for (const half of glv(x)) this.#limbs(`${name}, for the endomorphism`, half);
  }

  /** The same, and the powers of an inversion. */
  inverted(name: string, x: bigint): void {
    this.scalar(name, x);
    this.scalar(`1/${name}`, inverse(x));
    for (const i of range(14)) this.#limbs(`${name}^${i + 2}`, mod(x ** BigInt(i + 2)));
  }

  /** 48 bytes that are reduced to a number: they, and both their parts. */
  uniform(name: string, bytes: Uint8Array): void {
    this.bytes(name, bytes);
    this.#form(`${name}, low part`, bytes.slice(16).reverse());
    this.#form(`${name}, high part`, bytes.slice(0, 16).reverse());
  }

  /** A point: encoded, and the limbs of its coordinates. */
  point(name: string, P: Point): void {
    this.bytes(name, pointBytes(P).subarray(1));
    const { x, y } = P.toAffine();
    for (const coordinate of [x, y]) this.#form(`${name}, limbs`, fieldLimbs(coordinate));
  }

  /** A seed, and the key of its stream. */
  seed(name: string, seed: Uint8Array, label: string): void {
    this.bytes(name, seed);
    this.bytes(`key of ${name}`, expand('STREAM', 32, seed, utf8(label)));
  }

  /** What HKDF-SHA256 goes through from `ikm` to 32 bytes. */
  hkdf(name: string, ikm: Uint8Array, salt: Uint8Array, okm: Uint8Array): void {
    const prk = hmac(sha256, salt, ikm);
    const padded = (byte: number) => concat(prk, new Uint8Array(32)).map((b) => b ^ byte);
    this.bytes(`${name}, input`, ikm);
    this.bytes(`${name}, pseudorandom key`, prk);
    this.bytes(`${name}, inner pad`, padded(0x36).subarray(0, 32));
    this.bytes(`${name}, outer pad`, padded(0x5c).subarray(0, 32));
    this.bytes(name, okm);
  }

  /** Where pieces of secrets are. */
  find(memory: Uint8Array): Found[] {
    const found: Found[] = [];
    const view = new DataView(memory.buffer, memory.byteOffset, memory.length);
    for (let at = 0; at + WINDOW <= memory.length; at++) {
      if (memory[at] === 0 && memory[at + 1] === 0) continue; // no piece begins so
      const slot = (view.getUint32(at) ^ Math.imul(view.getUint32(at + 4), 0x9e3779b1)) & (FILTER - 1);
      if (((this.#filter[slot >> 3] ?? 0) & (1 << (slot & 7))) === 0) continue;
      const secret = this.#pieces.get(view.getBigUint64(at).toString(36));
      if (secret !== undefined) found.push({ secret, at });
    }
    return found;
  }

  #limbs(name: string, x: bigint): void {
    this.#form(name, scalarBytes(x).reverse());
  }

  #form(name: string, form: Uint8Array): void {
    const view = new DataView(form.buffer, form.byteOffset, form.length);
    for (let at = 0; at + WINDOW <= form.length; at += WINDOW) {
      const piece = form.subarray(at, at + WINDOW);
      // Little else than zeros tells nothing, and is everywhere.
      if (new Set(piece).size < 6 || (piece[0] === 0 && piece[1] === 0)) continue;
      const key = view.getBigUint64(at).toString(36);
      if (!this.#pieces.has(key)) this.#pieces.set(key, name);
      const slot = (view.getUint32(at) ^ Math.imul(view.getUint32(at + 4), 0x9e3779b1)) & (FILTER - 1);
      this.#filter[slot >> 3] = (this.#filter[slot >> 3] ?? 0) | (1 << (slot & 7));
    }
  }
}

const swapped = (bytes: Uint8Array) => concat(...split(bytes, 4).map((word) => word.slice().reverse()));

/** Nine limbs of 29 bits, each in four bytes. */
function fieldLimbs(x: bigint): Uint8Array {
  const limbs = new Uint8Array(40);
  const view = new DataView(limbs.buffer);
  for (const i of range(9)) view.setUint32(4 * i, Number((x >> BigInt(29 * i)) & 0x1fffffffn), true);
  return limbs;
}

const HALF = inverse(2n);
const LAMBDA = 0x5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72n;
const MINUS_B1 = 0xe4437ed6010e88286f547fa90abfe4c3n;
const MINUS_B2 = 0xfffffffffffffffffffffffffffffffe8a280ac50774346dd765cda83db1562cn;
const G1 = 0x3086d221a7d46bcde86c90e49284eb153daa8a1471e8ca7fe893209a45dbb031n;
const G2 = 0xe4437ed6010e88286f547fa90abfe4c4221208ac9df506c61571b4ae8ac47f71n;

/** Both halves of a number, as go/secp256k1 splits it for a multiplication. */
function glv(k: bigint): [bigint, bigint] {
  const s = mod((k + (2n ** 129n - 1n) * (1n + LAMBDA)) * HALF);
  const quotient = (g: bigint) => (s * g + 2n ** 383n) >> 384n;
  const v = mod(quotient(G1) * MINUS_B1 + quotient(G2) * MINUS_B2);
  const u = mod(s - v * LAMBDA);
  return [mod(u + 2n ** 128n), mod(v + 2n ** 128n)];
}
