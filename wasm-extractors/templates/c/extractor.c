/* @NAME@ finds the tokens of Telegram bots, to which phishing kits send what
 * people typed. */
#include "tqx.h"

/* MIN_DIGITS is how many digits the number of a bot has at least.
 *
 * One test is red: the bot of 09-old-bot.eml dates from the early days, and its
 * number has eight digits. Make this 8, and `tqmailrules ext test` is green. */
enum { MIN_DIGITS = 9 };

enum { MAX_DIGITS = 10, SECRET_LENGTH = 35 };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_secret(char c) {
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '_';
}

/* token tells whether the colon is that of a token, and where the token stands. */
static bool token(tqx_str text, uint32_t colon, uint32_t *start, uint32_t *end) {
    for (*start = colon; *start > 0 && is_digit(text.ptr[*start - 1]);) (*start)--;
    for (*end = colon + 1; *end < text.len && is_secret(text.ptr[*end]);) (*end)++;
    uint32_t digits = colon - *start, secret = *end - colon - 1;
    return digits >= MIN_DIGITS && digits <= MAX_DIGITS && secret == SECRET_LENGTH &&
           memcmp(text.ptr + colon + 1, "AA", 2) == 0;
}

/* find is called once for each mail, with the parts that extractor.json wants. */
static void find(const tqx_input *in, tqx_output *out) {
    for (uint32_t i = 0; i < in->part_count; i++) {
        tqx_str text = in->parts[i].data;
        for (uint32_t at = 0, start, end; at < text.len; at++)
            if (text.ptr[at] == ':' && token(text, at, &start, &end))
                tqx_add(out, &(tqx_indicator){.type = TQX_STR("telegram-bot"), .value = tqx_slice(text, start, end),
                                              .part = i, .start = start, .end = end, .confidence = 90});
    }
}

TQX_EXTRACTOR(find)
