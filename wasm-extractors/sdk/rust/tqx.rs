//! What a Rust program needs to be an extractor module of tqmailrules.
//!
//! It reads the frame that the host hands over and writes what was found in the
//! form that the host reads; both are described in ABI.md, "The input" and "The
//! output". It needs no crate, and Rust 1.63 or newer.
//!
//! An extractor is one function:
//!
//! ```ignore
//! mod tqx;
//!
//! fn find(input: &tqx::Input, out: &mut tqx::Output) {
//!     for (i, part) in input.parts.iter().enumerate() {
//!         if let Some(at) = part.text().find("EVIL") {
//!             out.add(tqx::Indicator { kind: "string", value: "EVIL", part: i, start: at, end: at + 4, ..Default::default() });
//!         }
//!     }
//! }
//! tqx::extractor!(find);
//! ```
//!
//! An instance of a module handles one mail, on one thread.
#![allow(dead_code)]

use std::borrow::Cow;

/// Bytes of a value, and of `related_to` (ABI.md, "The output").
pub const MAX_VALUE: usize = 8192;
pub const MAX_ATTRIBUTES: usize = 16;
pub const MAX_ATTRIBUTE_NAME: usize = 64;
pub const MAX_ATTRIBUTE_VALUE: usize = 1024;
pub const MAX_NOTE: usize = 1024;
/// Notes that are kept; the rest is left out.
const MAX_NOTES: usize = 16;
/// What an output keeps free for its end and the note about a limit.
const SPARE: usize = 128;

/// One mail, as far as the description's "wants" asks for it.
pub struct Input<'a> {
    /// Of the message.
    pub id: Cow<'a, str>,
    /// When it was received, RFC 3339 in UTC; empty when unknown.
    pub date: Cow<'a, str>,
    /// The same in seconds since 1970; 0 when unknown.
    pub unix: i64,
    pub parts: Vec<Part<'a>>,
    /// An object.
    pub config: Json<'a>,
    pub max_findings: usize,
    pub max_output: usize,
}

/// One text or file of the mail.
pub struct Part<'a> {
    /// `subject`, `body.text`, or the path of an attachment.
    pub id: Cow<'a, str>,
    /// text, html, page, subject, header, name, attachment, raw.
    pub kind: Cow<'a, str>,
    /// Media type in lower case.
    pub mime: Cow<'a, str>,
    /// File name of an attachment.
    pub name: Cow<'a, str>,
    /// Of an attachment, in lower-case hex.
    pub sha256: Cow<'a, str>,
    pub data: &'a [u8],
    /// Bytes of the whole part; more than those of `data` when truncated.
    pub size: u64,
    pub truncated: bool,
}

impl<'a> Part<'a> {
    /// The part up to its first byte that is not UTF-8. Every kind but raw is UTF-8
    /// throughout.
    pub fn text(&self) -> &'a str {
        match std::str::from_utf8(self.data) {
            Ok(text) => text,
            Err(e) => std::str::from_utf8(&self.data[..e.valid_up_to()]).unwrap_or(""),
        }
    }
}

/// One thing found at one place.
#[derive(Clone, Copy, Default)]
pub struct Indicator<'a> {
    /// One of the description's types.
    pub kind: &'a str,
    /// 1 to `MAX_VALUE` bytes without control characters.
    pub value: &'a str,
    /// Index into `Input::parts`.
    pub part: usize,
    /// Bytes of the part that hold it, end excluded; left out when both are 0.
    pub start: usize,
    pub end: usize,
    /// 1 to 100; 0 says nothing.
    pub confidence: u32,
    /// In the order in which they shall be written, no name twice.
    pub attributes: &'a [(&'a str, &'a str)],
    /// The value of another indicator, or any text it belongs to.
    pub related_to: &'a str,
}

/// Collects findings.
pub struct Output {
    lengths: Vec<usize>, // of the parts
    max_findings: usize,
    max_output: usize,
    indicators: Vec<u8>,
    findings: usize,
    notes: Vec<u8>,
    note_count: usize,
    full: bool,
}

