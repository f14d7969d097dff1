import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { BlackHoleBlockstore } from 'blockstore-core/black-hole';
import { importBytes } from 'ipfs-unixfs-importer';
import { fixedSize } from 'ipfs-unixfs-importer/chunker';
import { balanced } from 'ipfs-unixfs-importer/layout';
import { wellFormed } from './source.ts';

/** The length of the chunks that a CID is made of, in bytes. */
export const CHUNK = 262_144;

/**
 * The identifier under which a Lit host knows an action: CIDv0 of its source as UTF-8 (46 characters, `Qm…`).
 *
 * @throws {BuildError} if the source is not well-formed Unicode
 */
export async function cidOf(source: string | Uint8Array): Promise<string> {
  const bytes = typeof source === 'string' ? new TextEncoder().encode(wellFormed(source)) : source;
  const { cid } = await importBytes(bytes, new BlackHoleBlockstore(), {
    cidVersion: 0,
    rawLeaves: false,
    leafType: 'file',
    reduceSingleLeafToSelf: true,
    chunker: fixedSize({ chunkSize: CHUNK }),
    layout: balanced({ maxChildrenPerNode: 174 }),
  });
  return cid.toString();
}

/** The name of an action in groups over the API: Keccak-256 of its CID's characters, in hex. */
export function actionHash(cid: string): string {
  return `0x${bytesToHex(keccak_256(utf8ToBytes(cid)))}`;
}
