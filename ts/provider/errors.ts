/** The codes of EIP-1193 and EIP-3326, and those of JSON-RPC, that this provider answers with. */
export const RPC = {
  /** The user said no. */
  rejected: 4001,
  /** The origin is not connected, the account is not its, or the policy does not allow it. */
  unauthorized: 4100,
  /** There is no such method here. */
  unsupported: 4200,
  /** The wallet, or the host of its action, cannot be reached. */
  disconnected: 4900,
  /** The wallet does not know this chain: wallet_addEthereumChain may be asked. */
  unknownChain: 4902,
  invalidParams: -32602,
  internal: -32603,
} as const;

/** An error of an EIP-1193 provider. */
export class ProviderRpcError extends Error {
  override readonly name = 'ProviderRpcError';
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}
