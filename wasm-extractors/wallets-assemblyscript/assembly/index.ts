// An extractor module that finds cryptocurrency addresses. The grammar of each is in
// ../../wallets/README.md, which wallets-go, wallets-c and wallets-rust follow, too.

import * as tqx from "../../sdk/assemblyscript/tqx";
import { Address } from "./address";
import { cashAddr, segwit } from "./base32";
import { base58Check, MAX_BASE58CHECK } from "./base58";
import { ethereum, monero } from "./hashed";

/** The length of the shortest address. */
const MIN_WORD: i32 = 26;

/** ASCII letters and digits, of which addresses consist. */
const IN_WORD = letters();

function letters(): StaticArray<bool> {
  const set = new StaticArray<bool>(256);
  for (let c = 0; c < 256; c++) {
    const low = c | 0x20;
    set[c] = (c >= 0x30 && c <= 0x39) || (low >= 0x61 && low <= 0x7a);
  }
  return set;
}

@inline
function inWord(c: u8): bool {
  return unchecked(IN_WORD[c]);
}

function find(input: tqx.Input, out: tqx.Output): void {
  const coins = input.config.get("coins").texts();
  for (let i = 0; i < input.parts.length; i++) scan(input.parts[i].data, i, coins, out);
}

/**
 * Examines the longest runs of letters and digits that have MIN_WORD bytes or more.
 *
 * It looks at the place where a word that begins here would reach that length: what
 * lies before a gap there needs no look. In prose that is one or two bytes of 26; no
 * byte is looked at more than twice.
 */
function scan(text: tqx.Bytes, part: i32, coins: string[], out: tqx.Output): void {
  for (let i = 0; i + MIN_WORD <= text.length; ) { // here: i is 0, or stands behind a gap
    let gap = i + MIN_WORD - 1;
    while (gap >= i && inWord(text[gap])) gap--;
    if (gap >= i) {
      i = gap + 1;
      continue;
    }
    let end = i + MIN_WORD;
    while (end < text.length && inWord(text[end])) end++;
    report(identify(text, i, end), part, i, end, coins, out);
    i = end + 1;
  }
}

function report(address: Address | null, part: i32, start: i32, end: i32, coins: string[], out: tqx.Output): void {
  if (address == null || (coins.length > 0 && !coins.includes(address.coin))) return;
  const found = new tqx.Indicator(address.coin, address.value, part, start - address.before, end);
  found.confidence = address.confidence;
  found.attributes = [new tqx.Attribute("kind", address.kind)];
  out.add(found);
}

/** Tells by its beginning and its length what a word may be, and verifies that. */
function identify(text: tqx.Bytes, start: i32, end: i32): Address | null {
  const word = text.slice(start, end);
  const n = word.length;
  switch (word[0]) {
    case 0x31: case 0x33: case 0x37: case 0x39: case 0x41: case 0x44: case 0x4d: case 0x54: case 0x58: case 0x72: // 1379ADMTXr
      return n <= MAX_BASE58CHECK ? base58Check(word) : null;
    case 0x4c: // L
      return n <= MAX_BASE58CHECK ? base58Check(word) : segwit(word);
    case 0x62: case 0x42: case 0x6c: // bBl
      return segwit(word);
    case 0x71: case 0x70: case 0x51: case 0x50: // qpQP
      return cashAddr(text, start, end);
    case 0x30: // 0
      return n == 42 ? ethereum(word) : null;
    case 0x34: case 0x38: // 48
      return n == 95 || n == 106 ? monero(word) : null;
    default:
      return null;
  }
}

export function tqx_abi_v1(): void {}
export function tqx_alloc(size: i32): usize { return tqx.allocate(size); }
export function tqx_extract(frame: usize, size: i32): u64 { return tqx.run(frame, size, find); }
