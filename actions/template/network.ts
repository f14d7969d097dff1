import type { Host } from './interface.ts';

// Lit's older network: many nodes run each action, each with randomness of its own, and their answers have to agree.

/** The part of the older network's `Lit` that is used here. */
interface Network {
  readonly Actions: {
    runOnce(options: { waitForResponse: boolean; name: string }, run: () => Promise<string>): Promise<string>;
    encrypt(params: { accessControlConditions: Condition[]; to_encrypt: Uint8Array }): Promise<Sealed>;
    decryptAndCombine(params: {
      accessControlConditions: Condition[];
      ciphertext: string;
      dataToEncryptHash: string;
      authSig: null;
      chain: string;
    }): Promise<string>;
    setResponse(params: { response: string }): void;
  };
  /** The CIDs of the actions that called one another, up to this one, by either of its two names. */
  readonly Auth: { readonly actionIpfsIdStack?: readonly string[]; readonly actionIpfsIds?: readonly string[] };
}

interface Sealed {
  readonly ciphertext: string;
  readonly dataToEncryptHash: string;
}

interface Condition {
  readonly contractAddress: '';
  readonly standardContractType: '';
  readonly chain: 'ethereum';
  readonly method: '';
  readonly parameters: readonly [':currentActionIpfsId'];
  readonly returnValueTest: { readonly comparator: '='; readonly value: string };
}

/** The older network, if it runs this script. Parameters are globals there, but being JSON they cannot pass for it. */
export function olderNetwork(): Host | undefined {
  const network = (globalThis as { Lit?: Partial<Network> }).Lit;
  const { runOnce, encrypt, decryptAndCombine } = network?.Actions ?? {};
  if (![runOnce, encrypt, decryptAndCombine].every((part) => typeof part === 'function')) return undefined;
  return networkHost(network as Network);
}

/**
 * Has `main` run on one node of the older network, whatever its randomness, and all nodes give its answer. What the
 * caller gives as `params` among the `jsParams` is what `main` gets.
 */
export async function runOnNetwork(main: (params: unknown) => Promise<unknown>): Promise<void> {
  const { Lit, jsParams, params } = globalThis as unknown as {
    Lit: Network;
    jsParams?: { params?: unknown };
    params?: unknown;
  };
  const given = jsParams?.params ?? params ?? null;
  const once = { waitForResponse: true, name: 'tandem' };
  const response = await Lit.Actions.runOnce(once, async () => JSON.stringify(await main(given)));
  Lit.Actions.setResponse({ response });
}

/**
 * What is encrypted to a CID, this network decrypts for the action of that CID alone. But anybody can encrypt to a CID, and the
 * network has no secret for an action: a seal keeps secrets, and says nothing of who made it.
 */
function networkHost({ Actions, Auth }: Network): Host {
  const cid = () => {
    const stack = Auth.actionIpfsIdStack ?? Auth.actionIpfsIds ?? [];
    // Called by another action, this one must not take that one's CID for its own.
    const [own] = stack;
    if (own === undefined || stack.length > 1) throw new Error('not called directly');
    return own;
  };
  const conditions = (): Condition[] => [
    {
      contractAddress: '',
      standardContractType: '',
      chain: 'ethereum',
      method: '',
      parameters: [':currentActionIpfsId'],
      returnValueTest: { comparator: '=', value: cid() },
    },
  ];
  return {
    async encrypt(_wallet, message) {
      const to_encrypt = new TextEncoder().encode(message);
      const sealed = await Actions.encrypt({ accessControlConditions: conditions(), to_encrypt });
      return `${sealed.dataToEncryptHash}.${sealed.ciphertext}`;
    },
    decrypt(_wallet, sealed) {
      const [dataToEncryptHash = '', ciphertext = ''] = sealed.split('.');
      const chain = 'ethereum';
      const accessControlConditions = conditions();
      return Actions.decryptAndCombine({
        accessControlConditions,
        ciphertext,
        dataToEncryptHash,
        authSig: null,
        chain,
      });
    },
    hasSecret: false,
    async actionKey() {
      const key = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(`tandem ${cid()}`));
      return new Uint8Array(key);
    },
    actionPublicKey() {
      throw new Error('no action has a key pair here');
    },
  };
}
