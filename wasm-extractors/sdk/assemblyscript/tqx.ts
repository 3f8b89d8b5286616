// What an AssemblyScript program needs to be an extractor module of tqmailrules.
//
// It reads the frame that the host hands over and writes what was found in the
// form that the host reads; both are described in ABI.md, "The input" and "The
// output". Compiled with `--runtime stub --use abort=` the module imports nothing.
//
// An extractor is one function, and three lines that make the exports:
//
//   import * as tqx from "./tqx";
//
//   function find(input: tqx.Input, out: tqx.Output): void {
//     for (let i = 0; i < input.parts.length; i++) {
//       const at = input.parts[i].data.indexOf(tqx.Bytes.of("EVIL"));
//       if (at >= 0) out.add(new tqx.Indicator("string", "EVIL", i, at, at + 4));
//     }
//   }
//
//   export function tqx_abi_v1(): void {}
//   export function tqx_alloc(size: i32): usize { return tqx.allocate(size); }
//   export function tqx_extract(frame: usize, size: i32): u64 { return tqx.run(frame, size, find); }
//
// An instance of a module handles one mail, on one thread; memory is never given
// back.

/** Bounds of one indicator and of one note (ABI.md, "The output"). */
export const MAX_VALUE: i32 = 8192;
export const MAX_ATTRIBUTES: i32 = 16;
export const MAX_ATTRIBUTE_NAME: i32 = 64;
export const MAX_ATTRIBUTE_VALUE: i32 = 1024;
export const MAX_NOTE: i32 = 1024;
/** Notes that are kept; the rest is left out. */
const MAX_NOTES: i32 = 16;
/** What an output keeps free for its end and the note about a limit. */
const SPARE: i32 = 128;

/** A run of bytes in memory, which belongs to somebody else. */
export class Bytes {
  constructor(public readonly at: usize, public readonly length: i32) {}

  /** The UTF-8 bytes of a string. */
  static of(s: string): Bytes {
    const encoded = String.UTF8.encode(s);
    return new Bytes(changetype<usize>(encoded), encoded.byteLength);
  }

  @inline
  @operator("[]")
  get(i: i32): u8 {
    return load<u8>(this.at + <usize>i);
  }

  slice(from: i32, to: i32): Bytes {
    return new Bytes(this.at + <usize>from, to - from);
  }

  equals(other: Bytes): bool {
    return this.length == other.length && memory.compare(this.at, other.at, <usize>this.length) == 0;
  }

  /** The first place of other from a place on; -1 when there is none. */
  indexOf(other: Bytes, from: i32 = 0): i32 {
    for (let i = from; i + other.length <= this.length; i++) {
      if (memory.compare(this.at + <usize>i, other.at, <usize>other.length) == 0) return i;
    }
    return -1;
  }

  /** The characters between two places. Bytes that are not UTF-8 become U+FFFD. */
  text(from: i32 = 0, to: i32 = this.length): string {
    const units = new StaticArray<u16>(to - from);
    let n = 0;
    for (let i = from; i < to; ) {
      const r = rune(this, i, to);
      i += <i32>(r >> 24);
      const c = r & 0xffffff;
      if (c >= 0x10000) {
        units[n++] = <u16>(0xd800 | ((c - 0x10000) >> 10));
        units[n++] = <u16>(0xdc00 | (c & 0x3ff));
      } else {
        units[n++] = <u16>c;
      }
    }
    return String.UTF16.decodeUnsafe(changetype<usize>(units), <usize>n << 1);
  }
}

/**
 * Reads one character of UTF-8 (RFC 3629): the character, and its size in the
 * highest byte. What is none is U+FFFD of size 1.
 */
