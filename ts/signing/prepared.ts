import type { ShareInfo } from '../core/wasm.ts';

/** An opened share with its public data, which match wallet.json. */
export interface OpenShare {
  /** Whose holder clears it. */
  readonly share: Uint8Array;
  readonly known: ShareInfo;
}

/** The hot share, opened ahead of time: in memory only, and only as long as its file is unchanged. */
export class Prepared {
  #kept: OpenShare | undefined;
  #fileHash: string | undefined;
  #isClosed = false;

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Drops a share that came from another file than the present one. */
  keepOf(fileHash: string | undefined): void {
    if (fileHash === undefined || fileHash !== this.#fileHash) this.clear();
    this.#fileHash = fileHash;
  }

  /** Keeps a copy. */
  keep({ share, known }: OpenShare): void {
    this.clear();
    if (!this.#isClosed) this.#kept = { share: share.slice(), known };
  }

  /** A copy, which the caller clears. */
  get(): OpenShare | undefined {
    return this.#kept && { share: this.#kept.share.slice(), known: this.#kept.known };
  }

  clear(): void {
    this.#kept?.share.fill(0);
    this.#kept = undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.clear();
  }
}
