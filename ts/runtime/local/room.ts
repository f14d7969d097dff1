import { RuntimeError } from '../errors.ts';

/** Memory that accounts share. None may hold more than it leaves free, so that the next one always finds some. */
export class Room {
  readonly #held = new Map<number, number>();
  #free: number;

  constructor(bytes: number) {
    this.#free = bytes;
  }

  /** @throws {RuntimeError} `busy` if the account would have too much */
  take(account: number, bytes: number): void {
    const held = (this.#held.get(account) ?? 0) + bytes;
    if (held > this.#free - bytes) {
      throw new RuntimeError('busy', 'the host has too many long requests at once', {
        next: 'try again in a few seconds',
      });
    }
    this.#free -= bytes;
    this.#held.set(account, held);
  }

  giveBack(account: number, bytes: number): void {
    const left = (this.#held.get(account) ?? 0) - bytes;
    this.#free += bytes;
    if (left > 0) this.#held.set(account, left);
    else this.#held.delete(account);
  }
}
