/** What TinyGo's `wasm_exec.js` defines as `Go`: the imports of a module, and its start-up. */
export interface GoRuntime {
  readonly importObject: WebAssembly.Imports;
  run(instance: WebAssembly.Instance): Promise<unknown>;
}

/** The constructor of a {@link GoRuntime}: one for every instance. */
export type Glue = new () => GoRuntime;

/**
 * The glue that `wasm_exec.js` left behind: that file is a plain script which sets `globalThis.Go`, and must have run.
 * Node imports it (see node.ts), a browser has a `<script>` element. An action starts with its text, as it is, in front
 * of the bundle: a bundler would replace the script's `require`, whose absence it goes by.
 *
 * @throws Error if the script was not run
 */
export function globalGlue(): Glue {
  const { Go } = globalThis as { Go?: Glue };
  if (typeof Go !== 'function') throw new Error('wasm_exec.js was not run: there is no globalThis.Go');
  return Go;
}
