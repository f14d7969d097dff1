/** `0x` and hex digits. */
export type Hex = `0x${string}`;

/** Not every engine has it: Node 20 and the Deno of April 2026 don't. */
const { fromBase64: decodeNatively = decodeByAtob } = Uint8Array as {
  fromBase64?: (text: string, options: { lastChunkHandling: 'strict' }) => Uint8Array<ArrayBuffer>;
};

/**
 * Decodes base64 (RFC 4648, section 4, padded).
 *
 * @throws Error if the text is anything but the one encoding of some bytes
 */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const bytes = decodeNatively(text, { lastChunkHandling: 'strict' });
  // Decoders pass over white space, and the older one over a last group that is not canonical.
  const last = toBase64(bytes.subarray(-(bytes.length % 3 || 3)));
  if (text.length !== 4 * Math.ceil(bytes.length / 3) || !text.endsWith(last)) throw new Error('not base64');
  return bytes;
}

function decodeByAtob(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Encodes bytes in base64 (RFC 4648, section 4, padded). */
export function toBase64(bytes: Uint8Array): string {
  const chunk = 0x2000;
  let binary = '';
  for (let at = 0; at < bytes.length; at += chunk) {
    // A spread would take ten times as long.
    binary += String.fromCharCode.apply(null, bytes.subarray(at, at + chunk) as unknown as number[]);
  }
  return btoa(binary);
}

/**
 * Decodes `0x` and an even number of hex digits.
 *
 * @throws Error if the text is anything else
 */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  if (!/^0x(?:[0-9a-fA-F]{2})*$/.test(text)) throw new Error('not hex');
  return Uint8Array.from({ length: text.length / 2 - 1 }, (_, i) =>
    Number.parseInt(text.slice(2 * i + 2, 2 * i + 4), 16),
  );
}

/** Encodes bytes as `0x` and lower-case hex digits. */
export function toHex(bytes: Uint8Array): Hex {
  return `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** Tells whether two byte strings are equal, in time that depends on their lengths only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

/** The length of a text in bytes of UTF-8. */
export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
