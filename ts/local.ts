// For Node: a Lit on this machine. It runs actions in Deno, which has to be installed.

export { LIMITS_MEMORY } from './runtime/local/guest-process.ts';
export { LitHost, type LitHostOptions } from './runtime/local/host.ts';
export { LocalRuntime } from './runtime/local/runtime.ts';
export { LitServer } from './runtime/local/server.ts';
