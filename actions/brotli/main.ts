import { BrotliDecStream, initSync } from 'brotli-dec-wasm/web';
import * as v from 'valibot';
import { fromBase64, toBase64 } from '../../ts/core/bytes.ts';
import { actionMain, PublicRefusal } from '../template/action.ts';
import { loadWasm } from '../template/wasm.ts';

/** The most that is inflated, in bytes: its base64 fits into a response. */
const MAX_INFLATED = 64 * 1024;

const requestSchema = v.strictObject({ compressed: v.string() });

/** Inflates Brotli, with a wasm-bindgen package as it is on npm: an example of the template without Go. */
export const main = actionMain(async (params) => {
  const { compressed } = v.parse(requestSchema, params);
  initSync({ module: await loadWasm() });
  const result = inflate(fromBase64(compressed));
  return { data: toBase64(result) };
});

function inflate(compressed: Uint8Array): Uint8Array {
  const stream = new BrotliDecStream();
  try {
    const result = stream.dec(compressed, MAX_INFLATED);
    if (result.code === 1) return result.buf;
  } catch {}
  throw new PublicRefusal('brotli', `this is not Brotli of at most ${MAX_INFLATED} bytes`);
}
