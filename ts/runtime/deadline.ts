const LONGEST_MS = 2 ** 31 - 1; // of a timer

/**
 * Runs `work` with a signal that ends it when `signal` does, or after `ms` milliseconds with a TimeoutError.
 *
 * In place of `AbortSignal.any([signal, AbortSignal.timeout(ms)])`: Node 20 may collect the signal of the timeout before
 * it fires, and then nothing ends.
 */
export async function withDeadline<T>(
  ms: number,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  const timer = setTimeout(
    () => controller.abort(new DOMException(`not done within ${ms} ms`, 'TimeoutError')),
    Math.min(ms, LONGEST_MS),
  );
  signal?.addEventListener('abort', abort);
  if (signal?.aborted) abort();
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
