//! One page: its forms, its scripts, and the pages that those make.

use std::collections::BTreeSet;

use crate::decode::{base64, percent};
use crate::features::{is_kit_path, marks, Feature, BRANDS};
use crate::markup::{Tag, Tags};

/// How often a page may be hidden in a page.
const MAX_DEPTH: usize = 3;
/// Bytes of hidden texts that are looked at beside twice the page.
const SPARE_BYTES: usize = 64 << 10;
/// The shortest hidden text that can be a page.
const MIN_HIDDEN: usize = 24;
/// Names of fields that are kept.
const MAX_INPUTS: usize = 16;

/// Where a page sends what was typed.
pub struct Action {
    pub url: String,
    /// form-action, or telegram-bot.
    pub kind: &'static str,
    /// Whether a password goes there.
    password: bool,
    /// Of the part; for a hidden page that of the text it is hidden in.
    pub span: (usize, usize),
}

impl Action {
    pub fn confidence(&self) -> u32 {
        match (self.kind, self.password) {
            ("telegram-bot", _) => 95,
            (_, true) => 80,
            _ => 50,
        }
    }
}

/// What was seen in a page.
#[derive(Default)]
pub struct Page {
    pub actions: Vec<Action>,
    /// Names of the fields of its forms.
    pub inputs: BTreeSet<String>,
    pub brand: Option<String>,
    features: BTreeSet<Feature>,
    paths: BTreeSet<String>, // last segments of kit paths
    shown: String,           // titles and texts of pictures, in lower case, a line each
    budget: usize,           // bytes of hidden texts that may still be looked at
}

/// The form that the reader is in.
struct Form {
    action: Option<usize>, // index into Page::actions
}

impl Page {
    /// Reads the source of a page.
    pub fn read(source: &[u8], brands: &[String]) -> Page {
        let mut page = Page { budget: 2 * source.len() + SPARE_BYTES, ..Page::default() };
        page.scan(source, None, 0);
        page.find_brand(brands);
        page
    }

    pub fn score(&self) -> i64 {
        self.features.iter().map(|f| f.describe().1).sum()
    }

    pub fn feature_names(&self) -> Vec<&'static str> {
        self.features.iter().map(|f| f.describe().0).collect()
    }

    /// The same for the same kit, wherever it is put and whoever gets it: features,
    /// names of fields and the name of the script that takes them, hashed (FNV-1a of
    /// 64 bits).
    pub fn fingerprint(&self) -> String {
        let words = self.feature_names().into_iter().chain(self.inputs.iter().map(String::as_str)).chain(self.paths.iter().map(String::as_str));
        let mut sum = 0xcbf29ce484222325u64;
        for c in words.flat_map(|w| w.bytes().chain(Some(0))) {
            sum = (sum ^ u64::from(c)).wrapping_mul(0x100000001b3);
        }
        format!("pk1-{:016x}", sum)
    }

    /// Looks at one page, or at one hidden in the place `inside` of the part.
    fn scan(&mut self, text: &[u8], inside: Option<(usize, usize)>, depth: usize) {
        self.scan_tags(text, inside);
        let lower = text.to_ascii_lowercase();
        for (feature, behind) in marks(&lower) {
            match feature {
                Feature::TelegramBot => self.bot(&lower, text, behind, inside),
                Feature::Base64Decode | Feature::Unescape | Feature::DataPage => {
                    self.features.insert(feature);
                    self.look_into(text, behind, feature, inside, depth);
                }
                _ => {
                    self.features.insert(feature);
                }
            }
        }
    }

    fn scan_tags(&mut self, text: &[u8], inside: Option<(usize, usize)>) {
        let mut form = Form { action: None };
        for tag in (Tags { text, at: 0 }) {
            match tag.name.as_str() {
                "form" => form.action = self.form(&tag, inside),
                "/form" => form.action = None,
                "input" => self.input(&tag, &form),
                "meta" if tag.value("http-equiv").eq_ignore_ascii_case("refresh") && tag.value("content").to_ascii_lowercase().contains("url") => {
                    self.features.insert(Feature::MetaRefresh);
                }
                "title" => self.show(&text[tag.end..]),
                "img" => self.show(tag.value("alt").as_bytes()),
                _ => {}
            }
        }
    }

    /// Keeps a text up to the next tag.
    fn show(&mut self, text: &[u8]) {
        let size = text.iter().take(256).take_while(|c| **c != b'<').count();
        self.shown.push_str(&String::from_utf8_lossy(&text[..size]).to_lowercase());
        self.shown.push('\n');
    }

    /// Notes where a form goes, and returns which action that is when it is another
    /// host.
    fn form(&mut self, tag: &Tag, inside: Option<(usize, usize)>) -> Option<usize> {
        let action = tag.attribute("action")?;
        let path = action.value.split(|c| c == '?' || c == '#').next().unwrap_or("");
        if is_kit_path(path) {
            self.features.insert(Feature::KitPath);
            self.paths.extend(path.rsplit('/').next().map(str::to_ascii_lowercase));
        }
        let url = absolute(&action.value)?;
        self.features.insert(Feature::OffsiteForm);
        self.actions.push(Action { url, kind: "form-action", password: false, span: inside.unwrap_or(action.span) });
        Some(self.actions.len() - 1)
    }

    fn input(&mut self, tag: &Tag, form: &Form) {
        let name = tag.value("name").to_ascii_lowercase();
        let kind = tag.value("type").to_ascii_lowercase();
        if !name.is_empty() && name.len() <= 64 && kind != "submit" && self.inputs.len() < MAX_INPUTS {
            self.inputs.insert(name);
        }
        if kind != "password" {
            if tag.value("value").split_once('@').map_or(false, |(user, host)| !user.is_empty() && host.contains('.')) {
                self.features.insert(Feature::PrefilledAddress);
            }
            return;
        }
        self.features.insert(Feature::PasswordField);
        if let Some(i) = form.action {
            self.actions[i].password = true;
            self.features.insert(Feature::PasswordOffsite);
        }
    }

    /// Reads the token behind "api.telegram.org/bot": digits, a colon, 30 characters
    /// and more.
    fn bot(&mut self, lower: &[u8], text: &[u8], behind: usize, inside: Option<(usize, usize)>) {
        let is_token = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
        let id = lower[behind..].iter().take_while(|c| c.is_ascii_digit()).count();
        let colon = behind + id;
        if id < 6 || text.get(colon) != Some(&b':') {
            return;
        }
        let end = colon + 1 + text[colon + 1..].iter().take_while(|c| is_token(c)).count();
        if end - colon < 31 {
            return;
        }
        let start = behind - "api.telegram.org/bot".len();
        let url = format!("https://api.telegram.org/bot{}", String::from_utf8_lossy(&text[behind..end]));
        self.features.insert(Feature::TelegramBot);
        self.actions.push(Action { url, kind: "telegram-bot", password: false, span: inside.unwrap_or((start, end)) });
    }

    /// Looks into the text that is decoded behind a place: a quoted one, or that of a
    /// data URL.
    fn look_into(&mut self, text: &[u8], behind: usize, how: Feature, inside: Option<(usize, usize)>, depth: usize) {
        if depth == MAX_DEPTH {
            return;
        }
        let near = &text[..text.len().min(behind + self.budget)];
        let span = literal(near, behind, how).unwrap_or((behind, near.len()));
        self.budget -= span.1 - behind;
        if span.1 == near.len() || span.1 - span.0 < MIN_HIDDEN {
            return;
        }
        let written = &text[span.0..span.1];
        let decoded = if how == Feature::Unescape || data_is_plain(&text[behind..span.0]) { percent(written) } else { base64(written) };
        let before = self.features.len() + self.actions.len();
        self.scan(&decoded, Some(inside.unwrap_or(span)), depth + 1);
        if self.features.len() + self.actions.len() > before {
            self.features.insert(Feature::HiddenPage);
        }
    }

    /// Looks for a brand in the title and in the texts of pictures, which counts only
    /// where a password is asked for.
    fn find_brand(&mut self, more: &[String]) {
        if !self.features.contains(&Feature::PasswordField) {
            return;
        }
        let mut brands = more.iter().map(String::as_str).chain(BRANDS.iter().copied());
        self.brand = brands.find(|b| has_word(&self.shown, b)).map(str::to_owned);
        if self.brand.is_some() {
            self.features.insert(Feature::Brand);
        }
    }
}

