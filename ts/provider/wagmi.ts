import { type CreateConnectorFn, injected } from '@wagmi/core';
import { ICON } from './announce.ts';
import { type ProviderOptions, TandemProvider } from './provider.ts';

/**
 * The wallet as a connector of wagmi. Where it is announced (EIP-6963), wagmi finds it without: this is for pages that turned
 * that off, or want it in their list in any case.
 */
export function tandemConnector(options: ProviderOptions & { readonly name?: string }): CreateConnectorFn {
  let provider: TandemProvider | undefined;
  return injected({
    target: () => {
      provider ??= new TandemProvider(options);
      return { id: 'tandem', name: options.name ?? 'Tandem', icon: ICON, provider: provider as never };
    },
  });
}
