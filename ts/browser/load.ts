import { instantiate, type Tandem } from '../core/wasm.ts';

/** What starts instances of the wasm module: of tandem.wasm, as `make wasm` leaves it, by its URL. It is loaded and compiled once. */
export function loadFrom(wasm: string | URL): () => Promise<Tandem> {
  let loaded: Promise<WebAssembly.Module> | undefined;
  return async () => {
    loaded ??= WebAssembly.compileStreaming(fetch(wasm));
    loaded.catch(() => {
      loaded = undefined;
    });
    return instantiate(await loaded);
  };
}
