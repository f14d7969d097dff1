import { aborted, RuntimeError } from '../errors.ts';

/** A call that waits for its turn. */
interface Waiting {
  readonly start: () => void;
  readonly refuse: (reason: RuntimeError) => void;
}

/**
 * Lets a number of calls run at once and the others wait. An account gets another turn only while more turns are free than it
 * has: one account alone has half of them at most, and the next one finds some. Accounts that wait are served in turn. Once too
 * many calls wait, the newest call of the account with most of them is refused.
 */
export class Turns {
  readonly #maxWaiting: number;
  readonly #running = new Map<number, number>();
  /** The calls that wait, by account; the account that comes first had its last turn before the others. */
  readonly #waiting = new Map<number, Waiting[]>();
  #free: number;

  constructor(count: number, maxWaiting: number) {
    this.#free = count;
    this.#maxWaiting = maxWaiting;
  }

  /**
   * Waits for a turn, and returns a function: call it once to end the turn.
   *
   * @throws {RuntimeError} `busy` if too many wait, `aborted` if the signal comes first
   */
  async take(account: number, signal?: AbortSignal): Promise<() => void> {
    if (signal?.aborted) throw aborted(signal);
    if (this.#waiting.has(account) || !this.#isFreeFor(account)) await this.#wait(account, signal);
    else this.#begin(account);
    return () => this.#end(account);
  }

  #isFreeFor(account: number): boolean {
    return this.#free > this.#runningOf(account);
  }

  #runningOf(account: number): number {
    return this.#running.get(account) ?? 0;
  }

  #begin(account: number): void {
    this.#free--;
    this.#running.set(account, this.#runningOf(account) + 1);
  }

  #end(account: number): void {
    this.#free++;
    const left = this.#runningOf(account) - 1;
    if (left > 0) this.#running.set(account, left);
    else this.#running.delete(account);
    while (this.#startNext());
  }

  #startNext(): boolean {
    for (const [account, [next]] of this.#waiting) {
      if (next === undefined || !this.#isFreeFor(account)) continue;
      this.#begin(account);
      const rest = this.#leave(account, next);
      if (rest !== undefined && this.#waiting.delete(account)) this.#waiting.set(account, rest); // behind the others
      next.start();
      return true;
    }
    return false;
  }

  #wait(account: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = () => signal?.removeEventListener('abort', abort);
      const waiting: Waiting = {
        start: () => {
          done();
          resolve();
        },
        refuse: (reason) => {
          done();
          reject(reason);
        },
      };
      const abort = () => {
        this.#leave(account, waiting);
        waiting.refuse(aborted(signal));
      };
      signal?.addEventListener('abort', abort, { once: true });
      const queue = this.#waiting.get(account);
      if (queue === undefined) this.#waiting.set(account, [waiting]);
      else queue.push(waiting);
      this.#refuseOneTooMany();
    });
  }

  /** Takes a call out of those that wait, and returns what is left of its account's. */
  #leave(account: number, waiting: Waiting): Waiting[] | undefined {
    const rest = this.#waiting.get(account)?.filter((other) => other !== waiting) ?? [];
    if (rest.length > 0) this.#waiting.set(account, rest);
    else this.#waiting.delete(account);
    return rest.length > 0 ? rest : undefined;
  }

  #refuseOneTooMany(): void {
    const queues = [...this.#waiting];
    if (queues.reduce((sum, [, { length }]) => sum + length, 0) <= this.#maxWaiting) return;
    const [account, queue] = queues.reduce((most, other) => (other[1].length >= most[1].length ? other : most));
    const newest = queue.at(-1);
    if (newest === undefined) return;
    this.#leave(account, newest);
    newest.refuse(
      new RuntimeError('busy', 'the host has too many calls waiting', { next: 'try again in a few seconds' }),
    );
  }
}
