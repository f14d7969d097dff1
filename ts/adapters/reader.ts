import { createPublicClient, type HttpTransportConfig, http, type PublicClient } from 'viem';

/** Asks the node at a URL, and nobody else: by EIP-3668 its answer could name other URLs, also of this machine and its network. */
export function readerOf(url: string, config: Pick<HttpTransportConfig, 'retryCount' | 'timeout'> = {}): PublicClient {
  return createPublicClient({ transport: http(url, config), ccipRead: false });
}
