/*
 * An extractor module that finds cryptocurrency addresses. The grammar of each is
 * in ../wallets/README.md, which wallets-go, wallets-rust and
 * wallets-assemblyscript follow, too.
 */
#include "address.h"

enum { MIN_WORD = 26 }; /* the length of the shortest address */

/* identify tells by its beginning and its length what a word may be, and verifies
 * that. */
static bool identify(address *a, tqx_str text, uint32_t start, uint32_t end) {
    tqx_str word = tqx_slice(text, start, end);
    *a = (address){.start = start, .confidence = SURE};
    switch (word.ptr[0]) {
    case '1': case '3': case '7': case '9': case 'A': case 'D': case 'M': case 'T': case 'X': case 'r':
        return word.len <= MAX_BASE58CHECK && read_base58check(a, word);
    case 'L':
        return word.len <= MAX_BASE58CHECK ? read_base58check(a, word) : read_segwit(a, word);
    case 'b': case 'B': case 'l':
        return read_segwit(a, word);
    case 'q': case 'p': case 'Q': case 'P':
        return read_cashaddr(a, text, start, end);
    case '0':
        return word.len == 42 && read_ethereum(a, word);
    case '4': case '8':
        return (word.len == 95 || word.len == 106) && read_monero(a, word);
    }
    return false;
}

/* wanted says whether the configuration asks for a coin. */
static bool wanted(const tqx_input *in, tqx_str coin) {
    tqx_str coins = tqx_get(in->config, TQX_STR("coins")), key, value;
    if (coins.len == 0) return true;
    for (uint32_t at = 0; tqx_next(coins, &at, &key, &value);)
        if (tqx_equal(tqx_text(value, TQX_STR("")), coin)) return true;
    return false;
}

static void examine(const tqx_input *in, tqx_output *out, uint32_t part, uint32_t start, uint32_t end) {
    address a;
    if (!identify(&a, in->parts[part].data, start, end) || !wanted(in, a.coin)) return;
    tqx_attribute kind = {TQX_STR("kind"), a.kind};
    tqx_add(out, &(tqx_indicator){.type = a.coin, .value = a.value, .part = part, .start = a.start, .end = end,
                                  .confidence = a.confidence, .attributes = &kind, .attribute_count = 1});
}

static bool in_word[256]; /* ASCII letters and digits, of which addresses consist */

/*
 * scan examines the longest runs of letters and digits that have MIN_WORD bytes or
 * more. It looks at the place where a word that begins here would reach that
 * length: what lies before a gap there needs no look. In prose that is one or two
 * bytes of 26; no byte is looked at more than twice.
 */
static void scan(const tqx_input *in, tqx_output *out, uint32_t part) {
    const uint8_t *text = (const uint8_t *)in->parts[part].data.ptr;
    uint32_t len = in->parts[part].data.len;
    for (uint32_t i = 0; i + MIN_WORD <= len;) { /* here: i is 0, or stands behind a gap */
        uint32_t run = MIN_WORD; /* bytes to the left of which all are in a word */
        while (run > 0 && in_word[text[i + run - 1]]) run--;
        if (run > 0) {
            i += run;
            continue;
        }
        uint32_t end = i + MIN_WORD;
        while (end < len && in_word[text[end]]) end++;
        examine(in, out, part, i, end);
        i = end + 1;
    }
}

static void find(const tqx_input *in, tqx_output *out) {
    for (int c = 0; c < 256; c++) {
        int low = c | 0x20;
        in_word[c] = (c >= '0' && c <= '9') || (low >= 'a' && low <= 'z');
    }
    for (uint32_t i = 0; i < in->part_count; i++) scan(in, out, i);
}

TQX_EXTRACTOR(find)
