//! The catalogue: what speaks for a kit, and how much.

/// One thing that speaks for a kit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    Base64Decode,
    Brand,
    CharCodes,
    DataPage,
    DocumentWrite,
    EmailRelay,
    Eval,
    FormService,
    FragmentAddress,
    HiddenPage,
    IpLookup,
    KitPath,
    MetaRefresh,
    NoDevtools,
    OffsiteForm,
    PasswordField,
    PasswordOffsite,
    PrefilledAddress,
    SmuggledFile,
    TelegramBot,
    Unescape,
    WebHook,
}

impl Feature {
    /// Its name in attributes and fingerprints, and its weight.
    pub fn describe(self) -> (&'static str, i64) {
        match self {
            Feature::Base64Decode => ("base64-decode", 1),
            Feature::Brand => ("brand", 1),
            Feature::CharCodes => ("char-codes", 1),
            Feature::DataPage => ("data-page", 1),
            Feature::DocumentWrite => ("document-write", 1),
            Feature::EmailRelay => ("email-relay", 2),
            Feature::Eval => ("eval", 1),
            Feature::FormService => ("form-service", 1),
            Feature::FragmentAddress => ("fragment-address", 1),
            Feature::HiddenPage => ("hidden-page", 2),
            Feature::IpLookup => ("ip-lookup", 1),
            Feature::KitPath => ("kit-path", 1),
            Feature::MetaRefresh => ("meta-refresh", 1),
            Feature::NoDevtools => ("no-devtools", 1),
            Feature::OffsiteForm => ("offsite-form", 1),
            Feature::PasswordField => ("password-field", 1),
            Feature::PasswordOffsite => ("password-offsite", 2),
            Feature::PrefilledAddress => ("prefilled-address", 1),
            Feature::SmuggledFile => ("smuggled-file", 2),
            Feature::TelegramBot => ("telegram-bot", 3),
            Feature::Unescape => ("unescape", 1),
            Feature::WebHook => ("web-hook", 2),
        }
    }
}

/// Texts, in lower case and sorted, that stand for a feature wherever they are in a
/// page.
const MARKS: &[(&str, Feature)] = &[
    ("api.ipify.org", Feature::IpLookup),
    ("api.telegram.org/bot", Feature::TelegramBot),
    ("atob(", Feature::Base64Decode),
    ("createobjecturl(", Feature::SmuggledFile),
    ("data:text/html", Feature::DataPage),
    ("debugger;", Feature::NoDevtools),
    ("decodeuricomponent(escape(", Feature::Unescape),
    ("devtools", Feature::NoDevtools),
    ("discord.com/api/webhooks/", Feature::WebHook),
    ("discordapp.com/api/webhooks/", Feature::WebHook),
    ("document.write(", Feature::DocumentWrite),
    ("emailjs.send(", Feature::EmailRelay),
    ("eval(", Feature::Eval),
    ("formspree.io/", Feature::FormService),
    ("formsubmit.co/", Feature::FormService),
    ("fromcharcode(", Feature::CharCodes),
    ("geolocation-db.com", Feature::IpLookup),
    ("hooks.slack.com/services/", Feature::WebHook),
    ("ip-api.com/", Feature::IpLookup),
    ("ipinfo.io/", Feature::IpLookup),
    ("location.hash", Feature::FragmentAddress),
    ("mssaveoropenblob(", Feature::SmuggledFile),
    ("oncontextmenu", Feature::NoDevtools),
    ("smtpjs.com/", Feature::EmailRelay),
    ("submit-form.com/", Feature::FormService),
    ("unescape(", Feature::Unescape),
    ("web3forms.com/", Feature::FormService),
];

/// The features whose texts stand in a lower-case page, and the places behind those
/// texts.
pub fn marks(lower: &[u8]) -> Vec<(Feature, usize)> {
    let by_first = by_first();
    let mut found = Vec::new();
    for (i, c) in lower.iter().enumerate() {
        for (text, feature) in by_first[*c as usize] {
            if lower[i..].starts_with(text.as_bytes()) {
                found.push((*feature, i + text.len()));
            }
        }
    }
    found
}

/// The marks that begin with each byte: MARKS is sorted, so they are a slice of it.
fn by_first() -> [&'static [(&'static str, Feature)]; 256] {
    let mut slices: [&[(&str, Feature)]; 256] = [&[]; 256];
    for same in 0..=255u8 {
        let from = MARKS.partition_point(|(text, _)| text.as_bytes()[0] < same);
        let to = MARKS.partition_point(|(text, _)| text.as_bytes()[0] <= same);
        slices[same as usize] = &MARKS[from..to];
    }
    slices
}

/// Names that pages imitate, in lower case. The first that fits is the brand.
pub const BRANDS: &[&str] = &[
    "office 365", "microsoft 365", "sharepoint", "onedrive", "outlook", "microsoft", "docusign", "adobe", "dropbox", "wetransfer",
    "google", "gmail", "apple id", "icloud", "paypal", "amazon", "netflix", "facebook", "instagram", "whatsapp", "linkedin", "zoom",
    "dhl", "fedex", "ups", "usps", "deutsche post", "swiss post", "roundcube", "zimbra", "webmail", "cpanel", "coinbase", "metamask",
    "sparkasse", "volksbank", "postfinance", "hsbc", "barclays", "chase", "wells fargo", "bank of america", "santander",
];

/// Folders of content systems and servers in which kits are put.
const FOLDERS: &[&str] = &[
    "/wp-includes/", "/wp-content/", "/wp-admin/", "/.well-known/", "/cgi-bin/", "/cgi-sys/", "/tmp/", "/uploads/", "/backup/",
    "/components/", "/templates/", "/vendor/", "/assets/",
];

/// Names, without their ending, of the scripts that take what was typed.
const SCRIPTS: &[&str] = &[
    "action", "auth", "check", "connect", "finish", "gate", "handler", "index2", "login", "logs", "mail", "mailer", "need", "next",
    "pass", "post", "process", "result", "results", "save", "send", "signin", "submit", "update", "validate", "verify", "xxx",
];

/// Says whether a path is one of those that kits use: a script of a common name, or
/// any script in a folder that has none.
pub fn is_kit_path(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let file = path.rsplit('/').next().unwrap_or("");
    let stem = match file.strip_suffix(".php").or_else(|| file.strip_suffix(".asp")).or_else(|| file.strip_suffix(".aspx")) {
        Some(stem) => stem.trim_end_matches(|c: char| c.is_ascii_digit()),
        None => return false,
    };
    SCRIPTS.contains(&stem) || FOLDERS.iter().any(|f| path.contains(f))
}
