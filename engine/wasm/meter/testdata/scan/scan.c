// Finds words that have the shape of wallet addresses and hashes them. The same
// program stands beside this file in other languages; all give the same number.
// clang --target=wasm32 -O2 -nostdlib -Wl,--no-entry -Wl,--strip-all -o c.wasm scan.c
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

extern u8 __heap_base;

__attribute__((export_name("alloc"))) u32 alloc(u32 n) {
    u32 at = (u32)&__heap_base;
    u32 need = (at + n + 65535) / 65536, have = __builtin_wasm_memory_size(0);
    if (need > have) __builtin_wasm_memory_grow(0, need - have);
    return at;
}

static int word(u8 c) { return (u8)(c - '0') < 10 || (u8)((c | 32) - 'a') < 26; }
static int base58(u8 c) { return c != '0' && c != 'O' && c != 'I' && c != 'l'; }

__attribute__((noinline)) static u32 hash(const u8 *p, u32 n) {
    u32 h = 2166136261u;
    for (u32 i = 0; i < n; i++) h = (h ^ p[i]) * 16777619u;
    return h;
}

__attribute__((export_name("scan"))) u64 scan(u32 at, u32 n) {
    const u8 *p = (const u8 *)at;
    u64 sum = 0;
    for (u32 i = 0; i < n;) {
        u32 start = i;
        int fits = 1;
        for (; i < n && word(p[i]); i++) fits &= base58(p[i]);
        u32 len = i - start;
        const u8 *w = p + start;
        if (len == 0) i++;
        else if (len >= 26 && len <= 35 && fits && (w[0] == '1' || w[0] == '3')) sum = sum * 31 + hash(w, len);
        else if (len == 42 && w[0] == '0' && w[1] == 'x') sum = sum * 31 + hash(w, len);
    }
    return sum;
}
