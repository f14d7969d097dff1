// A seller by @x402/express, whose facilitator, of @x402's own packages, settles on a chain of ours.
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { x402Facilitator } from '@x402/core/facilitator';
import { x402ResourceServer } from '@x402/core/server';
import type { PaymentPayload, PaymentRequirements } from '@x402/core/types';
import { toFacilitatorEvmSigner } from '@x402/evm';
import { ExactEvmScheme as FacilitatorScheme } from '@x402/evm/exact/facilitator';
import { ExactEvmScheme as ServerScheme } from '@x402/evm/exact/server';
import { paymentMiddleware } from '@x402/express';
import express from 'express';
import type { Address, Hex } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { type Chain, walletClient } from '../../scripts/chain.ts';

export const NETWORK = 'eip155:31337';
export const SELLER: Address = '0x5e11e00000000000000000000000000000000001';
export const OTHER_SELLER: Address = '0x5e11e00000000000000000000000000000000002';
const settler = mnemonicToAccount('test test test test test test test test test test test junk', { addressIndex: 2 });

export interface Seller {
  readonly url: string;
  /** Every payment that was brought to the facilitator. */
  readonly brought: { readonly nonce: Hex; readonly signature: Hex }[];
  /** What the facilitator does in place of settling, before it reports a collision; undefined if it is honest. */
  lie: ((settle: () => Promise<unknown>) => Promise<void>) | undefined;
  close(): void;
}

/** Sells at /cheap, /other, /dear and /slow for the example's token, and at /strange for another; /broken does not answer who has paid. */
export async function startSeller(chain: Chain): Promise<Seller> {
  const { client, reader } = walletClient(chain, settler);
  const signer = toFacilitatorEvmSigner({
    address: settler.address,
    readContract: (args) => reader.readContract(args as Parameters<typeof reader.readContract>[0]),
    verifyTypedData: (args) => reader.verifyTypedData(args as Parameters<typeof reader.verifyTypedData>[0]),
    writeContract: (args) => client.writeContract(args as unknown as Parameters<typeof client.writeContract>[0]),
    sendTransaction: (args) => client.sendTransaction(args),
    waitForTransactionReceipt: (args) => reader.waitForTransactionReceipt(args),
    getCode: (args) => reader.getCode(args),
  });
  const facilitator = new x402Facilitator().register(NETWORK, new FacilitatorScheme(signer));
  const facilitatorClient = {
    verify: async (payload: PaymentPayload, requirements: PaymentRequirements) => {
      const { authorization, signature } = payload.payload as { authorization: { nonce: Hex }; signature: Hex };
      seller.brought.push({ nonce: authorization.nonce, signature });
      return facilitator.verify(payload, requirements);
    },
    settle: async (payload: PaymentPayload, requirements: PaymentRequirements) => {
      const settle = () => facilitator.settle(payload, requirements);
      if (seller.lie === undefined) return settle();
      await seller.lie(settle);
      return { success: false, errorReason: 'nonce_already_used', transaction: '', network: requirements.network };
    },
    getSupported: async () =>
      facilitator.getSupported() as Awaited<ReturnType<typeof facilitator.getSupported>> & { kinds: never },
  };
  const accepts = (payTo: Address, amount: string, maxTimeoutSeconds = 60, asset = chain.at.Token) => ({
    accepts: {
      scheme: 'exact',
      network: NETWORK as `${string}:${string}`,
      payTo,
      maxTimeoutSeconds,
      price: { asset, amount, extra: { name: 'Token', version: '1' } },
    },
  });
  const routes = {
    'GET /cheap': accepts(SELLER, '5'),
    'GET /other': accepts(OTHER_SELLER, '4'),
    'GET /dear': accepts(SELLER, '6'),
    'GET /slow': accepts(SELLER, '5', 3600),
    'GET /broken': accepts(SELLER, '5'),
    'GET /strange': accepts(SELLER, '5', 60, OTHER_SELLER),
  };
  const app = express();
  app.use(paymentMiddleware(routes, new x402ResourceServer(facilitatorClient).register(NETWORK, new ServerScheme())));
  app.get('/elsewhere', (_request, response) => response.redirect('http://localhost:1/'));
  app.get('/forged', (_request, response) => void response.setHeader('PAYMENT-RESPONSE', 'e30=').json({ goods: true }));
  app.get('/says', (_request, response) => {
    const required = Buffer.from(JSON.stringify({ x402Version: 'PAY ME ALL', accepts: [] })).toString('base64');
    response.status(402).setHeader('PAYMENT-REQUIRED', required).json({});
  });
  app.get('/broken', (_request, response) => void response.destroy());
  app.get('/here', (_request, response) => response.redirect('/free'));
  app.get(/.*/, (_request, response) => void response.json({ goods: true }));
  const server = await new Promise<Server>((resolve) => {
    const server = app.listen(0, '127.0.0.1', () => resolve(server));
  });
  const seller: Seller = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    brought: [],
    lie: undefined,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return seller;
}
