import { fromBase64 } from './bytes.ts';
import { instantiate, type Tandem } from './wasm.ts';

/**
 * Makes the `loadTandem` of the package, in the place of node.ts and web.ts: the module is inside it, as text, so that it is
 * there wherever JavaScript is, bundled or not. It is compiled once.
 *
 * @param text the module, deflated (RFC 1950), in base64
 */
export function loaderOf(text: string): () => Promise<Tandem> {
  let module: Promise<WebAssembly.Module> | undefined;
  return async () => {
    module ??= inflated(text).then((bytes) => WebAssembly.compile(bytes));
    return instantiate(await module);
  };
}

async function inflated(text: string): Promise<ArrayBuffer> {
  const stream = new Blob([fromBase64(text)]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Response(stream).arrayBuffer();
}
