/// <reference path="./modules.d.ts" preserve="true" />
import * as own from 'tandem:wasm';
import { fromBase91, toHex } from '../../ts/core/bytes.ts';
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
  // Inside the source there is nothing to check but slips: whoever alters a byte makes an action of another CID.
  try {
    const bytes = encoding === 'deflate' ? await inflated(fromBase91(data)) : fromBase91(data);
    if (bytes.length === length) return bytes;
  } catch {}
  throw new PublicRefusal('wasm', 'the wasm module in this source is damaged');
}

async function inflated(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function fetched({ url, length, sha256 }: WasmSource): Promise<Uint8Array<ArrayBuffer>> {
  const refuse = (why: string) => new PublicRefusal('wasm', `the wasm module at ${url} ${why}`);
  const bytes = new Uint8Array(length);
  let size = 0;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_MS), credentials: 'omit' });
    if (!response.ok || response.body === null)
      throw refuse(`cannot be fetched: the server answered ${response.status}`);
    // Chunk by chunk, so that no server can make the action hold more than the module's own length.
    const reader = response.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (size + part.value.length > length) {
        await reader.cancel();
        throw refuse(`is longer than the ${length} bytes that this source pins`);
      }
      bytes.set(part.value, size);
      size += part.value.length;
    }
  } catch (error) {
    if (error instanceof PublicRefusal) throw error;
    throw refuse(`cannot be fetched: ${error instanceof Error ? error.message : error}`);
  }
  if (size !== length) throw refuse(`has ${size} bytes where this source pins ${length}`);
  const hash = await sha256Hex(bytes);
  if (hash !== sha256) throw refuse(`has the SHA-256 ${hash} where this source pins ${sha256}`);
  return bytes;
}

async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return toHex(hash).slice(2);
}
