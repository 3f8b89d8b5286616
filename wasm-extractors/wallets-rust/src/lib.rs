//! An extractor module that finds cryptocurrency addresses. The grammar of each is
//! in ../../wallets/README.md, which wallets-go, wallets-c and
//! wallets-assemblyscript follow, too.

mod base32;
mod base58;
mod hash;
mod hashed;
#[path = "../../sdk/rust/tqx.rs"]
mod tqx;

tqx::extractor!(find);

/// The length of the shortest address.
const MIN_WORD: usize = 26;
/// The length of the longest Base58Check address: 25 bytes give no more.
const MAX_BASE58CHECK: usize = 35;

/// One that was recognised.
pub struct Address {
    coin: &'static str,
    kind: &'static str,
    /// As it is compared with others.
    value: String,
    /// Whether its checksum is right, or it has none.
    checked: bool,
    /// How many bytes before the word belong to it.
    before: usize,
}

impl Address {
    /// An address that is written as its word.
    fn plain(coin: &'static str, kind: &'static str, word: &[u8]) -> Address {
        Address { coin, kind, value: String::from_utf8_lossy(word).into_owned(), checked: true, before: 0 }
    }
}

fn find(input: &tqx::Input, out: &mut tqx::Output) {
    let coins = input.config.get("coins").texts();
    for (part, text) in input.parts.iter().map(|p| p.data).enumerate() {
        for (start, end) in (LongWords { text, at: 0 }) {
            let a = match identify(text, start, end) {
                Some(a) if coins.is_empty() || coins.iter().any(|c| c == a.coin) => a,
                _ => continue,
            };
            out.add(tqx::Indicator {
                kind: a.coin,
                value: &a.value,
                part,
                start: start - a.before,
                end,
                confidence: if a.checked { 95 } else { 50 },
                attributes: &[("kind", a.kind)],
                ..Default::default()
            });
        }
    }
}

/// Tells by its beginning and its length what a word may be, and verifies that.
fn identify(text: &[u8], start: usize, end: usize) -> Option<Address> {
    let word = &text[start..end];
    match (word[0], word.len()) {
        (b'1' | b'3' | b'7' | b'9' | b'A' | b'D' | b'L' | b'M' | b'T' | b'X' | b'r', n) if n <= MAX_BASE58CHECK => base58::read(word),
        (b'b' | b'B' | b'l' | b'L', _) => base32::segwit(word),
        (b'q' | b'p' | b'Q' | b'P', 42 | 61) => base32::cash_addr(&text[..start], word),
        (b'0', 42) => hashed::ethereum(word),
        (b'4' | b'8', 95 | 106) => hashed::monero(word),
        _ => None,
    }
}

/// ASCII letters and digits, of which addresses consist.
static IN_WORD: [bool; 256] = in_word();

const fn in_word() -> [bool; 256] {
    let mut set = [false; 256];
    let mut c = 0;
    while c < 256 {
        set[c] = (c as u8).is_ascii_alphanumeric();
        c += 1;
    }
    set
}

/// Steps through the longest runs of letters and digits that have `MIN_WORD` bytes
/// or more.
///
/// It looks at the place where a word that begins here would reach that length:
/// what lies before a gap there needs no look. In prose that is one or two bytes of
/// 26; no byte is looked at more than twice.
struct LongWords<'a> {
    text: &'a [u8],
    at: usize, // 0, or behind a gap
}

impl Iterator for LongWords<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let is_gap = |c: &u8| !IN_WORD[*c as usize];
        while let Some(window) = self.text.get(self.at..self.at + MIN_WORD) {
            if let Some(gap) = window.iter().rposition(is_gap) {
                self.at += gap + 1;
                continue;
            }
            let start = self.at;
            let rest = &self.text[start + MIN_WORD..];
            let end = start + MIN_WORD + rest.iter().position(is_gap).unwrap_or(rest.len());
            self.at = end + 1;
            return Some((start, end));
        }
        None
    }
}
