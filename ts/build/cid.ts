import { BlackHoleBlockstore } from 'blockstore-core/black-hole';
import { importBytes } from 'ipfs-unixfs-importer';
import { fixedSize } from 'ipfs-unixfs-importer/chunker';
import { balanced } from 'ipfs-unixfs-importer/layout';

/** The identifier under which a Lit host knows an action: CIDv0 of its source as UTF-8 (46 characters, `Qm…`). */
export async function cidOf(source: string | Uint8Array): Promise<string> {
  const bytes = typeof source === 'string' ? new TextEncoder().encode(source) : source;
  const { cid } = await importBytes(bytes, new BlackHoleBlockstore(), {
    cidVersion: 0,
    rawLeaves: false,
    leafType: 'file',
    reduceSingleLeafToSelf: true,
    chunker: fixedSize({ chunkSize: 262_144 }),
    layout: balanced({ maxChildrenPerNode: 174 }),
  });
  return cid.toString();
}
