//! Base58Check: bitcoin, litecoin, dogecoin, tron, dash, and the XRP ledger.

use crate::hash::sha256;
use crate::Address;

/// What the characters of a text stand for.
pub struct Alphabet {
    zero: u8,
    digits: [i8; 256], // -1: none
}

impl Alphabet {
    pub const fn new(characters: &[u8]) -> Alphabet {
        let mut digits = [-1; 256];
        let mut i = 0;
        while i < characters.len() {
            digits[characters[i] as usize] = i as i8;
            i += 1;
        }
        Alphabet { zero: characters[0], digits }
    }

    pub fn digit(&self, c: u8) -> Option<u8> {
        u8::try_from(self.digits[c as usize]).ok()
    }

    /// Reads a number of exactly 25 bytes. Each leading zero byte is written as one
    /// zero digit.
    fn decode(&self, word: &[u8]) -> Option<[u8; 25]> {
        let mut limbs = [0u32; 7]; // lowest first
        for c in word {
            let mut carry = u64::from(self.digit(*c)?);
            for limb in limbs.iter_mut() {
                carry += u64::from(*limb) * 58;
                *limb = carry as u32;
                carry >>= 32;
            }
            if carry != 0 {
                return None;
            }
        }
        let mut raw = [0u8; 25];
        for (i, byte) in raw.iter_mut().rev().enumerate() {
            *byte = limbs[i / 4].to_le_bytes()[i % 4];
        }
        let fits = limbs[6] >> 8 == 0 && leading(word, self.zero) == leading(&raw, 0);
        fits.then_some(raw)
    }
}

/// Counts how often `c` stands at the beginning of `s`.
fn leading(s: &[u8], c: u8) -> usize {
    s.iter().take_while(|x| **x == c).count()
}

pub static BITCOIN: Alphabet = Alphabet::new(b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz");
static RIPPLE: Alphabet = Alphabet::new(b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz");

/// Reads an address of 25 bytes: version, 20 bytes, and the first four of the double
/// SHA-256 of those.
pub fn read(word: &[u8]) -> Option<Address> {
    let ripple = word[0] == RIPPLE.zero;
    let raw = if ripple { RIPPLE.decode(word)? } else { BITCOIN.decode(word)? };
    let (coin, kind) = version(ripple, raw[0])?;
    let sum = sha256(&sha256(&raw[..21]));
    (sum[..4] == raw[21..]).then(|| Address::plain(coin, kind, word))
}

fn version(ripple: bool, version: u8) -> Option<(&'static str, &'static str)> {
    Some(match (ripple, version) {
        (true, 0x00) => ("xrp", "account"),
        (true, _) => return None,
        (false, 0x00) => ("btc", "p2pkh"),
        (false, 0x05) => ("btc", "p2sh"),
        (false, 0x30) => ("ltc", "p2pkh"),
        (false, 0x32) => ("ltc", "p2sh"),
        (false, 0x1e) => ("doge", "p2pkh"),
        (false, 0x16) => ("doge", "p2sh"),
        (false, 0x41) => ("trx", "account"),
        (false, 0x4c) => ("dash", "p2pkh"),
        (false, 0x10) => ("dash", "p2sh"),
        (false, _) => return None,
    })
}
