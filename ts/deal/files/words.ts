import { scrypt } from '@noble/hashes/scrypt.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { english } from 'viem/accounts';
import { encodeCbor } from '../../core/cbor.ts';
import type { Messages } from '../../core/wasm.ts';
import type { DealTerms } from '../../store/deals.ts';

// The words that people compare. They differ if an attacker between the machines deals with each separately.

/**
 * Six words that stand for a new key: the parties' machines show the same words exactly if they have the same key and the same
 * terms. Round 1 commits every party before it sees what the others add to the key, so that an attacker between the
 * machines cannot choose their part to make the words agree: 66 bits.
 */
export function phraseOf(terms: DealTerms, deal: Uint8Array, keyId: Uint8Array): string {
  return words(6, hashOf(['TANDEM-V1-PHRASE', deal, terms, keyId]));
}

/**
 * Twelve words that stand for what new shares will be made from: the terms, and round 1 of all people. Nothing commits an attacker
 * between the machines to a part of it. They may try as many as they like with each of two machines until the words agree, so there
 * are twice as many words: 132 bits, of which two agree after 2^66 tries; and each try is an scrypt.
 */
export function round1PhraseOf(terms: DealTerms, deal: Uint8Array, round1: Messages): string {
  const hash = hashOf(['TANDEM-V1-ROUND1', deal, terms, round1]);
  return words(12, scrypt(hash, 'TANDEM-V1-ROUND1', SCRYPT));
}

/** 32 MB, and a tenth of a second. */
const SCRYPT = { N: 2 ** 15, r: 8, p: 1, dkLen: 32 };

function hashOf(value: unknown[]): Uint8Array {
  return sha256(encodeCbor(value));
}

function words(count: number, bytes: Uint8Array): string {
  const number = BigInt(`0x${bytesToHex(bytes)}`);
  return Array.from({ length: count }, (_, i) => english[Number((number >> BigInt(11 * i)) & 0x7ffn)]).join(' ');
}
