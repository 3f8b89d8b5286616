// See scan.c.
// asc scan.ts -O3 --runtime stub --use abort= -o as.wasm
export function alloc(n: u32): usize { return heap.alloc(n); }

// @ts-ignore: decorator
@inline function word(c: u32): bool { return c - 48 < 10 || (c | 32) - 97 < 26; }

// @ts-ignore: decorator
@inline function base58(c: u32): bool { return c != 48 && c != 79 && c != 73 && c != 108; }

function hash(p: usize, n: u32): u32 {
  let h: u32 = 2166136261;
  for (let i: u32 = 0; i < n; i++) h = (h ^ load<u8>(p + i)) * 16777619;
  return h;
}

export function scan(p: usize, n: u32): u64 {
  let sum: u64 = 0;
  let i: u32 = 0;
  while (i < n) {
    const start = i;
    let fits = true;
    while (i < n) {
      const c: u32 = load<u8>(p + i);
      if (!word(c)) break;
      if (!base58(c)) fits = false;
      i++;
    }
    const len = i - start;
    const first: u32 = load<u8>(p + start);
    if (len == 0) i++;
    else if (len >= 26 && len <= 35 && fits && (first == 49 || first == 51)) sum = sum * 31 + hash(p + start, len);
    else if (len == 42 && first == 48 && load<u8>(p + start + 1) == 120) sum = sum * 31 + hash(p + start, len);
  }
  return sum;
}
