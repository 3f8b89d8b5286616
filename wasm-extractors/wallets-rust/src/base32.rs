//! Bech32 (BIP 173), Bech32m (BIP 350) and CashAddr: texts of base 32.

use crate::base58::Alphabet;
use crate::Address;

static LETTERS: Alphabet = Alphabet::new(b"qpzry9x8gf2tvdw0s3jn54khce6mua7l");

/// A witness program of 40 bytes behind "ltc1", its version and the checksum.
const MAX_BASE32: usize = 75;

/// Says whether a text is no longer than one of base 32 and does not mix the cases.
fn plausible(text: &[u8]) -> bool {
    text.len() <= MAX_BASE32 && !(text.iter().any(u8::is_ascii_uppercase) && text.iter().any(u8::is_ascii_lowercase))
}

fn digits(text: &[u8]) -> Option<Vec<u8>> {
    text.iter().map(|c| LETTERS.digit(c.to_ascii_lowercase())).collect()
}

/// How many whole bytes digits of five bits hold. The bits left over must be fewer
/// than five, and zero.
fn bytes_in(values: &[u8]) -> Option<usize> {
    let spare = 5 * values.len() % 8;
    (spare < 5 && values.last()? & ((1 << spare) - 1) == 0).then_some(5 * values.len() / 8)
}

/// Reads a witness address: prefix, "1", version, program, checksum of six.
pub fn segwit(word: &[u8]) -> Option<Address> {
    let (coin, prefix) = if word[0] | 0x20 == b'l' { ("ltc", "ltc1") } else { ("btc", "bc1") };
    let (head, tail) = word.split_at(prefix.len());
    if !head.eq_ignore_ascii_case(prefix.as_bytes()) || !plausible(word) {
        return None;
    }
    let values = digits(tail)?;
    let kind = witness(values[0], bytes_in(&values[1..values.len() - 6])?)?;
    let want = if values[0] == 0 { 1 } else { 0x2bc830a3 };
    let sum = polymod(prefix.trim_end_matches('1').as_bytes(), &values);
    (sum == want).then(|| Address::plain(coin, kind, &word.to_ascii_lowercase()))
}

/// Names the kind of a program by its version and size (BIP 141, BIP 341).
fn witness(version: u8, size: usize) -> Option<&'static str> {
    match (version, size) {
        (0, 20) => Some("p2wpkh"),
        (0, 32) => Some("p2wsh"),
        (1, 32) => Some("p2tr"),
        (2..=16, 2..=40) => Some("witness"),
        _ => None,
    }
}

/// The checksum of BIP 173 over the prefix and the digits.
fn polymod(prefix: &[u8], values: &[u8]) -> u32 {
    let high = prefix.iter().map(|c| c >> 5);
    let low = prefix.iter().map(|c| c & 31);
    high.chain(Some(0)).chain(low).chain(values.iter().copied()).fold(1, polymod_step)
}

fn polymod_step(sum: u32, value: u8) -> u32 {
    const GENERATORS: [u32; 5] = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
    let top = sum >> 25;
    let next = (sum & 0x1ffffff) << 5 ^ u32::from(value);
    (0..5).filter(|i| top >> i & 1 == 1).fold(next, |sum, i| sum ^ GENERATORS[i])
}

const CASH_PREFIX: &str = "bitcoincash:";

/// Reads a CashAddr address: version byte, hash, checksum of eight digits, with or
/// without the prefix at the end of `before`.
pub fn cash_addr(before: &[u8], word: &[u8]) -> Option<Address> {
    let values = digits(word).filter(|_| plausible(word))?;
    let kind = match (values[0] << 3 | values[1] >> 2, word.len()) {
        (0x00, 42) => "p2pkh",
        (0x08, 42) | (0x0b, 61) => "p2sh",
        _ => return None,
    };
    bytes_in(&values[..values.len() - 8])?;
    if cash_polymod(&values) != 1 {
        return None;
    }
    let value = CASH_PREFIX.to_owned() + &String::from_utf8_lossy(&word.to_ascii_lowercase());
    let start = before.len().saturating_sub(CASH_PREFIX.len());
    let prefixed = before[start..].eq_ignore_ascii_case(CASH_PREFIX.as_bytes());
    Some(Address { coin: "bch", kind, value, checked: true, before: if prefixed { CASH_PREFIX.len() } else { 0 } })
}

/// The checksum of CashAddr over the prefix and the digits.
fn cash_polymod(values: &[u8]) -> u64 {
    let prefix = b"bitcoincash".iter().map(|c| c & 31);
    prefix.chain(Some(0)).chain(values.iter().copied()).fold(1, cash_step)
}

fn cash_step(sum: u64, value: u8) -> u64 {
    const GENERATORS: [u64; 5] = [0x98f2bc8e61, 0x79b76d99e2, 0xf33e5fb3c4, 0xae2eabe2a8, 0x1e4f43e470];
    let top = sum >> 35;
    let next = (sum & 0x7ffffffff) << 5 ^ u64::from(value);
    (0..5).filter(|i| top >> i & 1 == 1).fold(next, |sum, i| sum ^ GENERATORS[i])
}