function rune(b: Bytes, i: i32, to: i32): u32 {
  const none: u32 = 0x0100fffd;
  const first = <u32>b[i];
  if (first < 0x80) return 0x01000000 | first;
  const n: i32 = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (n == 0 || n > to - i) return none;
  let c = first & (0x7f >> n);
  for (let k = 1; k < n; k++) {
    const next = <u32>b[i + k];
    if ((next & 0xc0) != 0x80) return none;
    c = (c << 6) | (next & 0x3f);
  }
  const least: u32 = n == 2 ? 0x80 : n == 3 ? 0x800 : 0x10000;
  if (c < least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return none;
  return (<u32>n << 24) | c;
}

/** One text or file of the mail. */
export class Part {
  id: string = ""; // "subject", "body.text", or the path of an attachment
  kind: string = ""; // text, html, page, subject, header, name, attachment, raw
  mime: string = ""; // media type in lower case
  name: string = ""; // file name of an attachment
  sha256: string = ""; // of an attachment, in lower-case hex
  data: Bytes = new Bytes(0, 0);
  size: i64 = 0; // bytes of the whole part; more than data.length when truncated
  truncated: bool = false;
}

/** One mail, as far as the description's "wants" asks for it. */
export class Input {
  id: string = ""; // of the message
  date: string = ""; // when it was received, RFC 3339 in UTC; empty when unknown
  unix: i64 = 0; // the same in seconds since 1970; 0 when unknown
  parts: Part[] = [];
  config: Json = NOTHING; // an object
  maxFindings: i32 = 10000;
  maxOutput: i32 = 1 << 20;
}

/** One name with a text value. */
export class Attribute {
  constructor(public name: string, public value: string) {}
}

/** One thing found at one place. */
export class Indicator {
  confidence: i32 = 0; // 1 to 100; 0 says nothing
  attributes: Attribute[] = []; // in the order in which they shall be written, no name twice
  relatedTo: string = ""; // the value of another indicator, or any text it belongs to

  constructor(
    public type: string, // one of the description's types
    public value: string, // 1 to MAX_VALUE bytes without control characters
    public part: i32, // index into Input.parts
    public start: i32 = 0, // bytes of the part that hold it, end excluded;
    public end: i32 = 0, // left out when both are 0
  ) {}
}

/** Bytes that grow as they are written to. */
class Buffer {
  at: usize = 0;
  length: i32 = 0;
  private capacity: i32 = 0;

  byte(c: u8): void {
    if (this.length == this.capacity) this.grow(1);
    store<u8>(this.at + <usize>this.length, c);
    this.length++;
  }

  bytes(at: usize, length: i32): void {
    if (length > this.capacity - this.length) this.grow(length);
    memory.copy(this.at + <usize>this.length, at, <usize>length);
    this.length += length;
  }

  /** Writes text of ASCII as it is. */
  ascii(s: string): void {
    for (let i = 0; i < s.length; i++) this.byte(<u8>s.charCodeAt(i));
  }

  /**
   * Writes a JSON string (RFC 8259 section 7). Half a surrogate pair becomes U+FFFD;
   * control characters, which the host takes nowhere, become spaces.
   */
  quoted(s: string): void {
    this.byte(0x22);
    for (let i = 0; i < s.length; i++) {
      const c = s.codePointAt(i);
      if (c >= 0x10000) i++;
      this.escaped(c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
    }
    this.byte(0x22);
  }

  number(n: i32): void {
    if (n >= 10) this.number(n / 10);
    this.byte(<u8>(0x30 + (n % 10)));
  }

  private escaped(c: i32): void {
    if (c == 0x22 || c == 0x5c) {
      this.byte(0x5c);
      this.byte(<u8>c);
    } else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
      this.byte(0x20);
    } else if (c < 0x80) {
      this.byte(<u8>c);
    } else {
      const more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
      this.byte(<u8>((0xff80 >> more) | (c >> (6 * more))));
      for (let shift = 6 * (more - 1); shift >= 0; shift -= 6) this.byte(<u8>(0x80 | ((c >> shift) & 0x3f)));
    }
  }

  private grow(need: i32): void {
    const capacity = max(this.capacity * 2, this.length + need + 1024);
    const at = heap.alloc(<usize>capacity);
    memory.copy(at, this.at, <usize>this.length);
    this.at = at;
    this.capacity = capacity;
  }
}

/** Collects findings. */
export class Output {
  private indicators: Buffer = new Buffer();
  private notes: Buffer = new Buffer();
  private findings: i32 = 0;
  private noteCount: i32 = 0;
  private full: bool = false;

  constructor(private input: Input) {}

  /**
   * Takes one indicator. It returns false, and leaves the indicator out, when the
   * host would refuse it: an empty, too long or controlling value, a part or a
   * span that does not exist, a confidence above 100, or one finding too many.
   * Attributes beyond MAX_ATTRIBUTES are left out, too long ones are cut.
   */
  add(ind: Indicator): bool {
    if (this.full || this.findings >= this.input.maxFindings || !this.valid(ind)) return false;
    const mark = this.indicators.length;
    if (this.findings > 0) this.indicators.byte(0x2c);
    writeIndicator(this.indicators, ind);
    if (<i64>this.indicators.length + this.notes.length + SPARE > this.input.maxOutput) {
      this.indicators.length = mark;
      this.full = true;
      this.noteCount = min(this.noteCount, MAX_NOTES - 1);
      this.warn("the output is full: further findings are left out");
      return false;
    }
    this.findings++;
    return true;
  }

  /** Adds a note for people about the mail as a whole. */
  info(text: string): void {
    this.note("info", text);
  }

  /** Adds a note that something could not be done. */
  warn(text: string): void {
    this.note("warning", text);
  }

  /** Adds a note, of level info or warning, about one part, or with -1 about the mail. */
  note(level: string, text: string, part: i32 = -1): void {
    if (text.length == 0 || this.noteCount >= MAX_NOTES) return;
    if (this.noteCount++ > 0) this.notes.byte(0x2c);
    this.notes.ascii('{"level":');
    this.notes.quoted(level);
    this.notes.ascii(',"text":');
    this.notes.quoted(cut(text, MAX_NOTE));
    if (part >= 0) writeField(this.notes, ',"part":', part);
    this.notes.byte(0x7d);
  }

  /** The output as the host wants it: address and length; 0 when there is nothing to tell. */
  encode(): u64 {
    if (this.indicators.length + this.notes.length == 0) return 0;
    const b = new Buffer();
    b.ascii('{"indicators":[');
    b.bytes(this.indicators.at, this.indicators.length);
    b.byte(0x5d);
    if (this.notes.length > 0) {
      b.ascii(',"notes":[');
      b.bytes(this.notes.at, this.notes.length);
      b.byte(0x5d);
    }
    b.byte(0x7d);
    return (<u64>b.at << 32) | <u64>b.length;
  }

  private valid(ind: Indicator): bool {
    return validText(ind.type) && validText(ind.value) && String.UTF8.byteLength(ind.relatedTo) <= MAX_VALUE &&
      ind.confidence >= 0 && ind.confidence <= 100 && ind.part >= 0 && ind.part < this.input.parts.length &&
      ind.start >= 0 && ind.start <= ind.end && ind.end <= this.input.parts[ind.part].data.length;
  }
}

/** Says whether the host takes s as a value. */
function validText(s: string): bool {
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false;
  }
  return s.length > 0 && String.UTF8.byteLength(s) <= MAX_VALUE;
}

