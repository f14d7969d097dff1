/** What a module of Go needs to run: its imports, and its start-up. */
export interface GoRuntime {
  readonly importObject: WebAssembly.Imports;
  run(instance: WebAssembly.Instance): Promise<unknown>;
}

/** The constructor of a {@link GoRuntime}: one for every instance. */
export type Glue = new () => GoRuntime;

/**
 * The glue of tandem.wasm, which imports nothing but random bytes. TinyGo's own, `wasm_exec.js`, would serve it too: it is 14 KB
 * of JavaScript that every action and every process would parse.
 */
export class RandomGlue implements GoRuntime {
  #memory: WebAssembly.Memory | undefined;

  readonly importObject = {
    wasi_snapshot_preview1: {
      random_get: (pointer: number, length: number): number => {
        crypto.getRandomValues(new Uint8Array(this.#memory?.buffer ?? new ArrayBuffer(0), pointer, length));
        return 0;
      },
    },
  };

  async run({ exports }: WebAssembly.Instance): Promise<void> {
    this.#memory = exports.memory as WebAssembly.Memory;
    (exports._initialize as () => void)();
  }
}

/**
 * The glue that `wasm_exec.js` left behind, for a module with other imports: that file is a plain script which sets
 * `globalThis.Go`, and must have run. Node imports it (see node.ts), a browser has a `<script>` element. An action starts with its
 * text, as it is, in front of the bundle: a bundler would replace the script's `require`, whose absence it goes by.
 *
 * @throws Error if the script was not run
 */
export function globalGlue(): Glue {
  const { Go } = globalThis as { Go?: Glue };
  if (typeof Go !== 'function') throw new Error('wasm_exec.js was not run: there is no globalThis.Go');
  return Go;
}
