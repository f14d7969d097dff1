// A chain on this machine (anvil) with the contracts of examples/contracts, and what a wallet does on it step by step, each
// step checked: for demo-chain.ts and the tests. Not a command itself.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import {
  type Abi,
  type Account,
  type Address,
  createPublicClient,
  createWalletClient,
  encodeFunctionData,
  type Hash,
  type Hex,
  http,
  parseEther,
  parseSignature,
} from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { foundry } from 'viem/chains';
import { keccak256 } from 'viem/utils';
import type { Json } from '../ts/index.ts';
import type { TandemAccount } from '../ts/viem.ts';

/** What anvil funds, for everybody to know. */
const FUNDED = 'test test test test test test test test test test test junk';
/** Whom the wallet pays. */
export const PAYEE: Address = '0x4242424242424242424242424242424242424242';
const EVM = 'prague';

export interface Contract {
  readonly abi: Abi;
  readonly bytecode: Hex;
}

type Name = 'Vault' | 'Token' | 'Batch';

export interface Chain {
  readonly url: string;
  readonly contracts: Readonly<Record<Name, Contract>>;
  readonly at: Readonly<Record<Name, Address>>;
  close(): void;
}

/** Starts a chain of its own and deploys the contracts. */
export async function startChain(): Promise<Chain> {
  const { url, close } = await startAnvil();
  try {
    const contracts = compile();
    const { client, done } = developer({ url });
    const deploy = async (name: Name): Promise<Address> => {
      const { contractAddress } = await done(client.deployContract(contracts[name]));
      assert.ok(contractAddress);
      return contractAddress;
    };
    const at = { Vault: await deploy('Vault'), Token: await deploy('Token'), Batch: await deploy('Batch') };
    return { url, contracts, at, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** The rules of a wallet that does what {@link stepsOf} has, and no more. */
export function rulesOf({ at, contracts }: Pick<Chain, 'at' | 'contracts'>): Json {
  const transaction = { kind: 'transaction', chains: [String(foundry.id)], maxFee: String(parseEther('0.01')) };
  const domain = (name: string, verifyingContract: Address) => ({
    name,
    version: '1',
    chainId: String(foundry.id),
    verifyingContract,
  });
  const ether = String(parseEther('1'));
  return {
    version: 1,
    rules: [
      { name: 'pay', ...transaction, to: [PAYEE], maxValue: ether, accessList: 'any' },
      {
        name: 'fill the vault',
        ...transaction,
        to: [at.Vault],
        maxValue: ether,
        calls: [{ function: 'deposit(address owner)' }],
      },
      {
        name: 'create a vault',
        ...transaction,
        to: [PAYEE],
        maxValue: '0',
        create: [keccak256(contracts.Vault.bytecode)],
      },
      {
        name: 'release',
        kind: 'typedData',
        domains: [domain('Vault', at.Vault)],
        types: ['Release(address to,uint256 amount,uint256 nonce)'],
        fields: { to: { in: [PAYEE] }, amount: { max: ether } },
      },
      {
        name: 'permit',
        kind: 'typedData',
        domains: [domain('Token', at.Token)],
        types: ['Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)'],
        fields: { spender: { in: [PAYEE] }, value: { max: '1000000' } },
      },
      { name: 'delegate', kind: 'authorization', chains: [String(foundry.id)], delegates: [at.Batch] },
      {
        name: 'batch',
        ...transaction,
        to: 'any',
        maxValue: '0',
        delegates: [at.Batch],
        calls: [
          {
            function: 'execute((address to,uint256 value,bytes data)[] calls)',
            args: { calls: { each: { fields: { to: { in: [PAYEE] }, value: { max: ether }, data: { in: ['0x'] } } } } },
          },
        ],
      },
    ],
  } as Json;
}

export interface Step {
  readonly name: string;
  /** Takes the step, checks what it did on the chain, and says what is to be seen of it. */
  run(): Promise<string>;
}

/** What a wallet does on the chain, in this order. */
export function stepsOf({ url, at, contracts }: Chain, wallet: TandemAccount): readonly Step[] {
  const dev = developer({ url });
  const { client, reader, done } = walletClient({ url }, wallet);
  const { address } = wallet;
  const read = <T>(name: Name, functionName: string, args: readonly unknown[]) =>
    reader.readContract({ address: at[name], abi: contracts[name].abi, functionName, args }) as Promise<T>;
  /** Sends a transaction that pays, and checks that it did. */
  const pay = async (sending: () => Promise<Hash>, type: string, value = parseEther('0.5')) => {
    const before = await reader.getBalance({ address: PAYEE });
    const hash = await sending();
    assert.equal((await done(Promise.resolve(hash))).type, type);
    assert.equal((await reader.getTransaction({ hash })).from, address.toLowerCase());
    assert.equal(await reader.getBalance({ address: PAYEE }), before + value);
    return hash;
  };
  const payment = { to: PAYEE, value: parseEther('0.5') };
  const gasPrice = 2_000_000_000n;
  const accessList = [{ address: PAYEE, storageKeys: [`0x${'00'.repeat(32)}` as Hex] }];
  const domain = (name: Name) => ({ name, version: '1', chainId: foundry.id, verifyingContract: at[name] });

  return [
    {
      name: 'fund the wallet',
      run: async () => {
        await fund({ url }, address, parseEther('10'));
        assert.equal(await reader.getBalance({ address }), parseEther('10'));
        return '10 ETH';
      },
    },
    {
      name: 'legacy',
      run: () => pay(() => client.sendTransaction({ ...payment, type: 'legacy', gasPrice }), 'legacy'),
    },
    {
      name: 'EIP-2930',
      run: () => pay(() => client.sendTransaction({ ...payment, type: 'eip2930', gasPrice, accessList }), 'eip2930'),
    },
    { name: 'EIP-1559', run: () => pay(() => client.sendTransaction({ ...payment, type: 'eip1559' }), 'eip1559') },
    {
      name: 'create a contract',
      run: async () => {
        const { contractAddress } = await done(client.deployContract(contracts.Vault));
        assert.ok(contractAddress && (await reader.getCode({ address: contractAddress })));
        return contractAddress;
      },
    },
    {
      name: 'fill the vault',
      run: async () => {
        const value = parseEther('1');
        const call = { address: at.Vault, abi: contracts.Vault.abi, functionName: 'deposit', args: [address], value };
        const { transactionHash } = await done(client.writeContract(call));
        assert.equal(await read('Vault', 'balanceOf', [address]), value);
        return transactionHash;
      },
    },
    {
      name: 'release by signature (EIP-712)',
      run: async () => {
        const before = await reader.getBalance({ address: PAYEE });
        const amount = parseEther('1');
        const signature = await wallet.signTypedData({
          domain: domain('Vault'),
          types: {
            Release: [
              { name: 'to', type: 'address' },
              { name: 'amount', type: 'uint256' },
              { name: 'nonce', type: 'uint256' },
            ],
          },
          primaryType: 'Release',
          message: { to: PAYEE, amount, nonce: await read<bigint>('Vault', 'nonceOf', [address]) },
        });
        const { r, s, v } = parseSignature(signature);
        const { abi } = contracts.Vault;
        const args = [address, PAYEE, amount, Number(v), r, s];
        const call = { address: at.Vault, abi, functionName: 'release', args };
        const { transactionHash } = await dev.done(dev.client.writeContract(call));
        assert.equal(await reader.getBalance({ address: PAYEE }), before + amount);
        await assert.rejects(dev.client.writeContract(call), /not signed by the owner/);
        return transactionHash;
      },
    },
    {
      name: 'permit (EIP-2612)',
      run: async () => {
        const deadline = (await reader.getBlock()).timestamp + 3600n;
        const nonce = await read<bigint>('Token', 'nonces', [address]);
        const value = 1_000_000n;
        const signature = await wallet.signTypedData({
          domain: domain('Token'),
          types: {
            Permit: [
              { name: 'owner', type: 'address' },
              { name: 'spender', type: 'address' },
              { name: 'value', type: 'uint256' },
              { name: 'nonce', type: 'uint256' },
              { name: 'deadline', type: 'uint256' },
            ],
          },
          primaryType: 'Permit',
          message: { owner: address, spender: PAYEE, value, nonce, deadline },
        });
        const { r, s, v } = parseSignature(signature);
        const { abi } = contracts.Token;
        const args = [address, PAYEE, value, deadline, Number(v), r, s];
        const call = { address: at.Token, abi, functionName: 'permit', args };
        const { transactionHash } = await dev.done(dev.client.writeContract(call));
        assert.equal(await read('Token', 'allowance', [address, PAYEE]), value);
        return transactionHash;
      },
    },
    {
      name: 'EIP-7702: two payments in one transaction',
      run: () =>
        pay(async () => {
          const authorization = await client.signAuthorization({ contractAddress: at.Batch, executor: 'self' });
          const call = { to: PAYEE, value: parseEther('0.25'), data: '0x' };
          const data = encodeFunctionData({ abi: contracts.Batch.abi, functionName: 'execute', args: [[call, call]] });
          return client.sendTransaction({ to: address, data, authorizationList: [authorization] });
        }, 'eip7702'),
    },
  ];
}

/** Sends ether of the chain's own account. */
export async function fund(chain: Pick<Chain, 'url'>, to: Address, value: bigint): Promise<void> {
  const { client, done } = developer(chain);
  await done(client.sendTransaction({ to, value }));
}

function developer(chain: Pick<Chain, 'url'>) {
  return walletClient(chain, mnemonicToAccount(FUNDED));
}

/** viem's clients for an account, and `done`, which waits for a transaction to be in the chain and to have succeeded. */
export function walletClient<A extends Account>({ url }: Pick<Chain, 'url'>, account: A) {
  const transport = http(url);
  const client = createWalletClient({ account, chain: foundry, transport });
  const reader = createPublicClient({ chain: foundry, transport, pollingInterval: 50 });
  const done = async (sending: Promise<Hash>) => {
    const receipt = await reader.waitForTransactionReceipt({ hash: await sending });
    assert.equal(receipt.status, 'success');
    return receipt;
  };
  return { client, reader, done };
}

function compile(): Record<Name, Contract> {
  // It is CommonJS, takes and gives JSON.
  const solc = createRequire(import.meta.url)('solc') as { compile(input: string): string };
  const contracts = (['Vault', 'Token', 'Batch'] as const).map((name): [Name, Contract] => {
    const content = readFileSync(new URL(`../examples/contracts/${name}.sol`, import.meta.url), 'utf8');
    const settings = { evmVersion: EVM, outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } };
    const input = { language: 'Solidity', sources: { [name]: { content } }, settings };
    const { contracts, errors } = JSON.parse(solc.compile(JSON.stringify(input)));
    assert.equal(errors, undefined);
    const { abi, evm } = contracts[name][name];
    return [name, { abi, bytecode: `0x${evm.bytecode.object}` }];
  });
  return Object.fromEntries(contracts) as Record<Name, Contract>;
}

/** Starts a chain of its own, with nothing on it. */
export async function startAnvil(...args: readonly string[]): Promise<Pick<Chain, 'url' | 'close'>> {
  const bin = createRequire(import.meta.url).resolve('@foundry-rs/anvil/bin.mjs');
  const anvil = spawn(process.execPath, [bin, '--port', '0', '--hardfork', EVM, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const close = () => void anvil.kill();
  process.once('exit', close);
  return { url: `http://${await listening(anvil)}`, close };
}

function listening(anvil: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    anvil.stdout?.on('data', (data) => {
      text += data;
      const address = /^Listening on (\S+)$/m.exec(text)?.[1];
      if (address !== undefined) resolve(address);
    });
    anvil.once('error', reject);
    anvil.once('exit', () => reject(new Error('anvil did not start')));
  });
}
