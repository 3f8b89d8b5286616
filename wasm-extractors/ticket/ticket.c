/*
 * An extractor module that finds case numbers and tickets: a prefix of the
 * configuration, perhaps something between, and digits. README.md says it exactly.
 */
#include "tqx.h"

enum {
    MAX_PREFIXES = 64,
    MAX_PREFIX = 32,
    MAX_DIGITS = 20,
};

/* prefix is one of those that are looked for. */
typedef struct {
    tqx_str text; /* as the configuration has it */
    tqx_str stem; /* in lower case; where separators are free, without those at its end */
} prefix;

/* settings are the configuration. */
typedef struct {
    prefix prefixes[MAX_PREFIXES];
    uint32_t count;
    uint32_t min_digits, max_digits;
    bool separator;
    uint8_t first[256]; /* 1 for the bytes with which a prefix begins, in either case */
} settings;

static char lower(char c) { return c >= 'A' && c <= 'Z' ? c | 0x20 : c; }

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* in_word says whether a prefix may not begin behind, nor a number end before, c:
 * letters, digits, and whatever is beyond ASCII. */
static bool in_word(char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || (c & 0x80) != 0; }

static bool is_separator(char c) { return c == '-' || c == '_' || c == '#' || c == ':' || c == ' '; }

static void add_prefix(settings *s, tqx_str text) {
    if (s->count == MAX_PREFIXES || text.len == 0 || text.len > MAX_PREFIX) return;
    char *stem = tqx_allocate(text.len);
    uint32_t len = text.len;
    for (uint32_t i = 0; i < len; i++) stem[i] = lower(text.ptr[i]);
    while (s->separator && len > 1 && is_separator(stem[len - 1])) len--;
    s->prefixes[s->count++] = (prefix){text, {stem, len}};
    for (int c = 0; c < 128; c++)
        if (lower((char)c) == stem[0]) s->first[c] = 1;
}

static void read_prefixes(settings *s, tqx_str list) {
    static const tqx_str common[] = {
        TQX_STR("CASE-"), TQX_STR("TICKET-"), TQX_STR("INC"), TQX_STR("REQ"), TQX_STR("RITM"), TQX_STR("CHG"), TQX_STR("PRB"), TQX_STR("SIR"),
    };
    tqx_str key, value;
    if (list.len == 0)
        for (uint32_t i = 0; i < sizeof common / sizeof *common; i++) add_prefix(s, common[i]);
    for (uint32_t at = 0; tqx_next(list, &at, &key, &value);) add_prefix(s, tqx_text(value, TQX_STR("")));
}

static uint32_t between(int64_t n, uint32_t low, uint32_t high) {
    return n < low ? low : n > high ? high : (uint32_t)n;
}

/* read_settings tells whether the configuration makes sense: the least number of
 * digits counts when the greatest is less. */
static bool read_settings(settings *s, const tqx_input *in) {
    tqx_str digits = tqx_get(in->config, TQX_STR("digits"));
    *s = (settings){.separator = tqx_config_bool(in, TQX_STR("separator"), true)};
    s->min_digits = between(tqx_int(tqx_get(digits, TQX_STR("min")), 5), 1, MAX_DIGITS);
    int64_t max_digits = tqx_int(tqx_get(digits, TQX_STR("max")), 12);
    s->max_digits = between(max_digits, s->min_digits, MAX_DIGITS);
    read_prefixes(s, tqx_get(in->config, TQX_STR("prefixes")));
    return max_digits >= s->min_digits;
}

static bool begins_with(tqx_str text, uint32_t at, tqx_str stem) {
    if (stem.len > text.len - at) return false;
    for (uint32_t i = 0; i < stem.len; i++)
        if (lower(text.ptr[at + i]) != stem.ptr[i]) return false;
    return true;
}

/* skip_separators steps over up to three of "-", "_", "#", ":" and space. */
static uint32_t skip_separators(tqx_str text, uint32_t at) {
    for (int n = 0; n < 3 && at < text.len && is_separator(text.ptr[at]); n++) at++;
    return at;
}

/* number_end returns the place after the digits at a place; that place itself when
 * they are too few or too many, or run on into a word. */
static uint32_t number_end(const settings *s, tqx_str text, uint32_t at) {
    uint32_t end = at;
    while (end < text.len && is_digit(text.ptr[end]) && end - at <= s->max_digits) end++;
    bool fits = end - at >= s->min_digits && end - at <= s->max_digits;
    return fits && (end == text.len || !in_word(text.ptr[end])) ? end : at;
}

/* value_of joins the prefix as it is configured and the number: so the same ticket
 * has one value, however it was typed. */
static tqx_str value_of(const prefix *p, tqx_str number) {
    tqx_buffer b = {0};
    tqx_write(&b, p->text);
    tqx_write(&b, number);
    return (tqx_str){b.ptr, b.len};
}

/* match reads a ticket at a place into found, whose end is that place when there is
 * none, and returns its prefix. The longest prefix wins. */
static const prefix *match(const settings *s, tqx_str text, uint32_t at, tqx_indicator *found) {
    const prefix *best = NULL;
    for (uint32_t i = 0; i < s->count; i++) {
        const prefix *p = &s->prefixes[i];
        if ((best && p->stem.len <= best->stem.len) || !begins_with(text, at, p->stem)) continue;
        uint32_t from = at + p->stem.len;
        if (s->separator) from = skip_separators(text, from);
        uint32_t to = number_end(s, text, from);
        if (to == from) continue;
        best = p;
        found->end = to;
        found->value = value_of(p, tqx_slice(text, from, to));
    }
    return best;
}

static void scan(const settings *s, tqx_output *out, tqx_str text, uint32_t part) {
    for (uint32_t at = 0; at < text.len; at++) {
        if (!s->first[(uint8_t)text.ptr[at]] || (at > 0 && in_word(text.ptr[at - 1]))) continue;
        tqx_indicator found = {.type = TQX_STR("string"), .part = part, .start = at, .confidence = 80};
        const prefix *system = match(s, text, at, &found);
        if (system == NULL) continue;
        tqx_attribute attributes[] = {{TQX_STR("kind"), TQX_STR("ticket")}, {TQX_STR("system"), system->text}};
        found.attributes = attributes;
        found.attribute_count = 2;
        tqx_add(out, &found);
        at = found.end - 1;
    }
}

static void find(const tqx_input *in, tqx_output *out) {
    static settings s;
    if (!read_settings(&s, in)) tqx_warn(out, TQX_STR("digits.max is less than digits.min and is taken to be the same"));
    for (uint32_t i = 0; i < in->part_count; i++) scan(&s, out, in->parts[i].data, i);
}

TQX_EXTRACTOR(find)
