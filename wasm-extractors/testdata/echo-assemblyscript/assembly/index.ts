// Says what it was handed, for the tests of the library.

import * as tqx from "../../../sdk/assemblyscript/tqx";

function find(input: tqx.Input, out: tqx.Output): void {
  for (let i = 0; i < input.parts.length; i++) {
    const p = input.parts[i];
    const found = new tqx.Indicator("echo", p.kind, i, 0, p.data.length);
    found.confidence = 1;
    found.relatedTo = input.config.get("text").text("none");
    found.attributes = [
      new tqx.Attribute("id", p.id),
      new tqx.Attribute("mime", p.mime),
      new tqx.Attribute("name", p.name),
      new tqx.Attribute("sha256", p.sha256),
      new tqx.Attribute("size", p.size.toString()),
      new tqx.Attribute("text", p.data.text()),
      new tqx.Attribute("truncated", p.truncated ? "true" : "false"),
    ];
    out.add(found);
  }
  out.info("message " + input.id + " of " + input.date + ", " + input.unix.toString());
  const flag = input.config.get("flag").bool(true) ? "true" : "false";
  out.warn(
    input.config.get("list").texts().join("|") + " " + input.config.get("number").int(7).toString() + " " + flag + " " +
      input.config.get("deep").get("inner").text("none"),
  );
}

export function tqx_abi_v1(): void {}
export function tqx_alloc(size: i32): usize { return tqx.allocate(size); }
export function tqx_extract(frame: usize, size: i32): u64 { return tqx.run(frame, size, find); }
