import { BuildError } from '../errors.ts';

// What starts a wasm module shows in what it imports. If the glue does not provide that, the action would fail on the host, with a
// message of the WebAssembly runtime. So it is checked when the action is built.

type Import = WebAssembly.ModuleImportDescriptor;

/** The text of the script; `wasi` for actions/template/wasi.ts; undefined if the entry file gives the imports. */
export type Glue = { readonly text: string } | 'wasi' | undefined;

/** The modules that Go and WASI import from. An entry file may provide others itself. */
const GO = ['gojs', 'go'];
const WASI = 'wasi_snapshot_preview1';

/** All functions of WASI preview 1. */
const WASI_NAMES = new Set(
  (
    'args_get args_sizes_get environ_get environ_sizes_get clock_res_get clock_time_get fd_advise fd_allocate fd_close ' +
    'fd_datasync fd_fdstat_get fd_fdstat_set_flags fd_fdstat_set_rights fd_filestat_get fd_filestat_set_size ' +
    'fd_filestat_set_times fd_pread fd_prestat_get fd_prestat_dir_name fd_pwrite fd_read fd_readdir fd_renumber fd_seek ' +
    'fd_sync fd_tell fd_write path_create_directory path_filestat_get path_filestat_set_times path_link path_open ' +
    'path_readlink path_remove_directory path_rename path_symlink path_unlink_file poll_oneoff proc_exit proc_raise ' +
    'random_get sched_yield sock_accept sock_recv sock_send sock_shutdown'
  ).split(' '),
);

/**
 * Checks that the glue gives what a module imports from Go's runtime or from WASI.
 *
 * @throws {BuildError} that says what the module was made by, and which `--glue` it needs
 */
export function assertGlue(imports: readonly Import[], glue: Glue): void {
  const missing = imports.filter((item) => !isGiven(item, glue));
  if (missing.length === 0) return;
  const { made, flag } = origin(imports);
  const names = missing.slice(0, 3).map(({ module, name }) => `${module}.${name}`);
  const listed = `${names.join(', ')}${missing.length > 3 ? ' and others' : ''}`;
  const by = glue === 'wasi' ? 'the shim of WASI' : glue === undefined ? 'an entry file alone' : 'this glue';
  throw new BuildError(
    `the module was made by ${made}: it imports ${listed}, which ${by} does not give. Next: ${flag}`,
  );
}

/** Whether a module needs glue: whether it imports anything from Go's runtime or from WASI. */
export function needsGlue(imports: readonly Import[]): boolean {
  return imports.some(({ module }) => isFromGlue(module));
}

/**
 * What a module imports that only its entry file can provide, as `env.abort`. Whether the entry file does shows only when the action
 * runs.
 */
export function importsFromEntry(imports: readonly Import[], glue: Glue): string[] {
  return imports
    .filter(({ module, name }) => {
      if (glue === undefined) return true;
      return !isFromGlue(module) && !(typeof glue === 'object' && names(glue.text, name));
    })
    .map(({ module, name }) => `${module}.${name}`);
}

function isFromGlue(module: string): boolean {
  return GO.includes(module) || module === WASI || module === 'wasi_unstable';
}

function isGiven({ module, name }: Import, glue: Glue): boolean {
  if (GO.includes(module)) return typeof glue === 'object' && names(glue.text, name);
  if (module === WASI) {
    // An entry file may contain a shim of its own.
    return typeof glue === 'object' ? names(glue.text, name) : glue === undefined || WASI_NAMES.has(name);
  }
  return module !== 'wasi_unstable' || glue === undefined;
}

/** Whether a script has a property of this name. */
function names(text: string, name: string): boolean {
  const word = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`["'\`]${word}["'\`]|(?<![\\w$.])${word}\\s*[:(]|\\.${word}\\s*=`).test(text);
}

function origin(imports: readonly Import[]): { readonly made: string; readonly flag: string } {
  const go = imports.filter(({ module }) => GO.includes(module)).map(({ name }) => name);
  if (go.some((name) => /^runtime\.(ticks|sleepTicks)$/.test(name)) || (go.length > 0 && has(imports, WASI))) {
    return {
      made: 'TinyGo',
      flag: '--glue "$(tinygo env TINYGOROOT)/targets/wasm_exec.js", of the TinyGo that made it',
    };
  }
  if (go.length > 0) {
    return { made: 'Go', flag: '--glue "$(go env GOROOT)/lib/wasm/wasm_exec.js", of the Go that made it' };
  }
  if (has(imports, WASI)) {
    return {
      made: 'a compiler for WASI',
      flag: '--glue wasi, and start it with tandem-ecdsa/template/wasi; or the wasm_exec.js of TinyGo, if TinyGo made it for js',
    };
  }
  return { made: 'a compiler for a WASI before preview 1', flag: 'compile it for wasip1' };
}

function has(imports: readonly Import[], name: string): boolean {
  return imports.some(({ module }) => module === name);
}
