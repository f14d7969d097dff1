import * as v from 'valibot';
import { TandemError } from '../../ts/core/errors.ts';
import { globalGlue } from '../../ts/core/glue.ts';
import { type Call, startModule } from '../../ts/core/module.ts';
import { AnyHex } from '../../ts/protocol/schema.ts';
import { actionMain } from '../template/action.ts';
import { loadWasm } from '../template/wasm.ts';
import { recoverSigner } from './recover.ts';

const requestSchema = v.strictObject({
  signatures: v.pipe(
    v.array(v.strictObject({ digest: AnyHex(32), signature: AnyHex(65) })),
    v.minLength(1),
    v.maxLength(200),
  ),
});

/** A digest of 32 bytes and a signature of 65 (r, s, and v as 0, 1, 27 or 28), each in hex with `0x`. */
export type EcrecoverRequest = v.InferInput<typeof requestSchema>;

/** For each signature its signer's address in lower-case hex, or null if nobody can have made it. */
export type EcrecoverAnswer = { signers: (string | null)[] };

/** Recovers who made signatures, with go-ethereum's own code. It needs no wallet and holds no secret. */
export const main = actionMain(async (params): Promise<EcrecoverAnswer> => {
  const { signatures } = v.parse(requestSchema, params);
  const call = await startModule(await loadWasm(), globalGlue());
  return { signers: signatures.map((item) => signerOf(call, item.digest, item.signature)) };
});

function signerOf(call: Call, digest: string, signature: string): string | null {
  try {
    return recoverSigner(call, digest, signature);
  } catch (error) {
    if (error instanceof TandemError && error.code === 'input') return null;
    throw error;
  }
}
