//! Ethereum and Monero, whose checksums are Keccak-256.

use crate::base58::BITCOIN;
use crate::hash::keccak256;
use crate::Address;

/// Reads "0x" and 40 hexadecimal digits. When their letters are of both cases, these
/// are the checksum of EIP-55; otherwise there is none.
pub fn ethereum(word: &[u8]) -> Option<Address> {
    let digits = word.strip_prefix(b"0x")?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let lowered = digits.to_ascii_lowercase();
    let mut address = Address::plain("eth", "account", word);
    address.checked = digits.iter().any(u8::is_ascii_uppercase) && digits.iter().any(u8::is_ascii_lowercase);
    let plausible = if address.checked {
        eip55(digits, &lowered)
    } else {
        // 0x000… and its like are no one's
        digits.iter().any(u8::is_ascii_digit) && digits.iter().any(u8::is_ascii_alphabetic)
    };
    plausible.then_some(address)
}

/// Says whether the letters are capitals where the hash has its high bits.
fn eip55(digits: &[u8], lowered: &[u8]) -> bool {
    let sum = keccak256(lowered);
    digits.iter().enumerate().all(|(i, c)| {
        let high = sum[i / 2] >> (4 * (1 - i % 2)) & 8 != 0;
        !c.is_ascii_alphabetic() || c.is_ascii_uppercase() == high
    })
}

/// Reads blocks of eleven base58 digits for eight bytes, and a last one of seven for
/// five. The last four bytes are the beginning of the Keccak-256 of the rest.
pub fn monero(word: &[u8]) -> Option<Address> {
    let mut raw = Vec::with_capacity(80);
    for block in word.chunks(11) {
        raw.extend_from_slice(block_bytes(block)?.get(if block.len() == 11 { 0.. } else { 3.. })?);
    }
    let kind = match (raw[0], word.len()) {
        (18, 95) => "standard",
        (42, 95) => "subaddress",
        (19, 106) => "integrated",
        _ => return None,
    };
    let (body, check) = raw.split_at(raw.len() - 4);
    (keccak256(body)[..4] == *check).then(|| Address::plain("xmr", kind, word))
}

/// The number that a block is, highest byte first; it must fit the eight bytes of a
/// full block, or the five of the last one.
fn block_bytes(block: &[u8]) -> Option<[u8; 8]> {
    let mut n = 0u64;
    for c in block {
        n = n.checked_mul(58)?.checked_add(u64::from(BITCOIN.digit(*c)?))?;
    }
    (block.len() == 11 || n >> 40 == 0).then_some(n.to_be_bytes())
}
