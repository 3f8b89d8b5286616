// Base58Check: bitcoin, litecoin, dogecoin, tron, dash, and the XRP ledger.

import { Bytes } from "../../sdk/assemblyscript/tqx";
import { Address, Alphabet } from "./address";
import { sha256 } from "./hash";

/** The length of the longest address: 25 bytes give no more. */
export const MAX_BASE58CHECK: i32 = 35;

export const BITCOIN = new Alphabet("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz");
const RIPPLE = new Alphabet("rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz");

/**
 * Reads an address of 25 bytes: version, 20 bytes, and the first four of the double
 * SHA-256 of those.
 */
export function base58Check(word: Bytes): Address | null {
  const ripple = word[0] == RIPPLE.zero;
  const raw = decode(word, ripple ? RIPPLE : BITCOIN);
  if (raw == null) return null;
  const address = ripple ? named(raw[0] == 0 ? "xrp" : "", "account") : version(raw[0]);
  if (address.coin == "") return null;
  const sum = sha256(sha256(raw, 21), 32);
  if (memory.compare(changetype<usize>(sum), changetype<usize>(raw) + 21, 4) != 0) return null;
  address.value = word.text();
  return address;
}

function version(version: u8): Address {
  switch (version) {
    case 0x00: return named("btc", "p2pkh");
    case 0x05: return named("btc", "p2sh");
    case 0x30: return named("ltc", "p2pkh");
    case 0x32: return named("ltc", "p2sh");
    case 0x1e: return named("doge", "p2pkh");
    case 0x16: return named("doge", "p2sh");
    case 0x41: return named("trx", "account");
    case 0x4c: return named("dash", "p2pkh");
    case 0x10: return named("dash", "p2sh");
    default: return named("", "");
  }
}

function named(coin: string, kind: string): Address {
  return new Address(coin, kind, "");
}

/**
 * Reads a number of exactly 25 bytes. Each leading zero byte is written as one zero
 * digit.
 */
function decode(word: Bytes, letters: Alphabet): StaticArray<u8> | null {
  const limbs = new StaticArray<u32>(7); // lowest first
  for (let i = 0; i < word.length; i++) {
    const digit = letters.digit(word[i]);
    if (digit < 0 || !multiplyAdd(limbs, digit)) return null;
  }
  const raw = new StaticArray<u8>(25);
  for (let i = 0; i < 25; i++) raw[24 - i] = <u8>(limbs[i >> 2] >> (8 * (i & 3)));
  let digits = 0;
  while (digits < word.length && word[digits] == letters.zero) digits++;
  let bytes = 0;
  while (bytes < 25 && raw[bytes] == 0) bytes++;
  return limbs[6] >> 8 == 0 && digits == bytes ? raw : null;
}

/** Computes n*58+digit, false when that overflows. */
function multiplyAdd(n: StaticArray<u32>, digit: i32): bool {
  let carry = <u64>digit;
  for (let i = 0; i < 7; i++) {
    carry += <u64>n[i] * 58;
    n[i] = <u32>carry;
    carry >>= 32;
  }
  return carry == 0;
}
