import { RuntimeError } from '../errors.ts';

/** Lets a number of calls run at once and the others wait, in the order in which they came. */
export class Turns {
  readonly #maxWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(count: number, maxWaiting: number) {
    this.#free = count;
    this.#maxWaiting = maxWaiting;
  }

  /**
   * Waits for a turn. Whoever got one gives it back by calling what is returned, once.
   *
   * @throws {RuntimeError} `busy` if too many wait, `aborted` if the signal comes first
   */
  async take(signal?: AbortSignal): Promise<() => void> {
    if (signal?.aborted) throw aborted(signal);
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    return () => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    };
  }

  #wait(signal?: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.#maxWaiting) {
      throw new RuntimeError('busy', 'the host has too many calls waiting', { next: 'try again in a few seconds' });
    }
    return new Promise((resolve, reject) => {
      const turn = () => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        reject(aborted(signal));
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiting.push(turn);
    });
  }
}

function aborted(signal: AbortSignal | undefined): RuntimeError {
  return new RuntimeError('aborted', 'the call was aborted', { cause: signal?.reason });
}