/// An address of another host as a URL: with a scheme, or beginning with two slashes.
fn absolute(action: &str) -> Option<String> {
    let url: String = action.chars().filter(|c| !c.is_ascii_whitespace() && !c.is_control()).collect();
    let url = if url.starts_with("//") { format!("https:{}", url) } else { url };
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(|c| matches!(c, '/' | '?' | '#' | '\\')).next()?;
    let web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    (web && is_host(host)).then(|| url.clone())
}

/// Says whether the host of a URL, perhaps with a port, is an address or a name of two
/// labels and more.
fn is_host(host: &str) -> bool {
    let (name, port) = host.split_once(':').unwrap_or((host, "443"));
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return port.parse::<u16>().is_ok();
    }
    let is_label = |l: &str| !l.is_empty() && l.chars().all(|c| c.is_alphanumeric() || c == '-');
    let top = name.rsplit('.').next().unwrap_or("");
    let named = name.contains('.') && name.split('.').all(is_label) && top.chars().all(|c| !c.is_ascii_digit() || top.starts_with("xn--"));
    named && top.len() > 1 && port.parse::<u16>().is_ok()
}

/// Where the text stands that is decoded behind a place: between the quotes that
/// follow, or behind the comma of a data URL, up to what ends it. None when nothing
/// of the kind follows.
fn literal(text: &[u8], behind: usize, how: Feature) -> Option<(usize, usize)> {
    let rest = &text[behind..];
    if how == Feature::DataPage {
        let comma = rest.iter().take(64).position(|c| *c == b',')?;
        let from = behind + comma + 1;
        let size = text[from..].iter().take_while(|c| !matches!(c, b'"' | b'\'' | b'<' | b'>' | b')')).count();
        return Some((from, from + size));
    }
    let blank = rest.iter().take_while(|c| c.is_ascii_whitespace()).count();
    let quote = *rest.get(blank)?;
    if !matches!(quote, b'"' | b'\'' | b'`') {
        return None;
    }
    let from = behind + blank + 1;
    let size = text[from..].iter().position(|c| *c == quote)?;
    Some((from, from + size))
}

/// Says whether what stands between "data:text/html" and the text is that of a data
/// URL without base64.
fn data_is_plain(parameters: &[u8]) -> bool {
    parameters.last() == Some(&b',') && !parameters.to_ascii_lowercase().ends_with(b";base64,")
}

/// Says whether a text has a word, or several, with no letter or digit touching it.
fn has_word(text: &str, word: &str) -> bool {
    let touches = |c: Option<char>| c.map_or(false, char::is_alphanumeric);
    text.match_indices(word).any(|(at, _)| !touches(text[..at].chars().next_back()) && !touches(text[at + word.len()..].chars().next()))
}
