/** What an action needs of the host that runs it. */
export interface Host {
  /** Encrypts text under a wallet's key. The host allows it only to an action that it permits to use the wallet. */
  encrypt(wallet: string, message: string): Promise<string>;
  /** The inverse of `encrypt`. Not every host notices an altered ciphertext: what comes back has to be checked. */
  decrypt(wallet: string, ciphertext: string): Promise<string>;
  /** 32 bytes that the host gives to this very source, by its CID: a secret, if `hasSecret`. */
  actionKey(): Promise<Uint8Array<ArrayBuffer>>;
  /** Whether `actionKey` is a secret. If not, others may seal things for this action too: what it opens may not be its own. */
  readonly hasSecret: boolean;
  /** The public key, a point of secp256k1 (SEC 1, compressed), of the secret that the host gives to the action of a CID. */
  actionPublicKey(cid: string): Promise<Uint8Array<ArrayBuffer>>;
}
