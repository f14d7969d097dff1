// Lit's HTTP API, as a host of actions.

export { LitAccount } from './runtime/chipotle/account.ts';
export { LitHttp, type LitHttpOptions, type LogEntry } from './runtime/chipotle/http.ts';
export { assertClock, type ChipotleOptions, ChipotleRuntime } from './runtime/chipotle/runtime.ts';
export { type CompleteSettings, isComplete, LIT_URL, type Settings } from './runtime/chipotle/settings.ts';
export {
  type Finding,
  inspect,
  rotateKey,
  type SetupOptions,
  setUp,
  tearDown,
} from './runtime/chipotle/setup.ts';
