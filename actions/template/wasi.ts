import { File, OpenFile, WASI, wasi } from '@bjorn3/browser_wasi_shim';

/** What a program is started with. There are no files, and no network. */
export interface WasiOptions {
  /** Its arguments, after its name. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What it reads from stdin. */
  readonly stdin?: string | Uint8Array;
  /** What the module imports besides WASI's. */
  readonly imports?: WebAssembly.Imports;
}

/** What a program did. */
export interface WasiResult {
  readonly exitCode: number;
  readonly stdout: Uint8Array<ArrayBuffer>;
  readonly stderr: Uint8Array<ArrayBuffer>;
}

/**
 * Runs a WASI program (preview 1) to its end: a module with `_start`, as Go, TinyGo and clang make of a `main`.
 *
 * @throws Error if it traps; an exit code is none
 */
export async function runWasi(module: WebAssembly.Module, options: WasiOptions = {}): Promise<WasiResult> {
  const { shim, out, instance } = await instantiate(module, options);
  const exitCode = shim.start(instance as typeof instance & Parameters<WASI['start']>[0]);
  const [stdout, stderr] = out.map(({ data }) => Uint8Array.from(data)) as [
    Uint8Array<ArrayBuffer>,
    Uint8Array<ArrayBuffer>,
  ];
  return { exitCode, stdout, stderr };
}

/**
 * Starts a WASI reactor (preview 1), whose exports can then be called: a module with `_initialize`, as Go and TinyGo make
 * with `-buildmode=c-shared`, and clang with `-mexec-model=reactor`.
 *
 * @throws Error if it traps
 */
export async function startWasi(module: WebAssembly.Module, options: WasiOptions = {}): Promise<WebAssembly.Instance> {
  const { shim, instance } = await instantiate(module, options);
  shim.initialize(instance as typeof instance & Parameters<WASI['initialize']>[0]);
  return instance;
}

async function instantiate(module: WebAssembly.Module, { args = [], env = {}, stdin = '', imports }: WasiOptions) {
  const input = typeof stdin === 'string' ? new TextEncoder().encode(stdin) : stdin;
  const files = [new File(input, { readonly: true }), new File([]), new File([])] as const;
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const shim = new WASI(
    ['main', ...args],
    variables,
    files.map((file) => new OpenFile(file)),
  );
  const all = { ...imports, wasi_snapshot_preview1: { ...shim.wasiImport, random_get: randomOf(shim) } };
  const instance = await WebAssembly.instantiate(module, all as WebAssembly.Imports);
  return { shim, out: files.slice(1), instance };
}

/** Random bytes of the host, in parts: at most 64 KB come at a time. */
function randomOf(shim: WASI) {
  return (at: number, length: number): number => {
    const bytes = new Uint8Array(shim.inst.exports.memory.buffer, at, length);
    for (let from = 0; from < length; from += 65_536) crypto.getRandomValues(bytes.subarray(from, from + 65_536));
    return wasi.ERRNO_SUCCESS;
  };
}