impl Output {
    pub fn new(input: &Input) -> Output {
        Output {
            lengths: input.parts.iter().map(|p| p.data.len()).collect(),
            max_findings: input.max_findings,
            max_output: input.max_output,
            indicators: Vec::new(),
            findings: 0,
            notes: Vec::new(),
            note_count: 0,
            full: false,
        }
    }

    /// Takes one indicator. It returns false, and leaves the indicator out, when
    /// the host would refuse it: an empty, too long or controlling value, a part
    /// or a span that does not exist, a confidence above 100, or one finding too
    /// many. Attributes beyond `MAX_ATTRIBUTES` are left out, too long ones cut.
    pub fn add(&mut self, ind: Indicator) -> bool {
        if self.full || self.findings >= self.max_findings || !self.valid(&ind) {
            return false;
        }
        let mark = self.indicators.len();
        if self.findings > 0 {
            self.indicators.push(b',');
        }
        write_indicator(&mut self.indicators, &ind);
        if self.indicators.len() + self.notes.len() + SPARE > self.max_output {
            self.indicators.truncate(mark);
            self.full = true;
            self.note_count = self.note_count.min(MAX_NOTES - 1);
            self.warn("the output is full: further findings are left out");
            return false;
        }
        self.findings += 1;
        true
    }

    /// Adds a note for people about the mail as a whole.
    pub fn info(&mut self, text: &str) {
        self.note("info", text, None)
    }

    /// Adds a note that something could not be done.
    pub fn warn(&mut self, text: &str) {
        self.note("warning", text, None)
    }

    /// Adds a note, of level info or warning, about one part.
    pub fn note(&mut self, level: &str, text: &str, part: Option<usize>) {
        if text.is_empty() || self.note_count >= MAX_NOTES {
            return;
        }
        if self.note_count > 0 {
            self.notes.push(b',');
        }
        self.note_count += 1;
        self.notes.extend_from_slice(b"{\"level\":");
        write_string(&mut self.notes, level);
        self.notes.extend_from_slice(b",\"text\":");
        write_string(&mut self.notes, cut(text, MAX_NOTE));
        if let Some(part) = part {
            write_field(&mut self.notes, ",\"part\":", part);
        }
        self.notes.push(b'}');
    }

    fn valid(&self, ind: &Indicator) -> bool {
        valid_text(ind.kind)
            && valid_text(ind.value)
            && ind.related_to.len() <= MAX_VALUE
            && ind.confidence <= 100
            && ind.part < self.lengths.len()
            && ind.start <= ind.end
            && ind.end <= self.lengths[ind.part]
    }

    /// The output as the host reads it; empty when there is nothing to tell.
    pub fn encode(&self) -> Vec<u8> {
        let mut b = Vec::new();
        if self.indicators.is_empty() && self.notes.is_empty() {
            return b;
        }
        b.extend_from_slice(b"{\"indicators\":[");
        b.extend_from_slice(&self.indicators);
        b.push(b']');
        if !self.notes.is_empty() {
            b.extend_from_slice(b",\"notes\":[");
            b.extend_from_slice(&self.notes);
            b.push(b']');
        }
        b.push(b'}');
        b
    }
}

/// Says whether the host takes `s` as a value.
fn valid_text(s: &str) -> bool {
    !s.is_empty() && s.len() <= MAX_VALUE && !s.chars().any(char::is_control)
}

/// Shortens `s` to `max` bytes at most, between characters.
fn cut(s: &str, mut max: usize) -> &str {
    if s.len() <= max {
        return s;
    }
    while !s.is_char_boundary(max) {
        max -= 1;
    }
    &s[..max]
}

fn write_indicator(b: &mut Vec<u8>, ind: &Indicator) {
    b.extend_from_slice(b"{\"type\":");
    write_string(b, ind.kind);
    b.extend_from_slice(b",\"value\":");
    write_string(b, ind.value);
    write_field(b, ",\"part\":", ind.part);
    if ind.end > 0 {
        write_field(b, ",\"start\":", ind.start);
        write_field(b, ",\"end\":", ind.end);
    }
    if ind.confidence > 0 {
        write_field(b, ",\"confidence\":", ind.confidence as usize);
    }
    if !ind.attributes.is_empty() {
        write_attributes(b, ind.attributes);
    }
    if !ind.related_to.is_empty() {
        b.extend_from_slice(b",\"related_to\":");
        write_string(b, ind.related_to);
    }
    b.push(b'}');
}

