import { InputError } from '../intent/read/json.ts';
import type { Pace } from './schema.ts';

// A chain takes a nonce once. So a bound on the nonce bounds how many signatures can ever take effect, however many were made,
// and nobody has to remember how many.

/** Checks what the schema cannot. @throws {@link InputError} */
export function checkPace({ count, every, from, total, keep }: Pace, path: string): void {
  const fail = (key: string, problem: string) => new InputError(`${path}.${key}`, problem);
  if (count === '0') throw fail('count', 'allows nothing');
  if (every === undefined) {
    if (total !== undefined) throw fail('total', 'needs every; without it, count is the total');
    if (keep !== undefined) throw fail('keep', 'needs every');
    return;
  }
  if (every === '0') throw fail('every', 'not a time');
  if (from === undefined) throw fail('every', 'needs from');
  if (total !== undefined && BigInt(total) < BigInt(count)) throw fail('total', 'less than count');
  if (keep !== undefined && BigInt(keep) < BigInt(every)) throw fail('keep', 'less than every');
}

/** Whether a number is out of its pace by the host's clock; if so, from when on it will be allowed, or until when it was. */
export function outOfPace(pace: Pace, value: bigint, now: number, what: string): string | false {
  if (!Number.isSafeInteger(now)) return 'the time is not known';
  const { first, count, every = '0', from = '0', keep } = pace;
  const total = pace.total ?? (pace.every === undefined ? count : undefined);
  const place = value - BigInt(first);
  if (place < 0n) return `${what} ${value} is below ${first}, and never allowed`;
  if (total !== undefined && place >= BigInt(total)) {
    return `${what} ${value} is not one of the ${total} from ${first} on, and never allowed`;
  }
  const start = BigInt(from) + (place / BigInt(count)) * BigInt(every);
  if (BigInt(now) < start) return `${what} ${value} is not allowed before ${showTime(start)}`;
  if (keep === undefined) return false;
  const end = start + BigInt(keep);
  return BigInt(now) >= end && `${what} ${value} was allowed only before ${showTime(end)}`;
}

/** Seconds since 1970, and the date if they are that of one. */
export function showTime(seconds: bigint | string): string {
  const date = new Date(Number(seconds) * 1000);
  return Number.isNaN(date.getTime()) ? `${seconds}` : `${seconds} (${date.toISOString()})`;
}
