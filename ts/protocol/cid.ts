import { sha256 } from '@noble/hashes/sha2.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { base58 } from '@scure/base';
import { wellFormed } from './source.ts';

/** The length of the chunks that a CID is made of, in bytes. */
export const CHUNK = 262_144;
/** How many children a node of the tree above the chunks has at most. */
const WIDTH = 174;

/**
 * The identifier under which a Lit host knows an action: CIDv0 of its source as UTF-8 (46 characters, `Qm…`), as IPFS imports
 * a file by default: UnixFS in DAG-PB, chunks of 256 KiB, a balanced tree.
 *
 * @throws {BuildError} if the source is not well-formed Unicode
 */
export function cidOf(source: string | Uint8Array): string {
  if (typeof source !== 'string') return cidOfBytes(source);
  // One call of an action asks for the CID of its source several times.
  if (source !== last?.source) last = { source, cid: cidOfBytes(new TextEncoder().encode(wellFormed(source))) };
  return last.cid;
}

let last: { readonly source: string; readonly cid: string } | undefined;

function cidOfBytes(bytes: Uint8Array): string {
  let nodes: Node[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += CHUNK) nodes.push(leaf(bytes.subarray(at, at + CHUNK)));
  while (nodes.length > 1) {
    const parents: Node[] = [];
    for (let at = 0; at < nodes.length; at += WIDTH) parents.push(parent(nodes.slice(at, at + WIDTH)));
    nodes = parents;
  }
  const [root] = nodes;
  if (root === undefined) throw new Error('a tree has a root');
  return base58.encode(root.hash);
}

/** The name of an action in groups over the API: Keccak-256 of its CID's characters, in hex. */
export function actionHash(cid: string): string {
  return `0x${bytesToHex(keccak_256(utf8ToBytes(cid)))}`;
}

interface Node {
  /** A multihash: SHA2-256, 32 bytes. */
  readonly hash: Uint8Array;
  /** The size of the file's bytes below the node. */
  readonly fileSize: number;
  /** The size of the blocks of the node and all below it. */
  readonly totalSize: number;
}

function leaf(data: Uint8Array): Node {
  const content = data.length === 0 ? [] : [field(2, data)];
  return node([], [FILE, ...content, number(3, data.length)], data.length);
}

function parent(children: readonly Node[]): Node {
  const links = children.map(({ hash, totalSize }) =>
    field(2, concatBytes(field(1, hash), field(2, new Uint8Array()), number(3, totalSize))),
  );
  const fileSize = children.reduce((sum, child) => sum + child.fileSize, 0);
  const blockSizes = children.map((child) => number(4, child.fileSize));
  const { hash, totalSize } = node(links, [FILE, number(3, fileSize), ...blockSizes], fileSize);
  return { hash, fileSize, totalSize: children.reduce((sum, child) => sum + child.totalSize, totalSize) };
}

/** A block of DAG-PB: its links, then its UnixFS data. */
function node(links: readonly Uint8Array[], unixfs: readonly Uint8Array[], fileSize: number): Node {
  const block = concatBytes(...links, field(1, concatBytes(...unixfs)));
  return { hash: concatBytes(Uint8Array.of(0x12, 32), sha256(block)), fileSize, totalSize: block.length };
}

// Protocol Buffers.

const FILE = number(1, 2);

function number(tag: number, value: number): Uint8Array {
  return Uint8Array.of(tag << 3, ...varint(value));
}

function field(tag: number, content: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of((tag << 3) | 2, ...varint(content.length)), content);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))];
}
