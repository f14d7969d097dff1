/** Random vector oblivious linear evaluation, several on one batch of oblivious transfers: go/vole. */
import {
  at,
  concat,
  inner,
  mod,
  type Point,
  pointBytes,
  range,
  scalarBytes,
  split,
  toScalar,
  u32,
  uniform,
} from './curve.ts';
import * as ot from './ot.ts';
import { hash, hashToScalar, hashToScalars, type Stream } from './transcript.ts';

export interface Layout {
  widths: number[]; // ℓ of each RVOLE
  blocks: { size: number; rvoles: number[] }[];
}

export interface Message {
  tau: Uint8Array;
  eta: bigint;
  mu: Uint8Array;
}

export const ots = (layout: Layout): number => layout.blocks.reduce((n, block) => n + block.size, 0);

/** For every j of RVOLE v: its OT i, where in the key of that OT its part begins, and how long that key is. */
function places(layout: Layout, v: number) {
  const length = (rvoles: number[]) => rvoles.reduce((n, w) => n + 48 * (at(layout.widths, w) + 1), 0);
  return layout.blocks.flatMap(({ size, rvoles }, k) => {
    const first = ots({ ...layout, blocks: layout.blocks.slice(0, k) });
    const offset = length(rvoles.filter((w) => w < v));
    return rvoles.includes(v) ? range(size).map((n) => ({ i: first + n, offset, length: length(rvoles) })) : [];
  });
}

/** k ∈ Z_q^{ℓ+1} of every j of RVOLE v, from the keys of its OTs. */
function pads(layout: Layout, v: number, key: (i: number, length: number) => Uint8Array): bigint[][] {
  const size = 48 * (at(layout.widths, v) + 1);
  return places(layout, v).map(({ i, offset, length }) =>
    split(key(i, length).subarray(offset, offset + size), 48).map(uniform),
  );
}

/** The choice bits b_j of RVOLE v. */
export const choicesOf = (layout: Layout, v: number, choices: number[]): number[] =>
  places(layout, v).map(({ i }) => at(choices, i));

/** g_j for every j of RVOLE v. */
export const gadget = (layout: Layout, sid: Uint8Array, T: Uint8Array, v: number): bigint[] =>
  places(layout, v).map((_, j) => hashToScalar('VOLE-GADGET', sid, T, u32(v), u32(j)));

export const theta = (ssid: Uint8Array, T: Uint8Array, B: Point, v: number, tau: Uint8Array, width: number): bigint[] =>
  hashToScalars('VOLE-THETA', width, ssid, T, pointBytes(B), u32(v), tau);

export const mu = (ssid: Uint8Array, v: number, rows: bigint[]): Uint8Array =>
  hash('VOLE-MU', ssid, u32(v), concat(...rows.map(scalarBytes)));

/** Σ g_j rows_j, without the last column. */
const output = (g: bigint[], rows: bigint[][], width: number): bigint[] =>
  range(width).map((column) =>
    inner(
      g,
      rows.map((row) => at(row, column)),
    ),
  );

/** Step 1. */
export function receive(layout: Layout, sid: Uint8Array, rand: Stream) {
  const n = ots(layout);
  const packed = rand.read(Math.ceil(n / 8));
  const batch = ot.receive(sid, ot.bits(packed, n), rand);
  const gadgets = layout.widths.map((_, v) => gadget(layout, sid, batch.T, v));
  const betas = gadgets.map((g, v) => inner(g, choicesOf(layout, v, batch.choices).map(BigInt)));
  return { ...batch, packed, gadgets, betas };
}

/** Step 2, with the vectors a: what is sent, the outputs c, and all rows c_j. */
export function send(
  layout: Layout,
  sid: Uint8Array,
  ssid: Uint8Array,
  message: Uint8Array,
  inputs: bigint[][],
  rand: Stream,
) {
  const { T, y, B, shared, key } = ot.send(sid, message, ots(layout), rand);
  const hats = inputs.map(() => rand.scalar());
  const rvoles = inputs.map((a, v) => {
    const width = a.length;
    const hat = at(hats, v);
    const alpha = [...a, hat];
    const k0 = pads(layout, v, (i, length) => key(i, 0, length));
    const k1 = pads(layout, v, (i, length) => key(i, 1, length));
    const tau = concat(
      ...k0.flatMap((row, j) => row.map((k, i) => scalarBytes(mod(k - at(at(k1, j), i) + at(alpha, i))))),
    );
    const rows = k0.map((row) => row.map((k) => mod(-k)));
    const thetas = theta(ssid, T, B, v, tau, width);
    const eta = mod(hat + inner(thetas, a));
    const checks = rows.map((c) => mod(at(c, width) + inner(thetas, c)));
    const g = gadget(layout, sid, T, v);
    return { hat, tau, eta, mu: mu(ssid, v, checks), theta: thetas, rows, output: output(g, rows, width) };
  });
  return { T, y, B, shared, rvoles };
}

/** Step 3: the outputs d, and all rows d_j. */
export function finish(
  layout: Layout,
  receiver: ReturnType<typeof receive>,
  ssid: Uint8Array,
  B: Point,
  messages: Message[],
) {
  const keys = ot.finish(receiver, B);
  return messages.map(({ tau, eta, mu: sent }, v) => {
    const width = at(layout.widths, v);
    const b = choicesOf(layout, v, receiver.choices).map(BigInt);
    const taus = split(tau, 32 * (width + 1)).map((row) => split(row, 32).map(toScalar));
    const rows = pads(layout, v, keys).map((k, j) => k.map((x, i) => mod(x + at(b, j) * at(at(taus, j), i))));
    const thetas = theta(ssid, receiver.T, B, v, tau, width);
    const checks = rows.map((d, j) => mod(at(b, j) * eta - at(d, width) - inner(thetas, d)));
    if (taus.length !== rows.length || !Buffer.from(sent).equals(mu(ssid, v, checks))) {
      throw new Error(`check: RVOLE ${v}`);
    }
    return { rows, output: output(at(receiver.gadgets, v), rows, width) };
  });
}