fn write_attributes(b: &mut Vec<u8>, attributes: &[(&str, &str)]) {
    b.extend_from_slice(b",\"attributes\":{");
    let short = attributes.iter().filter(|(name, _)| name.len() <= MAX_ATTRIBUTE_NAME);
    for (i, (name, value)) in short.take(MAX_ATTRIBUTES).enumerate() {
        if i > 0 {
            b.push(b',');
        }
        write_string(b, name);
        b.push(b':');
        write_string(b, cut(value, MAX_ATTRIBUTE_VALUE));
    }
    b.push(b'}');
}

fn write_field(b: &mut Vec<u8>, key: &str, mut n: usize) {
    b.extend_from_slice(key.as_bytes());
    let from = b.len();
    loop {
        b.push(b'0' + (n % 10) as u8);
        n /= 10;
        if n == 0 {
            break;
        }
    }
    b[from..].reverse();
}

/// Writes a JSON string (RFC 8259 section 7). Control characters, which the host
/// takes nowhere, become spaces.
fn write_string(b: &mut Vec<u8>, s: &str) {
    b.push(b'"');
    for c in s.chars() {
        match c {
            '"' | '\\' => b.extend_from_slice(&[b'\\', c as u8]),
            _ if c.is_control() => b.push(b' '),
            _ => b.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    b.push(b'"');
}

/// One JSON value as it is written, without white space around it; empty when
/// there is none. Its methods answer with what they were given for a value of
/// another type, so that a chain of them needs no errors.
#[derive(Clone, Copy, Default)]
pub struct Json<'a>(pub &'a [u8]);

impl<'a> Json<'a> {
    /// The value of a member of an object.
    pub fn get(self, key: &str) -> Json<'a> {
        if self.0.first() != Some(&b'{') {
            return Json(b"");
        }
        self.members().find(|(k, _)| k.text("") == key).map_or(Json(b""), |(_, value)| value)
    }

    /// The elements of an array.
    pub fn items(self) -> impl Iterator<Item = Json<'a>> {
        let list = if self.0.first() == Some(&b'[') { self } else { Json(b"") };
        list.members().map(|(_, value)| value)
    }

    /// The members of an object; or the elements of an array, with empty keys.
    pub fn members(self) -> Members<'a> {
        Members { json: self.0, at: 1 }
    }

    /// The characters of a string.
    pub fn text<'b>(self, otherwise: &'b str) -> Cow<'b, str>
    where
        'a: 'b,
    {
        let j = self.0;
        if j.len() < 2 || j[0] != b'"' || j[j.len() - 1] != b'"' {
            return Cow::Borrowed(otherwise);
        }
        let inner = &j[1..j.len() - 1];
        if inner.contains(&b'\\') {
            return Cow::Owned(unescape(inner));
        }
        String::from_utf8_lossy(inner)
    }

    /// The strings of an array; elements that are none are left out.
    pub fn texts(self) -> Vec<String> {
        self.items().filter(|j| j.0[0] == b'"').map(|j| j.text("").into_owned()).collect()
    }

    /// An integer of up to 18 digits.
    pub fn int(self, otherwise: i64) -> i64 {
        let (digits, sign) = match self.0.split_first() {
            Some((b'-', rest)) => (rest, -1),
            _ => (self.0, 1),
        };
        if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
            return otherwise;
        }
        sign * digits.iter().fold(0, |n, c| n * 10 + i64::from(c - b'0'))
    }

    /// True or false.
    pub fn bool(self, otherwise: bool) -> bool {
        match self.0 {
            b"true" => true,
            b"false" => false,
            _ => otherwise,
        }
    }
}

