import { fromHex } from '../../ts/core/bytes.ts';
import type { Host } from './interface.ts';
import { olderNetwork } from './network.ts';

export type { Host };

/** The part of Lit's `Lit.Actions` that is used here. */
interface LitActions {
  Encrypt(params: { pkpId: string; message: string }): Promise<string>;
  Decrypt(params: { pkpId: string; ciphertext: string }): Promise<string>;
  getLitActionPrivateKey(): Promise<string>;
  getLitActionPublicKey(params: { ipfsId: string }): Promise<string>;
}

/**
 * The host that runs this script, recognised by its globals: Lit's current runtime, or its older network.
 *
 * @throws Error if it is none of them
 */
export function currentHost(): Host {
  const actions = (globalThis as { Lit?: { Actions?: Partial<LitActions> } }).Lit?.Actions;
  const { Encrypt, Decrypt, getLitActionPrivateKey, getLitActionPublicKey } = actions ?? {};
  if (Encrypt && Decrypt && getLitActionPrivateKey && getLitActionPublicKey) return litHost(actions as LitActions);
  const network = olderNetwork();
  if (network !== undefined) return network;
  throw new Error('not a host of Lit Actions that is known here');
}

function litHost(actions: LitActions): Host {
  return {
    encrypt: (pkpId, message) => actions.Encrypt({ pkpId, message }),
    decrypt: (pkpId, ciphertext) => actions.Decrypt({ pkpId, ciphertext }),
    hasSecret: true,
    async actionKey() {
      const key = fromHex(await actions.getLitActionPrivateKey());
      if (key.length !== 32) throw new Error('the host gave no key of 32 bytes');
      return key;
    },
    actionPublicKey: async (cid) => compressed(fromHex(await actions.getLitActionPublicKey({ ipfsId: cid }))),
  };
}

/** A point of SEC 1 in its compressed form. */
function compressed(point: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (point.length === 33) return point;
  if (point.length !== 65 || point[0] !== 4) throw new Error('the host gave no public key');
  const x = point.slice(0, 33);
  x[0] = 2 + ((point[64] ?? 0) & 1);
  return x;
}
