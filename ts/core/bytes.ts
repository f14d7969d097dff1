/** `#` and the backslash. */
const FIRST = 35;
const GAP = 92;

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * Decodes base64 (RFC 4648, section 4, padded).
 *
 * @throws Error if the text is anything but the one encoding of some bytes
 */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  if (!BASE64.test(text)) throw new Error('not base64');
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  if (text.endsWith('=') && toBase64(bytes) !== text) throw new Error('not canonical base64');
  return bytes;
}

/** Encodes bytes in base64 (RFC 4648, section 4, padded). */
export function toBase64(bytes: Uint8Array): string {
  const chunk = 0x2000;
  let binary = '';
  for (let at = 0; at < bytes.length; at += chunk) binary += String.fromCharCode(...bytes.subarray(at, at + chunk));
  return btoa(binary);
}

/**
 * Decodes {@link toBase91}. It is for what this source itself holds: a text of anything else gives anything.
 */
export function fromBase91(text: string): Uint8Array<ArrayBuffer> {
  const { length } = text;
  const bytes = new Uint8Array(((length >> 1) * 13 + (length & 1) * 6) >> 3);
  let bits = 0;
  let count = 0;
  let at = 0;
  for (let i = 0; i < length; i += 2) {
    const low = text.charCodeAt(i);
    const high = i + 1 < length ? text.charCodeAt(i + 1) : FIRST;
    bits |= (low - FIRST - +(low > GAP) + 91 * (high - FIRST - +(high > GAP))) << count;
    for (count += 13; count >= 8; count -= 8) {
      bytes[at++] = bits; // past the end nothing is written: what is left of an odd character is padding
      bits >>= 8;
    }
  }
  return bytes;
}

/**
 * Encodes bytes in the 91 characters from `#` to `~` but for the backslash, which neither JavaScript nor JSON escapes in a text: 13 bits
 * in two characters, the lower first, and up to 6 bits at the end in one.
 */
export function toBase91(bytes: Uint8Array): string {
  const character = (value: number) => String.fromCharCode(value + FIRST + +(value + FIRST >= GAP));
  const parts: string[] = [];
  let bits = 0;
  let count = 0;
  const flush = () => {
    const pair = bits & 0x1fff;
    parts.push(count > 6 ? character(pair % 91) + character(Math.floor(pair / 91)) : character(pair));
    bits >>= 13;
    count -= 13;
  };
  for (const byte of bytes) {
    bits |= byte << count;
    count += 8;
    if (count >= 13) flush();
  }
  if (count > 0) flush();
  return parts.join('');
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
export function toHex(bytes: Uint8Array): string {
  return `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** Tells whether two byte strings are equal, in time that depends on their lengths only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}
