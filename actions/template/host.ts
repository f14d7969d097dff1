import { fromHex } from './bytes.ts';

/** What an action needs of the host that runs it. */
export interface Host {
  /** Encrypts text under a wallet's key. The host allows it only to an action that it permits to use the wallet. */
  encrypt(wallet: string, message: string): Promise<string>;
  /** The inverse of `encrypt`. Not every host notices an altered ciphertext: what comes back has to be checked. */
  decrypt(wallet: string, ciphertext: string): Promise<string>;
  /** A secret of 32 bytes that the host gives to this very source, by its CID, and to no other. */
  actionKey(): Promise<Uint8Array<ArrayBuffer>>;
}

/** The part of Lit's `Lit.Actions` that is used here. */
interface LitActions {
  Encrypt(params: { pkpId: string; message: string }): Promise<string>;
  Decrypt(params: { pkpId: string; ciphertext: string }): Promise<string>;
  getLitActionPrivateKey(): Promise<string>;
}

/**
 * The host that runs this script, recognised by its globals: so far, Lit's current runtime and what imitates it.
 *
 * @throws Error if it is none of them
 */
export function currentHost(): Host {
  const actions = (globalThis as { Lit?: { Actions?: Partial<LitActions> } }).Lit?.Actions;
  if (actions?.Encrypt && actions.Decrypt && actions.getLitActionPrivateKey) return litHost(actions as LitActions);
  throw new Error('not a host of Lit Actions that is known here');
}

function litHost(actions: LitActions): Host {
  return {
    encrypt: (pkpId, message) => actions.Encrypt({ pkpId, message }),
    decrypt: (pkpId, ciphertext) => actions.Decrypt({ pkpId, ciphertext }),
    async actionKey() {
      const key = fromHex(await actions.getLitActionPrivateKey());
      if (key.length !== 32) throw new Error('the host gave no key of 32 bytes');
      return key;
    },
  };
}
