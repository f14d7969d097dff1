import { type ErrorCode, PasskeyError, WalletError } from '../errors.ts';
import { sentError } from './advice.ts';
import type { CallName, SentError, ToPage, ToWorker, WalletCalls } from './messages.ts';
import { unwrapByPasskey, wrapByPasskey } from './passkey.ts';

/** An error of the worker, in its words. */
export class WorkerError extends WalletError {
  override readonly name = 'WorkerError';
  override readonly code: ErrorCode;

  constructor({ code, short, next }: SentError) {
    super(short, { next });
    this.code = code;
  }
}

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
  readonly onStep: ((step: string) => void) | undefined;
}

/** The page's end of the worker that holds the wallet. */
export class WalletClient {
  readonly #start: () => Worker;
  #worker: Worker | undefined;
  #count = 0;
  readonly #waiting = new Map<number, Waiting>();
  /** Told that the session has ended: by itself, or by {@link lock}. */
  onEnd: (() => void) | undefined;

  /** @param start starts the worker, which calls `serveWallet` */
  constructor(start: () => Worker) {
    this.#start = start;
  }

  /**
   * @param onStep told in plain words what is being done
   * @throws WorkerError, PasskeyError
   */
  call<Name extends CallName>(
    name: Name,
    args: WalletCalls[Name]['args'],
    onStep?: (step: string) => void,
  ): Promise<WalletCalls[Name]['result']> {
    const id = this.#count++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, onStep });
      this.#running().postMessage({ call: name, id, args } satisfies ToWorker);
    });
  }

  /** Ends the session at once, and with it the worker and all of its memory. */
  lock(): void {
    this.#end({ code: 'wallet', short: 'The wallet was locked.', next: 'open it, and try again.' });
  }

  #running(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = this.#start();
    worker.addEventListener('message', ({ data }: MessageEvent<ToPage>) => void this.#receive(worker, data));
    worker.addEventListener('error', () => {
      const next = 'reload the page; if that repeats, tell the operator of the page.';
      if (worker === this.#worker) this.#end({ code: 'internal', short: 'The wallet could not be started.', next });
    });
    this.#worker = worker;
    return worker;
  }

  async #receive(worker: Worker, message: ToPage): Promise<void> {
    if (worker !== this.#worker) return;
    if ('ended' in message)
      return this.#end({ code: 'wallet', short: 'The session has ended.', next: 'open the wallet.' });
    if ('ask' in message) {
      const answer = await answerTo(message);
      worker.postMessage(answer);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    if ('step' in message) return waiting?.onStep?.(message.step);
    this.#waiting.delete(message.id);
    if ('ok' in message) return waiting?.resolve(message.ok as never);
    const { code, short, next } = message.error;
    waiting?.reject(code === 'passkey' ? new PasskeyError(short, { next }) : new WorkerError(message.error));
  }

  #end(why: SentError): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(new WorkerError(why));
    this.#waiting.clear();
    this.onEnd?.();
  }
}

async function answerTo(message: Extract<ToPage, { ask: number }>): Promise<ToWorker> {
  const { ask: answer, hint } = message;
  try {
    if ('wrap' in message) {
      const stanzas = await wrapByPasskey(hint, message.wrap);
      return { answer, stanzas: stanzas.map(({ args, body }) => ({ args: [...args], body: body.slice() })) };
    }
    return { answer, fileKey: (await unwrapByPasskey(hint, message.unwrap))?.slice() ?? null };
  } catch (error) {
    return { answer, error: sentError(error) };
  }
}