/// Steps through an object or an array.
pub struct Members<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Json<'a>, Json<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let j = self.json;
        let mut i = blank(j, self.at);
        let mut key = Json(b"");
        if *j.first()? == b'{' {
            if *j.get(i)? != b'"' {
                return None;
            }
            let end = string_end(j, i);
            key = Json(&j[i..end]);
            i = blank(j, end);
            if *j.get(i)? != b':' {
                return None;
            }
            i = blank(j, i + 1);
        }
        let end = value_end(j, i);
        if end <= i {
            return None;
        }
        self.at = blank(j, end);
        if j.get(self.at) == Some(&b',') {
            self.at += 1;
        }
        Some((key, Json(&j[i..end])))
    }
}

fn is_blank(c: u8) -> bool {
    matches!(c, b' ' | b'\t' | b'\n' | b'\r')
}

fn blank(j: &[u8], mut i: usize) -> usize {
    while i < j.len() && is_blank(j[i]) {
        i += 1;
    }
    i
}

/// The place after the string that begins at `i`.
fn string_end(j: &[u8], mut i: usize) -> usize {
    i += 1;
    while i < j.len() {
        match j[i] {
            b'"' => return i + 1,
            b'\\' => i += 2,
            _ => i += 1,
        }
    }
    j.len()
}

/// The place after the value that begins at `i`. Brackets are counted and not
/// called for, so that no depth of them is too deep.
fn value_end(j: &[u8], mut i: usize) -> usize {
    let mut depth = 0;
    while i < j.len() {
        match j[i] {
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' | b'}' | b']' if depth == 0 => return i,
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => {
                i += 1;
                continue;
            }
            b'"' => i = string_end(j, i),
            b'{' | b'[' => {
                depth += 1;
                i += 1;
            }
            b'}' | b']' => {
                depth -= 1;
                i += 1;
            }
            _ => i = literal_end(j, i),
        }
        if depth == 0 {
            return i;
        }
    }
    i
}

/// The place after a number, true, false or null.
fn literal_end(j: &[u8], i: usize) -> usize {
    let ends = |c: &u8| is_blank(*c) || matches!(c, b',' | b':' | b'"' | b'{' | b'[' | b'}' | b']');
    j[i..].iter().position(ends).map_or(j.len(), |n| i + n)
}

/// Replaces the escapes of RFC 8259 section 7. A half of a surrogate pair without
/// the other becomes U+FFFD; so does an escape that is none.
fn unescape(s: &[u8]) -> String {
    let mut b = Vec::with_capacity(s.len());
    let mut i = 0;
    while i < s.len() {
        if s[i] != b'\\' || i + 1 == s.len() {
            b.push(s[i]);
            i += 1;
            continue;
        }
        let (rune, size) = escape(&s[i..]);
        b.extend_from_slice(rune.encode_utf8(&mut [0; 4]).as_bytes());
        i += size;
    }
    String::from_utf8_lossy(&b).into_owned()
}

/// Reads the escape at the beginning of `s`, of two bytes at least, and tells how
/// many bytes it takes.
fn escape(s: &[u8]) -> (char, usize) {
    let simple = match s[1] {
        c @ (b'"' | b'\\' | b'/') => c as char,
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        _ => char::REPLACEMENT_CHARACTER,
    };
    match (hex4(s), s.get(6..).and_then(hex4)) {
        (Some(high @ 0xd800..=0xdbff), Some(low @ 0xdc00..=0xdfff)) => {
            let rune = 0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff);
            (char::from_u32(rune).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
        }
        (Some(rune), _) => (char::from_u32(rune).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
        (None, _) => (simple, 2),
    }
}

fn hex4(s: &[u8]) -> Option<u32> {
    let digits = s.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |n, c| Some(n << 4 | (*c as char).to_digit(16)?))
}

