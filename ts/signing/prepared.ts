import { TandemError } from '../core/errors.ts';
import type { ShareInfo, Signature, Tandem } from '../core/wasm.ts';

/** How many requests are kept ready at most: as many as one call takes. */
export const MAX_PREPARED = 8;

/**
 * A signing request and the secrets that finish it, which leave this object for nobody. It is used for one signature: two
 * from one request have the nonce share in common, from which an action that cheats would compute the key.
 */
export class SigningRequest {
  /** What the share says of itself. */
  readonly known: ShareInfo;
  /** The index of the party that is asked. */
  readonly peer: number;
  /** What is sent, 43.4 KB. It does not depend on what will be signed. */
  readonly message: Uint8Array;
  #secrets: { readonly share: Uint8Array; readonly session: Uint8Array } | undefined;

  /**
   * @param tandem a fresh instance. It is not kept: its memory has remains of all that was computed in it
   * @param known what the share says of itself
   * @param share the caller's, who clears it; the request has a copy
   */
  constructor(tandem: Tandem, known: ShareInfo, share: Uint8Array, peer: number) {
    this.known = known;
    const { session, request } = tandem.dkls18Request({ share, peer });
    this.peer = peer;
    this.message = request;
    this.#secrets = { share: share.slice(), session };
  }

  /**
   * Makes the signature, in a fresh instance. Whatever comes of it, the request is used up.
   *
   * @throws TandemError, `session` if the request is used up or cleared
   */
  finish(tandem: Tandem, input: { digest: Uint8Array; path: string; response: Uint8Array }): Signature {
    const secrets = this.#secrets;
    this.#secrets = undefined; // before anything can fail
    if (secrets === undefined) throw new TandemError('session', 'this request was used already');
    const { share, session } = secrets;
    try {
      return tandem.dkls18Finish({ ...input, share, session });
    } finally {
      share.fill(0);
      session.fill(0);
    }
  }

  /** Ends the request: it cannot be finished any more. */
  clear(): void {
    this.#secrets?.share.fill(0);
    this.#secrets?.session.fill(0);
    this.#secrets = undefined;
  }
}

/** Requests made ahead of time, in memory only, all of them with the share of one file. */
export class RequestPool {
  readonly #ready: SigningRequest[] = [];
  #fileHash: string | undefined;
  #isClosed = false;

  get size(): number {
    return this.#ready.length;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Drops what was made with another file than the one there is now. */
  keepOf(fileHash: string | undefined): void {
    if (fileHash === undefined || fileHash !== this.#fileHash) this.clear();
    this.#fileHash = fileHash;
  }

  add(request: SigningRequest): void {
    if (this.#isClosed || this.#ready.length >= MAX_PREPARED) request.clear();
    else this.#ready.push(request);
  }

  /** Hands out up to `count` requests, the oldest first. They are the caller's to finish or to clear. */
  take(count: number): SigningRequest[] {
    return this.#ready.splice(0, count);
  }

  clear(): void {
    for (const request of this.#ready.splice(0)) request.clear();
  }

  close(): void {
    this.#isClosed = true;
    this.clear();
  }
}
