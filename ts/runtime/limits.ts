import type { Limits } from './types.ts';

const KB = 1024;
const MB = 1024 * KB;

/** The figures of Lit's public documentation (2026). */
export const DOCUMENTED_LIMITS: Limits = {
  maxCodeLength: 10 * MB,
  maxParamsLength: 64 * KB,
  maxResponseLength: 1 * MB,
  maxConsoleLogLength: 100 * KB,
  maxFetchCount: 100,
  maxGetKeysCount: 10,
  memoryLimitMb: 128,
  timeoutMs: 15 * 60 * 1000,
};

/** The stricter of the documentation's figures and the defaults of Lit's server (April 2026). */
export const STRICT_LIMITS: Limits = {
  ...DOCUMENTED_LIMITS,
  maxResponseLength: 100 * KB,
  maxFetchCount: 50,
  memoryLimitMb: 64,
};
