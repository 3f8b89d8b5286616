//! Frames that no host makes: the library tells, and does not panic.

#[path = "../sdk/rust/tqx.rs"]
mod tqx;

fn frame(header: &str, blobs: &str) -> Vec<u8> {
    let mut f = b"TQX1".to_vec();
    f.extend_from_slice(&(header.len() as u32).to_le_bytes());
    f.extend_from_slice(header.as_bytes());
    f.extend_from_slice(blobs.as_bytes());
    f
}

fn answer(frame: &[u8]) -> String {
    String::from_utf8(tqx::run(frame, |_, out| out.info("ran"))).unwrap()
}

#[test]
fn malformed_frames_are_told() {
    let part = r#"{"parts":[{"off":1,"len":2}]}"#;
    for (frame, want) in [
        (b"".to_vec(), "does not begin with TQX1"),
        (b"TQX1\x02\x00".to_vec(), "does not begin with TQX1"),
        (b"TQX2\x02\x00\x00\x00{}".to_vec(), "does not begin with TQX1"),
        (b"TQX1\x03\x00\x00\x00{}".to_vec(), "the header is cut off"),
        (b"TQX1\xff\xff\xff\xff{}".to_vec(), "the header is cut off"),
        (frame("[]", ""), "no object"),
        (frame(part, "hi"), "a part lies outside"),
        (frame(r#"{"parts":[{"off":0}]}"#, "hi"), "a part lies outside"),
        (frame(r#"{"parts":[{"off":0,"len":9999999999999999999}]}"#, "hi"), "a part lies outside"),
        (frame(part, "hi!"), "ran"),
    ] {
        assert!(answer(&frame).contains(want), "{:?}: {}", want, answer(&frame));
    }
}

#[test]
fn every_beginning_of_a_frame_is_survived() {
    let whole = frame(r#"{"message":{"id":"a\"\u00e9"},"parts":[{"off":0,"len":2,"name":"\ud83d"}],"config":{"a":[1,{"b":"c"}]}}"#, "hi");
    for size in 0..whole.len() {
        let mut cut = whole[..size].to_vec();
        assert!(answer(&cut).contains("malformed frame") || size > whole.len() - 2);
        if size > 8 {
            cut[4..8].copy_from_slice(&(size as u32 - 8).to_le_bytes()); // a header that ends there
            tqx::run(&cut, |input, out| out.info(&input.config.get("a").texts().join(" ")));
        }
    }
}

#[test]
fn findings_that_the_host_would_refuse_are_left_out() {
    let long = "v".repeat(tqx::MAX_VALUE + 1);
    let one = frame(r#"{"parts":[{"off":0,"len":4}],"limits":{"findings":2}}"#, "text");
    let good = tqx::Indicator { kind: "kit", value: "v", ..Default::default() };
    let input = tqx::decode(&one).unwrap();
    for (name, ind, want) in [
        ("good", good, true),
        ("no type", tqx::Indicator { kind: "", ..good }, false),
        ("no value", tqx::Indicator { value: "", ..good }, false),
        ("too long", tqx::Indicator { value: &long, ..good }, false),
        ("control", tqx::Indicator { value: "a\u{85}", ..good }, false),
        ("no such part", tqx::Indicator { part: 1, ..good }, false),
        ("beyond", tqx::Indicator { end: 5, ..good }, false),
        ("backwards", tqx::Indicator { start: 3, end: 2, ..good }, false),
        ("too sure", tqx::Indicator { confidence: 101, ..good }, false),
    ] {
        let mut out = tqx::Output::new(&input);
        assert_eq!(out.add(ind), want, "{}", name);
    }
    let mut out = tqx::Output::new(&input);
    assert_eq!([out.add(good), out.add(good), out.add(good)], [true, true, false]);
}
