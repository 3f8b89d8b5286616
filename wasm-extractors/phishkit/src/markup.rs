//! Tags of HTML and SVG, read as far as forms need it and never refused.

use crate::decode::entities;

/// A tag that opens an element, or, with a slash before its name, closes one.
pub struct Tag {
    /// In lower case.
    pub name: String,
    pub attributes: Vec<Attribute>,
    /// The place behind it.
    pub end: usize,
}

pub struct Attribute {
    /// In lower case.
    pub name: String,
    /// Entities are replaced, white space around it is gone.
    pub value: String,
    /// Where the value stands, as it is written.
    pub span: (usize, usize),
}

impl Tag {
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|a| a.name == name)
    }

    /// The value of an attribute; empty when it is missing.
    pub fn value(&self, name: &str) -> &str {
        self.attribute(name).map_or("", |a| &a.value)
    }
}

/// Attributes of one tag that are kept.
const MAX_ATTRIBUTES: usize = 64;

/// Steps through the tags of a page. Comments are left out.
pub struct Tags<'a> {
    pub text: &'a [u8],
    pub at: usize,
}

impl Iterator for Tags<'_> {
    type Item = Tag;

    fn next(&mut self) -> Option<Tag> {
        loop {
            self.at += self.text.get(self.at..)?.iter().position(|c| *c == b'<')? + 1;
            let rest = &self.text[self.at..];
            if rest.starts_with(b"!--") {
                self.at += find(rest, b"-->").map_or(rest.len(), |n| n + 3);
            } else if matches!(rest.first(), Some(c) if c.is_ascii_alphabetic() || *c == b'/') {
                return Some(self.tag());
            }
        }
    }
}

impl Tags<'_> {
    fn tag(&mut self) -> Tag {
        let name = self.take(|c| !c.is_ascii_whitespace() && c != b'>');
        let mut attributes = Vec::new();
        loop {
            self.take(|c| c.is_ascii_whitespace() || c == b'/');
            match self.text.get(self.at) {
                None => break,
                Some(b'>') => {
                    self.at += 1;
                    break;
                }
                Some(_) => {
                    let a = self.attribute();
                    if attributes.len() < MAX_ATTRIBUTES {
                        attributes.push(a);
                    }
                }
            }
        }
        Tag { name: lowered(self.slice(name)), attributes, end: self.at }
    }

    fn attribute(&mut self) -> Attribute {
        let from = self.at;
        self.at += 1; // even a "=" begins a name here
        let name = (from, self.take(|c| !c.is_ascii_whitespace() && !matches!(c, b'=' | b'>' | b'/')).1);
        self.take(|c| c.is_ascii_whitespace());
        let span = if self.text.get(self.at) == Some(&b'=') { self.value() } else { (self.at, self.at) };
        let value = entities(&String::from_utf8_lossy(self.slice(span)));
        Attribute { name: lowered(self.slice(name)), value: value.trim().to_owned(), span }
    }

    /// Reads "=" and a value, and returns where the value stands.
    fn value(&mut self) -> (usize, usize) {
        self.at += 1;
        self.take(|c| c.is_ascii_whitespace());
        match self.text.get(self.at) {
            Some(quote @ (b'"' | b'\'')) => {
                self.at += 1;
                let span = self.take(|c| c != *quote);
                self.at = (self.at + 1).min(self.text.len());
                span
            }
            _ => self.take(|c| !c.is_ascii_whitespace() && c != b'>'),
        }
    }

    /// Steps on while bytes fit, and returns where they stood.
    fn take(&mut self, fits: impl Fn(u8) -> bool) -> (usize, usize) {
        let from = self.at;
        while self.at < self.text.len() && fits(self.text[self.at]) {
            self.at += 1;
        }
        (from, self.at)
    }

    fn slice(&self, span: (usize, usize)) -> &[u8] {
        &self.text[span.0..span.1]
    }
}

fn lowered(s: &[u8]) -> String {
    String::from_utf8_lossy(s).to_ascii_lowercase()
}

/// The first place of `needle`.
pub fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|w| w == needle)
}
