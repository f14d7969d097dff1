const LONGEST_MS = 2 ** 31 - 1; // of a timer

/**
 * Runs `work` with a signal that ends it when `signal` does, or after `ms` milliseconds, if they are given, with a TimeoutError.
 *
 * In place of `AbortSignal.any([signal, AbortSignal.timeout(ms)])`: Node 20 may collect the signal of the timeout before
 * it fires, and then nothing ends.
 */
export async function withDeadline<T>(
  ms: number | undefined,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const unfollow = signal && follow(signal, controller);
  const timer =
    ms === undefined
      ? undefined
      : setTimeout(
          () => controller.abort(new DOMException(`not done within ${ms} ms`, 'TimeoutError')),
          Math.min(ms, LONGEST_MS),
        );
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    unfollow?.();
  }
}

/** Waits. @throws The reason of the signal, if that aborts first. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

const followers = new WeakMap<AbortSignal, Set<AbortController>>();

/**
 * Aborts a controller when a signal is. The signal has one listener, no matter how many follow it: one signal may serve many signatures,
 * and Node warns about more than ten listeners.
 *
 * @returns a function that ends this
 */
function follow(signal: AbortSignal, controller: AbortController): () => void {
  if (signal.aborted) controller.abort(signal.reason);
  let all = followers.get(signal);
  if (all === undefined) {
    const fresh = new Set<AbortController>();
    signal.addEventListener('abort', () => {
      for (const each of fresh) each.abort(signal.reason);
    });
    followers.set(signal, fresh);
    all = fresh;
  }
  all.add(controller);
  return () => all.delete(controller);
}