/** Shortens s to max bytes of UTF-8 at most, between characters. */
function cut(s: string, max: i32): string {
  if (s.length * 3 <= max || String.UTF8.byteLength(s) <= max) return s;
  let size = 0;
  for (let i = 0; i < s.length; i++) {
    const c = s.codePointAt(i);
    size += c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (size > max) return s.substring(0, i);
    if (c >= 0x10000) i++;
  }
  return s;
}

function writeIndicator(b: Buffer, ind: Indicator): void {
  b.ascii('{"type":');
  b.quoted(ind.type);
  b.ascii(',"value":');
  b.quoted(ind.value);
  writeField(b, ',"part":', ind.part);
  if (ind.end > 0) {
    writeField(b, ',"start":', ind.start);
    writeField(b, ',"end":', ind.end);
  }
  if (ind.confidence > 0) writeField(b, ',"confidence":', ind.confidence);
  if (ind.attributes.length > 0) writeAttributes(b, ind.attributes);
  if (ind.relatedTo.length > 0) {
    b.ascii(',"related_to":');
    b.quoted(ind.relatedTo);
  }
  b.byte(0x7d);
}

function writeAttributes(b: Buffer, attributes: Attribute[]): void {
  let n = 0;
  b.ascii(',"attributes":{');
  for (let i = 0; i < attributes.length && n < MAX_ATTRIBUTES; i++) {
    if (String.UTF8.byteLength(attributes[i].name) > MAX_ATTRIBUTE_NAME) continue;
    if (n++ > 0) b.byte(0x2c);
    b.quoted(attributes[i].name);
    b.byte(0x3a);
    b.quoted(cut(attributes[i].value, MAX_ATTRIBUTE_VALUE));
  }
  b.byte(0x7d);
}

function writeField(b: Buffer, key: string, value: i32): void {
  b.ascii(key);
  b.number(value);
}

/**
 * One JSON value as it is written, without white space around it; empty when
 * there is none. Its methods answer with what they were given for a value of
 * another type, so that a chain of them needs no errors.
 */
export class Json {
  constructor(public readonly raw: Bytes) {}

  /** The value of a member of an object. */
  get(key: string): Json {
    if (!this.begins(0x7b)) return NOTHING;
    for (const m = new Members(this); m.next(); ) {
      if (m.key.text("") == key) return m.value;
    }
    return NOTHING;
  }

