/* @NAME@ finds account numbers of Google Analytics. Pages that are copied for
 * phishing carry that of the original along, or one by which their makers count. */
#include "tqx.h"

/* MIN_DIGITS is how many digits the number of an account has at least.
 *
 * One test is red: the account of 09-old-account.eml dates from the early days, and
 * its number has five digits. Make this 5, and `tqmailrules ext test` is green. */
enum { MIN_DIGITS = 6 };

enum { PREFIX = 3, MAX_DIGITS = 10, MAX_PROPERTY = 4 };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_word(char c) { return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'); }

static uint32_t past_digits(tqx_str text, uint32_t at) {
    while (at < text.len && is_digit(text.ptr[at])) at++;
    return at;
}

/* account tells whether one begins at start, and where it ends. */
static bool account(tqx_str text, uint32_t start, uint32_t *end) {
    if (text.len - start < PREFIX || memcmp(text.ptr + start, "UA-", PREFIX) != 0) return false;
    if (start > 0 && is_word(text.ptr[start - 1])) return false;
    uint32_t number = start + PREFIX, dash = past_digits(text, number);
    if (dash == text.len || text.ptr[dash] != '-') return false;
    *end = past_digits(text, dash + 1);
    if (*end < text.len && is_word(text.ptr[*end])) return false;
    uint32_t digits = dash - number, property = *end - dash - 1;
    return digits >= MIN_DIGITS && digits <= MAX_DIGITS && property >= 1 && property <= MAX_PROPERTY;
}

/* find is called once for each mail, with the parts that extractor.json wants. */
static void find(const tqx_input *in, tqx_output *out) {
    for (uint32_t i = 0; i < in->part_count; i++) {
        tqx_str text = in->parts[i].data;
        for (uint32_t at = 0, end; at < text.len; at++)
            if (account(text, at, &end))
                tqx_add(out, &(tqx_indicator){.type = TQX_STR("tracker"), .value = tqx_slice(text, at, end),
                                              .part = i, .start = at, .end = end, .confidence = 90});
    }
}

TQX_EXTRACTOR(find)
