import { globalGlue } from '../core/glue.ts';
import { instantiate, type Tandem } from '../core/wasm.ts';

/**
 * What starts instances of the wasm module: of tandem.wasm and wasm_exec.js, as `make wasm` leaves them, by their URLs. Both
 * are loaded once, as they are. A bundler must not have a part in wasm_exec.js, which goes by what there is (`require`).
 */
export function loadFrom(wasm: string | URL, glue: string | URL): () => Promise<Tandem> {
  let loaded: Promise<WebAssembly.Module> | undefined;
  const load = async () => {
    const [module] = await Promise.all([
      WebAssembly.compileStreaming(fetch(wasm)),
      import(/* @vite-ignore */ /* webpackIgnore: true */ String(glue)),
    ]);
    return module;
  };
  return async () => {
    loaded ??= load();
    loaded.catch(() => {
      loaded = undefined;
    });
    return instantiate(await loaded, globalGlue());
  };
}
