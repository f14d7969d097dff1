import type { Limits } from './types.ts';

const KB = 1024;
const MB = 1024 * KB;

/**
 * The longest body of a request. Parameters are part of it, and if the host reports no other limit, this bounds them. A gateway
 * before a host may take less: about 3 MB at Lit.
 */
export const MAX_BODY = 10 * MB;

/** The limits of the newest of Lit's hosts. */
export const NEWEST_LIMITS: Limits = {
  maxCodeLength: 16 * MB,
  maxParamsLength: MAX_BODY,
  maxResponseLength: 1 * MB,
  maxConsoleLogLength: 100 * KB,
  maxFetchCount: 100,
  maxGetKeysCount: 10,
  memoryLimitMb: 128,
  timeoutMs: 15 * 60 * 1000,
};

/** What Lit's hosts had in force in April 2026. */
export const APRIL_LIMITS: Limits = {
  ...NEWEST_LIMITS,
  maxCodeLength: 10 * MB,
  maxResponseLength: 100 * KB,
  maxFetchCount: 50,
  memoryLimitMb: 64,
};

/** The figures of Lit's public documentation (2026). That of the parameters is not enforced there. */
export const DOCUMENTED_LIMITS: Limits = {
  ...NEWEST_LIMITS,
  maxCodeLength: 10 * MB,
  maxParamsLength: 64 * KB,
};

/** The strictest of all these figures: a call within them suits every host. */
export const STRICT_LIMITS: Limits = { ...APRIL_LIMITS, maxParamsLength: DOCUMENTED_LIMITS.maxParamsLength };

/** The sets of limits that a local host may be given in place of its generation's own, by name. */
export const LIMIT_SETS: Readonly<Record<string, Limits>> = { strict: STRICT_LIMITS, documented: DOCUMENTED_LIMITS };
