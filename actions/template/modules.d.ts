// What ts/build puts into an action; see buildAction.

declare module 'tandem:wasm' {
  /** How the bytes get here: in `data`, deflated or not, or from `url`. */
  export const encoding: 'deflate' | 'plain' | 'fetch';
  /** The wasm module in base64, as raw DEFLATE or as it is; empty if it is fetched. */
  export const data: string;
  /** Where it is fetched; empty if it is in `data`. */
  export const url: string;
  /** Its size in bytes. */
  export const length: number;
  /** Its SHA-256 in hex. */
  export const sha256: string;
}

/** A further module, by the name that the action's constants.ts gives it. */
declare module 'tandem:wasm/*' {
  export * from 'tandem:wasm';
}
