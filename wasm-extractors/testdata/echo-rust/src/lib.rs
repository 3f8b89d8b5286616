//! Says what it was handed, for the tests of the library.

#[path = "../../../sdk/rust/tqx.rs"]
mod tqx;

tqx::extractor!(find);

fn find(input: &tqx::Input, out: &mut tqx::Output) {
    for (i, p) in input.parts.iter().enumerate() {
        let (size, truncated) = (p.size.to_string(), p.truncated.to_string());
        out.add(tqx::Indicator {
            kind: "echo",
            value: &p.kind,
            part: i,
            start: 0,
            end: p.data.len(),
            confidence: 1,
            attributes: &[
                ("id", &p.id),
                ("mime", &p.mime),
                ("name", &p.name),
                ("sha256", &p.sha256),
                ("size", &size),
                ("text", p.text()),
                ("truncated", &truncated),
            ],
            related_to: &input.config.get("text").text("none"),
        });
    }
    out.info(&format!("message {} of {}, {}", input.id, input.date, input.unix));
    out.warn(&format!(
        "{} {} {} {}",
        input.config.get("list").texts().join("|"),
        input.config.get("number").int(7),
        input.config.get("flag").bool(true),
        input.config.get("deep").get("inner").text("none"),
    ));
}
