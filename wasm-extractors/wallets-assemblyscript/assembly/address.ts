/** How far an address can be trusted to be one. */
export const SURE: i32 = 95; // its checksum is right
export const UNCHECKED: i32 = 50; // it has no checksum

/** One address that was recognised. */
export class Address {
  confidence: i32 = SURE;
  before: i32 = 0; // bytes before the word that belong to it

  constructor(public coin: string, public kind: string, public value: string) {}
}

/** What the characters of a text stand for. */
export class Alphabet {
  zero: u8;
  private digits: StaticArray<i8> = new StaticArray<i8>(256).fill(-1);

  constructor(characters: string) {
    this.zero = <u8>characters.charCodeAt(0);
    for (let i = 0; i < characters.length; i++) this.digits[characters.charCodeAt(i)] = <i8>i;
  }

  /** The digit that a character is; -1 when it is none. */
  digit(c: u8): i32 {
    return unchecked(this.digits[c]);
  }
}
