import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { withDeadline } from '../ts/runtime/deadline.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Until the signal ends it; nothing else holds the signal. */
const stuck = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });

describe('a deadline', () => {
  test('a deadline ends the work, with a signal of the caller or without, whatever is collected meanwhile', async () => {
    const timer = setInterval(collect, 10);
    try {
      for (const signal of [undefined, new AbortController().signal]) {
        const late = withDeadline(100, signal, stuck);
        const never = sleep(5000, 'never', { ref: false });
        await assert.rejects(Promise.race([late, never]), { name: 'TimeoutError' });
      }
    } finally {
      clearInterval(timer);
    }
  });

  test('a deadline lets the signal of the caller end it, before it begins or after', async () => {
    const reason = new Error('enough');
    await assert.rejects(
      withDeadline(60_000, AbortSignal.abort(reason), async (signal) => signal.throwIfAborted()),
      reason,
    );
    const controller = new AbortController();
    const work = withDeadline(60_000, controller.signal, stuck);
    controller.abort(reason);
    await assert.rejects(work, reason);
  });

  test('a deadline does not end work that is done, nor long work at once', async () => {
    let kept: AbortSignal | undefined;
    const work = async (signal: AbortSignal) => {
      kept = signal;
      return 7;
    };
    assert.equal(await withDeadline(20, undefined, work), 7);
    await sleep(60);
    assert.equal(kept?.aborted, false);
    const slow = async (signal: AbortSignal) => {
      await sleep(20);
      signal.throwIfAborted();
      return 8;
    };
    assert.equal(await withDeadline(Number.POSITIVE_INFINITY, undefined, slow), 8);
  });
});
