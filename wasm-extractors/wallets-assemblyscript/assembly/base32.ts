// Bech32 (BIP 173), Bech32m (BIP 350) and CashAddr: texts of base 32.

import { Bytes } from "../../sdk/assemblyscript/tqx";
import { Address, Alphabet } from "./address";

const LETTERS = new Alphabet("qpzry9x8gf2tvdw0s3jn54khce6mua7l");

/** A witness program of 40 bytes behind "ltc1", its version and the checksum. */
const MAX_BASE32: i32 = 75;

/** Says whether a text is no longer than one of base 32 and does not mix the cases. */
function plausible(text: Bytes): bool {
  let upper = false, lower = false;
  for (let i = 0; i < text.length; i++) {
    upper = upper || isUpper(text[i]);
    lower = lower || text[i] >= 0x61;
  }
  return text.length <= MAX_BASE32 && !(upper && lower);
}

function isUpper(c: u8): bool {
  return c >= 0x41 && c <= 0x5a;
}

function lowered(c: u8): u8 {
  return isUpper(c) ? c | 0x20 : c;
}

/** Compares the beginning of a text with lower-case letters without regard to case. */
function beginsWith(text: Bytes, lower: string): bool {
  if (text.length < lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    if (lowered(text[i]) != <u8>lower.charCodeAt(i)) return false;
  }
  return true;
}

/** The digits of a text from a place on; null when a character is none. */
function digits(text: Bytes, from: i32): StaticArray<u8> | null {
  const values = new StaticArray<u8>(text.length - from);
  for (let i = from; i < text.length; i++) {
    const digit = LETTERS.digit(lowered(text[i]));
    if (digit < 0) return null;
    values[i - from] = <u8>digit;
  }
  return values;
}

/**
 * How many whole bytes the digits of five bits between two places hold; -1 when the
 * bits left over are five or more, or not zero.
 */
function bytesIn(values: StaticArray<u8>, from: i32, to: i32): i32 {
  const spare = (5 * (to - from)) % 8;
  if (to <= from || spare > 4 || (<i32>values[to - 1] & ((1 << spare) - 1)) != 0) return -1;
  return (5 * (to - from)) >> 3;
}

/** Reads a witness address: prefix, "1", version, program, checksum of six. */
export function segwit(word: Bytes): Address | null {
  const coin = lowered(word[0]) == 0x6c ? "ltc" : "btc";
  const prefix = coin == "ltc" ? "ltc" : "bc";
  if (!beginsWith(word, prefix + "1") || !plausible(word)) return null;
  const values = digits(word, prefix.length + 1);
  if (values == null) return null;
  const kind = witness(values[0], bytesIn(values, 1, values.length - 6));
  if (kind == "" || polymod(prefix, values) != (values[0] == 0 ? 1 : 0x2bc830a3)) return null;
  return new Address(coin, kind, word.text().toLowerCase());
}

/** Names the kind of a program by its version and size (BIP 141, BIP 341). */
function witness(version: u8, size: i32): string {
  if (version == 0) return size == 20 ? "p2wpkh" : size == 32 ? "p2wsh" : "";
  if (version == 1) return size == 32 ? "p2tr" : "";
  return version <= 16 && size >= 2 && size <= 40 ? "witness" : "";
}

/** The checksum of BIP 173 over the prefix and the digits. */
function polymod(prefix: string, values: StaticArray<u8>): u32 {
  let sum: u32 = 1;
  for (let i = 0; i < prefix.length; i++) sum = polymodStep(sum, prefix.charCodeAt(i) >> 5);
  sum = polymodStep(sum, 0);
  for (let i = 0; i < prefix.length; i++) sum = polymodStep(sum, prefix.charCodeAt(i) & 31);
  for (let i = 0; i < values.length; i++) sum = polymodStep(sum, values[i]);
  return sum;
}

const GENERATORS: StaticArray<u32> = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

function polymodStep(sum: u32, value: u32): u32 {
  const top = sum >> 25;
  sum = ((sum & 0x1ffffff) << 5) ^ value;
  for (let i = 0; i < 5; i++) {
    if ((top >> i) & 1) sum ^= GENERATORS[i];
  }
  return sum;
}

const CASH_PREFIX = "bitcoincash:";

/**
 * Reads a CashAddr address: version byte, hash, checksum of eight digits, with or
 * without the prefix in front of the word.
 */
export function cashAddr(text: Bytes, start: i32, end: i32): Address | null {
  const word = text.slice(start, end);
  if ((word.length != 42 && word.length != 61) || !plausible(word)) return null;
  const values = digits(word, 0);
  if (values == null) return null;
  const kind = cashKind((values[0] << 3) | (values[1] >> 2), word.length);
  if (kind == "" || bytesIn(values, 0, values.length - 8) < 0 || cashPolymod(values) != 1) return null;
  const address = new Address("bch", kind, CASH_PREFIX + word.text().toLowerCase());
  const before = CASH_PREFIX.length;
  if (start >= before && beginsWith(text.slice(start - before, start), CASH_PREFIX)) address.before = before;
  return address;
}

function cashKind(version: u8, length: i32): string {
  if (length == 61) return version == 0x0b ? "p2sh" : "";
  return version == 0x00 ? "p2pkh" : version == 0x08 ? "p2sh" : "";
}

/** The checksum of CashAddr over the prefix and the digits. */
function cashPolymod(values: StaticArray<u8>): u64 {
  let sum: u64 = 1;
  for (let i = 0; i < CASH_PREFIX.length - 1; i++) sum = cashStep(sum, CASH_PREFIX.charCodeAt(i) & 31);
  sum = cashStep(sum, 0);
  for (let i = 0; i < values.length; i++) sum = cashStep(sum, values[i]);
  return sum;
}

const CASH_GENERATORS: StaticArray<u64> = [0x98f2bc8e61, 0x79b76d99e2, 0xf33e5fb3c4, 0xae2eabe2a8, 0x1e4f43e470];

function cashStep(sum: u64, value: u64): u64 {
  const top = sum >> 35;
  sum = ((sum & 0x7ffffffff) << 5) ^ value;
  for (let i = 0; i < 5; i++) {
    if ((top >> i) & 1) sum ^= CASH_GENERATORS[i];
  }
  return sum;
}