/// Reads a frame (ABI.md, "The input"), or tells what is wrong with it.
pub fn decode(frame: &[u8]) -> Result<Input<'_>, &'static str> {
    const MAGIC: &str = "malformed frame: it does not begin with TQX1";
    const HEADER: &str = "malformed frame: the header is cut off or no object";
    let rest = frame.strip_prefix(b"TQX1").ok_or(MAGIC)?;
    if rest.len() < 4 {
        return Err(MAGIC);
    }
    let n = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
    let header = Json(rest[4..].get(..n).ok_or(HEADER)?);
    if header.0.first() != Some(&b'{') {
        return Err(HEADER);
    }
    let (message, limits, blobs) = (header.get("message"), header.get("limits"), &rest[4 + n..]);
    let limit = |key, otherwise| Some(limits.get(key).int(0)).filter(|n| *n > 0).map_or(otherwise, |n| n as usize);
    let parts: Option<Vec<Part>> = header.get("parts").items().map(|entry| part(entry, blobs)).collect();
    Ok(Input {
        id: message.get("id").text(""),
        date: message.get("date").text(""),
        unix: message.get("unix").int(0),
        parts: parts.ok_or("malformed frame: a part lies outside of it")?,
        config: header.get("config"),
        max_findings: limit("findings", 10_000),
        max_output: limit("output", 1 << 20),
    })
}

fn part<'a>(entry: Json<'a>, blobs: &'a [u8]) -> Option<Part<'a>> {
    let off = usize::try_from(entry.get("off").int(-1)).ok()?;
    let len = usize::try_from(entry.get("len").int(-1)).ok()?;
    Some(Part {
        id: entry.get("id").text(""),
        kind: entry.get("kind").text(""),
        mime: entry.get("mime").text(""),
        name: entry.get("name").text(""),
        sha256: entry.get("sha256").text(""),
        data: blobs.get(off..)?.get(..len)?,
        size: entry.get("size").int(0) as u64,
        truncated: entry.get("truncated").bool(false),
    })
}

/// Reads a frame, has `find` search it and returns the output. A malformed frame
/// becomes a warning.
pub fn run(frame: &[u8], find: fn(&Input, &mut Output)) -> Vec<u8> {
    match decode(frame) {
        Ok(input) => {
            let mut out = Output::new(&input);
            find(&input, &mut out);
            out.encode()
        }
        Err(wrong) => {
            let nothing = Input { id: "".into(), date: "".into(), unix: 0, parts: vec![], config: Json(b""), max_findings: 0, max_output: 1 << 20 };
            let mut out = Output::new(&nothing);
            out.warn(wrong);
            out.encode()
        }
    }
}

/// Writes a line for the author, which `ext run` and `ext test` show.
#[cfg(target_arch = "wasm32")]
pub fn log(line: &str) {
    #[link(wasm_import_module = "tqx")]
    extern "C" {
        #[link_name = "log"]
        fn host_log(level: u32, line: *const u8, size: usize);
    }
    unsafe { host_log(0, line.as_ptr(), line.len()) }
}

#[cfg(not(target_arch = "wasm32"))]
pub fn log(line: &str) {
    eprintln!("{}", line)
}

/// Memory for the frame; it is never given back. For the exports only.
pub fn allocate(size: usize) -> *mut u8 {
    Box::leak(vec![0u8; size.max(1)].into_boxed_slice()).as_mut_ptr()
}

/// Packs an output as the host wants it: address and length. For the exports only.
pub fn answer(output: Vec<u8>) -> u64 {
    if output.is_empty() {
        return 0;
    }
    let output = Box::leak(output.into_boxed_slice());
    (output.as_ptr() as usize as u64) << 32 | output.len() as u64
}

/// Makes the exports of a module whose extractor is `$find`.
#[macro_export]
macro_rules! extractor {
    ($find:path) => {
        #[no_mangle]
        pub extern "C" fn tqx_abi_v1() {}

        #[no_mangle]
        pub extern "C" fn tqx_alloc(size: usize) -> *mut u8 {
            tqx::allocate(size)
        }

        /// # Safety
        ///
        /// The host hands over an address that it got from `tqx_alloc`, and the
        /// length that it asked for there.
        #[no_mangle]
        pub unsafe extern "C" fn tqx_extract(frame: *const u8, size: usize) -> u64 {
            tqx::answer(tqx::run(std::slice::from_raw_parts(frame, size), $find))
        }
    };
}
pub use extractor;