  /** The elements of an array. */
  items(): Json[] {
    const items: Json[] = [];
    if (!this.begins(0x5b)) return items;
    for (const m = new Members(this); m.next(); ) items.push(m.value);
    return items;
  }

  /** The characters of a string. */
  text(otherwise: string): string {
    const n = this.raw.length;
    if (n < 2 || this.raw[0] != 0x22 || this.raw[n - 1] != 0x22) return otherwise;
    for (let i = 1; i < n - 1; i++) {
      if (this.raw[i] == 0x5c) return unescape(this.raw.text(1, n - 1));
    }
    return this.raw.text(1, n - 1);
  }

  /** The strings of an array; elements that are none are left out. */
  texts(): string[] {
    const items = this.items();
    const texts: string[] = [];
    for (let i = 0; i < items.length; i++) {
      if (items[i].begins(0x22)) texts.push(items[i].text(""));
    }
    return texts;
  }

  /** An integer of up to 18 digits. */
  int(otherwise: i64): i64 {
    const negative = this.begins(0x2d);
    const from = negative ? 1 : 0;
    if (this.raw.length == from || this.raw.length > 18 + from) return otherwise;
    let n: i64 = 0;
    for (let i = from; i < this.raw.length; i++) {
      const c = this.raw[i];
      if (c < 0x30 || c > 0x39) return otherwise;
      n = n * 10 + <i64>(c - 0x30);
    }
    return negative ? -n : n;
  }

  /** True or false. */
  bool(otherwise: bool): bool {
    if (this.raw.equals(Bytes.of("true"))) return true;
    return this.raw.equals(Bytes.of("false")) ? false : otherwise;
  }

  begins(c: u8): bool {
    return this.raw.length > 0 && this.raw[0] == c;
  }
}

const NOTHING: Json = new Json(new Bytes(0, 0));

/** Steps through the members of an object, or the elements of an array, with empty keys. */
export class Members {
  key: Json = NOTHING;
  value: Json = NOTHING;
  private at: i32 = 1;

  constructor(private json: Json) {}

  next(): bool {
    const j = this.json.raw;
    let i = blank(j, this.at);
    if (this.json.begins(0x7b)) {
      if (i >= j.length || j[i] != 0x22) return false;
      const keyEnd = stringEnd(j, i);
      this.key = new Json(j.slice(i, keyEnd));
      i = blank(j, keyEnd);
      if (i >= j.length || j[i] != 0x3a) return false;
      i = blank(j, i + 1);
    }
    const end = valueEnd(j, i);
    if (end <= i) return false;
    this.value = new Json(j.slice(i, end));
    this.at = blank(j, end);
    if (this.at < j.length && j[this.at] == 0x2c) this.at++;
    return true;
  }
}

function isBlank(c: u8): bool {
  return c == 0x20 || c == 0x09 || c == 0x0a || c == 0x0d;
}

function isClosing(c: u8): bool {
  return c == 0x7d || c == 0x5d;
}

function isOpening(c: u8): bool {
  return c == 0x7b || c == 0x5b;
}

/** White space, comma, colon. */
function isBetween(c: u8): bool {
  return isBlank(c) || c == 0x2c || c == 0x3a;
}

function blank(j: Bytes, i: i32): i32 {
  while (i < j.length && isBlank(j[i])) i++;
  return i;
}

/** The place after the string that begins at i. */
function stringEnd(j: Bytes, i: i32): i32 {
  for (i++; i < j.length; i++) {
    if (j[i] == 0x22) return i + 1;
    if (j[i] == 0x5c) i++;
  }
  return j.length;
}

/**
 * The place after the value that begins at i. Brackets are counted and not called
 * for, so that no depth of them is too deep.
 */
function valueEnd(j: Bytes, i: i32): i32 {
  let depth = 0;
  while (i < j.length) {
    const c = j[i];
    if (depth == 0 && (isBetween(c) || isClosing(c))) return i;
    if (isBetween(c)) {
      i++;
      continue;
    }
    if (c == 0x22) {
      i = stringEnd(j, i);
    } else if (isOpening(c) || isClosing(c)) {
      depth += isOpening(c) ? 1 : -1;
      i++;
    } else {
      i = literalEnd(j, i);
    }
    if (depth == 0) return i;
  }
  return i;
}

