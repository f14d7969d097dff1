import { globalGlue } from '../../ts/core/glue.ts';

/**
 * Starts a Go program, TinyGo's or the standard compiler's, and returns its instance. A `main` that ends, as TinyGo's
 * reactors do, has ended by then; one that waits (`select {}`) so that its functions stay callable has come to that.
 *
 * @throws Error if the program does not start or panics
 */
export async function startGo(module: WebAssembly.Module): Promise<WebAssembly.Instance> {
  const go = new (globalGlue())();
  const instance = await WebAssembly.instantiate(module, go.importObject);
  const ended = go.run(instance); // runs up to the first wait before it returns
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve))]);
  return instance;
}
