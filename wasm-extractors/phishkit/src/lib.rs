//! An extractor module that looks at the source of pages for what phishing kits do:
//! where their forms go, which tricks they use, and a fingerprint that is the same
//! for the same kit. README.md says what counts.

mod decode;
mod features;
mod markup;
mod page;
#[path = "../../sdk/rust/tqx.rs"]
mod tqx;

use page::{Action, Page};

tqx::extractor!(find);

fn find(input: &tqx::Input, out: &mut tqx::Output) {
    let settings = Settings {
        min_score: input.config.get("min_score").int(3),
        brands: input.config.get("brands").texts().iter().map(|b| b.to_lowercase()).collect(),
    };
    for (i, part) in input.parts.iter().enumerate() {
        let page = Page::read(part.data, &settings.brands);
        for action in &page.actions {
            report_action(out, i, action);
        }
        if page.score() >= settings.min_score {
            report_kit(out, i, &page);
        }
        if part.truncated {
            out.note("info", "only the beginning of the page was looked at", Some(i));
        }
    }
}

struct Settings {
    min_score: i64,
    brands: Vec<String>, // in lower case
}

/// Reports where a form, or a bot, sends what was typed.
fn report_action(out: &mut tqx::Output, part: usize, action: &Action) {
    out.add(tqx::Indicator {
        kind: "url",
        value: &action.url,
        part,
        start: action.span.0,
        end: action.span.1,
        confidence: action.confidence(),
        attributes: &[("kind", action.kind)],
        ..Default::default()
    });
}

/// Reports the kit, with what spoke for it. It belongs to the first place that it
/// sends to.
fn report_kit(out: &mut tqx::Output, part: usize, page: &Page) {
    let features = page.feature_names().join(", ");
    let inputs = page.inputs.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut attributes = vec![("features", features.as_str())];
    if let Some(brand) = &page.brand {
        attributes.insert(0, ("brand", brand));
    }
    if !inputs.is_empty() {
        attributes.push(("inputs", &inputs));
    }
    out.add(tqx::Indicator {
        kind: "kit",
        value: &page.fingerprint(),
        part,
        confidence: (25 + 10 * page.score()).min(95) as u32,
        attributes: &attributes,
        related_to: page.actions.first().map_or("", |a| &a.url),
        ..Default::default()
    });
}