/** The place after a number, true, false or null. */
function literalEnd(j: Bytes, i: i32): i32 {
  while (i < j.length && !isBetween(j[i]) && !isOpening(j[i]) && !isClosing(j[i]) && j[i] != 0x22) i++;
  return i;
}

/**
 * Replaces the escapes of RFC 8259 section 7. A half of a surrogate pair without
 * the other stays, and is U+FFFD when it is written; an escape that is none
 * becomes U+FFFD.
 */
function unescape(s: string): string {
  let out = "";
  for (let i = 0; i < s.length; i++) {
    if (s.charCodeAt(i) != 0x5c || i + 1 == s.length) {
      out += s.charAt(i);
      continue;
    }
    const unit = hex4(s, i);
    if (unit >= 0) {
      out += String.fromCharCode(unit);
      i += 5;
    } else {
      out += String.fromCharCode(shortEscape(s.charCodeAt(++i)));
    }
  }
  return out;
}

/** Reads \uXXXX; -1 when there is none. */
function hex4(s: string, i: i32): i32 {
  if (i + 6 > s.length || s.charCodeAt(i + 1) != 0x75) return -1;
  let r = 0;
  for (let k = i + 2; k < i + 6; k++) {
    const c = s.charCodeAt(k);
    const low = c | 0x20;
    if (c >= 0x30 && c <= 0x39) r = (r << 4) | (c - 0x30);
    else if (low >= 0x61 && low <= 0x66) r = (r << 4) | (low - 0x61 + 10);
    else return -1;
  }
  return r;
}

function shortEscape(c: i32): i32 {
  switch (c) {
    case 0x22: case 0x5c: case 0x2f: return c;
    case 0x6e: return 0x0a;
    case 0x72: return 0x0d;
    case 0x74: return 0x09;
    case 0x62: return 0x08;
    case 0x66: return 0x0c;
    default: return 0xfffd;
  }
}

/**
 * Reads a frame (ABI.md, "The input") into input, which refers to its memory, and
 * returns what is wrong with it; "" when nothing is.
 */
export function decode(frame: Bytes, input: Input): string {
  if (frame.length < 8 || load<u32>(frame.at) != 0x31585154) return "malformed frame: it does not begin with TQX1";
  const n = load<u32>(frame.at + 4);
  if (n == 0 || n > <u32>(frame.length - 8) || frame[8] != 0x7b) return "malformed frame: the header is cut off or no object";
  const header = new Json(frame.slice(8, 8 + <i32>n));
  const blobs = frame.slice(8 + <i32>n, frame.length);
  const message = header.get("message");
  input.id = message.get("id").text("");
  input.date = message.get("date").text("");
  input.unix = message.get("unix").int(0);
  input.config = header.get("config");
  input.maxFindings = limit(header.get("limits").get("findings"), input.maxFindings);
  input.maxOutput = limit(header.get("limits").get("output"), input.maxOutput);
  const entries = header.get("parts").items();
  for (let i = 0; i < entries.length; i++) {
    const part = new Part();
    if (!decodePart(part, entries[i], blobs)) return "malformed frame: a part lies outside of it";
    input.parts.push(part);
  }
  return "";
}

function limit(j: Json, otherwise: i32): i32 {
  const n = j.int(0);
  return n > 0 && n <= i32.MAX_VALUE ? <i32>n : otherwise;
}

function decodePart(part: Part, entry: Json, blobs: Bytes): bool {
  const off = entry.get("off").int(-1);
  const length = entry.get("len").int(-1);
  if (off < 0 || length < 0 || off > blobs.length || length > blobs.length - off) return false;
  part.id = entry.get("id").text("");
  part.kind = entry.get("kind").text("");
  part.mime = entry.get("mime").text("");
  part.name = entry.get("name").text("");
  part.sha256 = entry.get("sha256").text("");
  part.data = blobs.slice(<i32>off, <i32>(off + length));
  part.size = entry.get("size").int(length);
  part.truncated = entry.get("truncated").bool(false);
  return true;
}

/** Memory for the frame. For the exports only. */
export function allocate(size: i32): usize {
  return heap.alloc(<usize>max(size, 1));
}

/**
 * Reads a frame, has find search it and returns the output as the host wants it.
 * A malformed frame becomes a warning. For the exports only.
 */
export function run(frame: usize, size: i32, find: (input: Input, out: Output) => void): u64 {
  const input = new Input();
  const wrong = decode(new Bytes(frame, size), input);
  const out = new Output(input);
  if (wrong == "") find(input, out);
  else out.warn(wrong);
  return out.encode();
}
