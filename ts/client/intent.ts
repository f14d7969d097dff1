import { UsageError } from './errors.ts';
import { fromHex, type Hex, messageDigest } from './evm.ts';

/** What is to be signed. The action gets this and derives the digest by itself, as the client does here. */
export type Intent =
  | { readonly kind: 'message'; readonly message: string | { readonly raw: Hex } }
  | { readonly kind: 'digest'; readonly digest: Hex };

/** The 32 bytes that an intent's signature is over. @throws UsageError if the intent is malformed */
export function digestOf(intent: Intent): Uint8Array {
  switch (intent.kind) {
    case 'message': {
      const { message } = intent;
      return messageDigest(
        typeof message === 'string' ? new TextEncoder().encode(message) : fromHex(message.raw, 'The message'),
      );
    }
    case 'digest': {
      const digest = fromHex(intent.digest, 'The digest');
      if (digest.length !== 32) throw new UsageError(`The digest has ${digest.length} bytes; it must have 32.`);
      return digest;
    }
  }
}
