//! The ways in which pages hide what they are.

/// Replaces the character references that matter in addresses (HTML section 13.5):
/// numbers, and the five of XML. Others stay as they are.
pub fn entities(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    let mut rest = s;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (c, size) = reference(rest).unwrap_or(('&', 1));
        out.push(c);
        rest = &rest[size..];
    }
    out + rest
}

/// Reads the reference at the beginning of `s`, and tells how many bytes it takes.
fn reference(s: &str) -> Option<(char, usize)> {
    let end = s.bytes().take(12).position(|c| c == b';')?;
    let name = &s[1..end];
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(|c| c == 'x' || c == 'X') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    };
    Some((c, end + 1))
}

/// Reads base64 (RFC 4648, both alphabets) up to the first byte that is none of it;
/// white space between is left out.
pub fn base64(s: &[u8]) -> Vec<u8> {
    let (mut bits, mut n, mut out) = (0u32, 0, Vec::with_capacity(s.len() * 3 / 4));
    for c in s.iter().filter(|c| !c.is_ascii_whitespace()) {
        let digit = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => break,
        };
        bits = bits << 6 | u32::from(digit);
        n += 6;
        if n >= 8 {
            n -= 8;
            out.push((bits >> n) as u8);
        }
    }
    out
}

/// Replaces `%XX`, and `%uXXXX` as JavaScript's unescape does.
pub fn percent(s: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(s.len());
    let mut i = 0;
    while i < s.len() {
        let (from, digits) = if s[i + 1..].first().map_or(false, |c| c | 0x20 == b'u') { (i + 2, 4) } else { (i + 1, 2) };
        match hex(s.get(from..from + digits)).filter(|_| s[i] == b'%') {
            Some(code) => {
                let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                i = from + digits;
            }
            None => {
                out.push(s[i]);
                i += 1;
            }
        }
    }
    out
}

fn hex(digits: Option<&[u8]>) -> Option<u32> {
    digits?.iter().try_fold(0, |n, c| Some(n << 4 | (*c as char).to_digit(16)?))
}
