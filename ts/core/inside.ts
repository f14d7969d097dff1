import { fromBase64 } from './bytes.ts';
import { instantiate, type Tandem } from './wasm.ts';

/**
 * Makes the `loadTandem` of the package, in the place of node.ts and web.ts: the module is inside it, as text, so that it is
 * there wherever JavaScript is, bundled or not. It is compiled once.
 *
 * @param wasm gives the module's bytes
 */
export function loaderOf(wasm: () => BufferSource | Promise<BufferSource>): () => Promise<Tandem> {
  let module: Promise<WebAssembly.Module> | undefined;
  return async () => {
    module ??= Promise.resolve(wasm()).then((bytes) => WebAssembly.compile(bytes));
    return instantiate(await module);
  };
}

/** What was deflated (RFC 1950) and encoded in base64, where there is no zlib. In Node this takes ten times as long as zlib does. */
export async function inflated(text: string): Promise<ArrayBuffer> {
  const stream = new Blob([fromBase64(text)]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Response(stream).arrayBuffer();
}
