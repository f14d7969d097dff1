/// <reference path="./modules.d.ts" preserve="true" />
import * as own from 'tandem:wasm';
import { fromBase64, toHex } from '../../ts/core/bytes.ts';
import { PublicRefusal } from './action.ts';

const FETCH_MS = 30_000;

/** What `tandem:wasm` holds, or `tandem:wasm/…` of a further module. */
export type WasmSource = Readonly<typeof own>;

/**
 * The wasm module that this action's source holds or names, or a further one, compiled. Its bytes are those that the
 * source was built with, or there is no module.
 *
 * @throws {PublicRefusal} with code `wasm`: it cannot be fetched, or has another length or SHA-256 than the source says
 */
export async function loadWasm(source: WasmSource = own): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await bytesOf(source));
}

async function bytesOf(source: WasmSource): Promise<Uint8Array<ArrayBuffer>> {
  const { encoding, data, length } = source;
  if (encoding === 'fetch') return fetched(source);
  // Inside the source there is nothing to check except slips: a changed byte makes an action with another CID.
  try {
    const bytes = fromBase64(data);
    if (encoding === 'deflate') return await inflated(bytes, length);
    if (bytes.length === length) return bytes;
  } catch {}
  throw new PublicRefusal('wasm', 'the wasm module in this source is damaged');
}

/** Inflates what is known to come to `length` bytes. Without a Blob and a Response, which take longer to start than it does. */
async function inflated(deflated: Uint8Array<ArrayBuffer>, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const { writable, readable } = new DecompressionStream('deflate-raw');
  const writer = writable.getWriter();
  const written = Promise.all([writer.write(deflated), writer.close()]);
  const [bytes] = await Promise.all([collected(readable, length, (why) => new Error(why)), written]);
  return bytes;
}

/** The `length` bytes that a stream gives, chunk by chunk, so that none can make the action hold more. */
async function collected(
  stream: ReadableStream<Uint8Array>,
  length: number,
  refuse: (why: string) => Error,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let size = 0;
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    if (size + part.value.length > length) {
      await reader.cancel();
      throw refuse(`is longer than the ${length} bytes that this source pins`);
    }
    bytes.set(part.value, size);
    size += part.value.length;
  }
  if (size !== length) throw refuse(`has ${size} bytes where this source pins ${length}`);
  return bytes;
}

async function fetched({ url, length, sha256 }: WasmSource): Promise<Uint8Array<ArrayBuffer>> {
  const refuse = (why: string) => new PublicRefusal('wasm', `the wasm module at ${url} ${why}`);
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_MS), credentials: 'omit' });
    if (!response.ok || response.body === null)
      throw refuse(`cannot be fetched: the server answered ${response.status}`);
    bytes = await collected(response.body, length, refuse);
  } catch (error) {
    if (error instanceof PublicRefusal) throw error;
    throw refuse(`cannot be fetched: ${error instanceof Error ? error.message : error}`);
  }
  const hash = await sha256Hex(bytes);
  if (hash !== sha256) throw refuse(`has the SHA-256 ${hash} where this source pins ${sha256}`);
  return bytes;
}

async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return toHex(hash).slice(2);
}
