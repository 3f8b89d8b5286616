// Ethereum and Monero, whose checksums are Keccak-256.

import { Bytes } from "../../sdk/assemblyscript/tqx";
import { Address, UNCHECKED } from "./address";
import { BITCOIN } from "./base58";
import { keccak256 } from "./hash";

/**
 * Reads "0x" and 40 hexadecimal digits. When their letters are of both cases, these
 * are the checksum of EIP-55; otherwise there is none.
 */
export function ethereum(word: Bytes): Address | null {
  if (word[1] != 0x78) return null;
  const lowered = new StaticArray<u8>(40);
  let upper = 0, lower = 0;
  for (let i = 0; i < 40; i++) {
    const c = word[i + 2];
    const low = c | 0x20;
    const letter = low >= 0x61 && low <= 0x66;
    if (!letter && (c < 0x30 || c > 0x39)) return null;
    if (letter && c == low) lower++;
    else if (letter) upper++;
    lowered[i] = letter ? low : c;
  }
  const address = new Address("eth", "account", word.text());
  if (upper > 0 && lower > 0) return eip55(word, lowered) ? address : null;
  address.confidence = UNCHECKED;
  return upper + lower > 0 && upper + lower < 40 ? address : null; // 0x000… and its like are no one's
}

/** Says whether the letters are capitals where the hash has its high bits. */
function eip55(word: Bytes, lowered: StaticArray<u8>): bool {
  const sum = keccak256(lowered, 40);
  for (let i = 0; i < 40; i++) {
    const c = word[i + 2];
    const high = ((<i32>sum[i >> 1] >> (4 * (1 - (i & 1)))) & 8) != 0;
    if (c > 0x39 && c < 0x61 != high) return false;
  }
  return true;
}

/**
 * Reads blocks of eleven base58 digits for eight bytes, and a last one of seven for
 * five. The last four bytes are the beginning of the Keccak-256 of the rest.
 */
export function monero(word: Bytes): Address | null {
  const blocks = word.length / 11;
  const size = blocks * 8 + 5;
  const raw = new StaticArray<u8>(size);
  for (let i = 0; i <= blocks; i++) {
    const block = word.slice(11 * i, min(11 * i + 11, word.length));
    if (!readBlock(raw, 8 * i, i < blocks ? 8 : 5, block)) return null;
  }
  const kind = moneroKind(raw[0], word.length);
  if (kind == "") return null;
  const sum = keccak256(raw, size - 4);
  if (memory.compare(changetype<usize>(sum), changetype<usize>(raw) + <usize>(size - 4), 4) != 0) return null;
  return new Address("xmr", kind, word.text());
}

/** Reads one block into size bytes at a place; false when it does not fit. */
function readBlock(to: StaticArray<u8>, at: i32, size: i32, block: Bytes): bool {
  let n: u64 = 0;
  for (let i = 0; i < block.length; i++) {
    const digit = BITCOIN.digit(block[i]);
    if (digit < 0 || n > (u64.MAX_VALUE - <u64>digit) / 58) return false;
    n = n * 58 + <u64>digit;
  }
  if (size < 8 && n >> (8 * size) != 0) return false;
  for (let i = 0; i < size; i++) to[at + size - 1 - i] = <u8>(n >> (8 * i));
  return true;
}

/** The kind by the network byte of the main net; "" for what is no address of it. */
function moneroKind(network: u8, length: i32): string {
  if (length == 106) return network == 19 ? "integrated" : "";
  return network == 18 ? "standard" : network == 42 ? "subaddress" : "";
}
