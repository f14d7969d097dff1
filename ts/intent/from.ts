import type { AuthorizationRequest, Hex, SignableMessage } from 'viem';
import { toHex } from 'viem/utils';
import { type Intent, parseIntent } from './intent.ts';
import { decimal, lower } from './read/loose.ts';

export { serializedIntent, transactionIntent, typeOfNumber } from './from-transaction.ts';
export { type TypedDataDefinition, typedDataIntent } from './from-typed-data.ts';
export type { Notice } from './read/loose.ts';

// Intents from what viem, ethers and wallets pass around: numbers in any notation, defaults left out, hex in any case.
// For the client: what comes out is still parsed by parseIntent, and only that is sent and hashed.

/** The intent to sign a message as personal_sign does. @throws InputError */
export function messageIntent(message: SignableMessage): Intent {
  if (typeof message === 'string') return parseIntent({ kind: 'message', message });
  const { raw } = message;
  return parseIntent({ kind: 'message', message: { raw: typeof raw === 'string' ? lower(raw) : toHex(raw) } });
}

/** The intent to sign 32 bytes as they are; only policy `any` allows it. @throws InputError */
export function digestIntent(digest: Hex): Intent {
  return parseIntent({ kind: 'digest', digest: lower(digest) });
}

/** The intent to authorize a delegate (EIP-7702). @throws InputError */
export function authorizationIntent(request: AuthorizationRequest): Intent {
  const { chainId, nonce } = request;
  const authorization = {
    chainId: decimal(chainId, 'authorization.chainId'),
    address: request.contractAddress ?? request.address,
    nonce: decimal(nonce, 'authorization.nonce'),
  };
  return parseIntent({ kind: 'authorization', authorization });
}
