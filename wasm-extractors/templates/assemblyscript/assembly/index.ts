// @NAME@ finds account numbers of Google Analytics. Pages that are copied for
// phishing carry that of the original along, or one by which their makers count.
import * as tqx from "./tqx";

// MIN_DIGITS is how many digits the number of an account has at least.
//
// One test is red: the account of 09-old-account.eml dates from the early days, and
// its number has five digits. Make this 5, and `tqmailrules ext test` is green.
const MIN_DIGITS: i32 = 6;

const PREFIX: i32 = 3; // bytes of "UA-"
const MAX_DIGITS: i32 = 10;
const MAX_PROPERTY: i32 = 4; // digits behind the second dash
const DASH: u8 = 0x2d;

// find is called once for each mail, with the parts that extractor.json wants.
function find(input: tqx.Input, out: tqx.Output): void {
  for (let i = 0; i < input.parts.length; i++) {
    const text = input.parts[i].data;
    for (let at = 0; at + PREFIX < text.length; at++) {
      if (text[at] == 0x55 && text[at + 1] == 0x41 && text[at + 2] == DASH) findAt(text, at, i, out); // "UA-"
    }
  }
}

// findAt reports the account that begins at start, if one does.
function findAt(text: tqx.Bytes, start: i32, part: i32, out: tqx.Output): void {
  const number = start + PREFIX, dash = pastDigits(text, number);
  if (dash == text.length || text[dash] != DASH) return;
  const end = pastDigits(text, dash + 1);
  const digits = dash - number, property = end - dash - 1;
  if (digits < MIN_DIGITS || digits > MAX_DIGITS || property < 1 || property > MAX_PROPERTY) return;
  if (isWord(text, start - 1) || isWord(text, end)) return;
  const found = new tqx.Indicator("tracker", text.text(start, end), part, start, end);
  found.confidence = 90;
  out.add(found);
}

function pastDigits(text: tqx.Bytes, at: i32): i32 {
  while (at < text.length && isDigit(text[at])) at++;
  return at;
}

function isDigit(c: u8): bool {
  return c >= 0x30 && c <= 0x39;
}

// isWord tells whether a letter or a digit stands at a place; outside the text none does.
function isWord(text: tqx.Bytes, at: i32): bool {
  if (at < 0 || at >= text.length) return false;
  const c = text[at];
  return isDigit(c) || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x7a);
}

export function tqx_abi_v1(): void {}
export function tqx_alloc(size: i32): usize { return tqx.allocate(size); }
export function tqx_extract(frame: usize, size: i32): u64 { return tqx.run(frame, size, find); }
