import { fromHex, toHex } from '../../ts/core/bytes.ts';
import type { Call } from '../../ts/core/module.ts';

/**
 * The address, in lower-case hex, whose key made a signature of 65 bytes of a digest of 32: by go-ethereum's own code, the
 * module ecrecover.
 *
 * @throws TandemError with code `input` if nobody can have made it
 */
export function recoverSigner(call: Call, digest: string, signature: string): string {
  return toHex(call('recover_signer', { digest: fromHex(digest), signature: fromHex(signature) }).bytes('address'));
}
