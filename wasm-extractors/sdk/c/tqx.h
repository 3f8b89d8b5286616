/*
 * tqx.h: what a C program needs to be an extractor module of tqmailrules.
 *
 * It reads the frame that the host hands over and writes what was found in the
 * form that the host reads; both are described in ABI.md, "The input" and "The
 * output". It needs no C library: with
 *
 *     clang --target=wasm32 -O2 -ffreestanding -nostdlib -Wl,--no-entry -o x.wasm x.c
 *
 * it brings the four functions that compilers call on their own (memcpy,
 * memmove, memset, memcmp), which give way to those of a library.
 *
 * An extractor is one function:
 *
 *     #include "tqx.h"
 *
 *     static void find(const tqx_input *in, tqx_output *out) {
 *         for (uint32_t i = 0; i < in->part_count; i++) {
 *             tqx_str text = in->parts[i].data;
 *             for (uint32_t at = 0; at + 4 <= text.len; at++)
 *                 if (memcmp(text.ptr + at, "EVIL", 4) == 0)
 *                     tqx_add(out, &(tqx_indicator){.type = TQX_STR("string"), .value = TQX_STR("EVIL"),
 *                                                   .part = i, .start = at, .end = at + 4});
 *         }
 *     }
 *     TQX_EXTRACTOR(find)
 *
 * An instance handles one mail, on one thread; memory is never given back. For
 * another target than wasm32 the header uses the C library, so that an extractor
 * can be tested where it is written: tqx_decode reads a frame, find fills a
 * tqx_output, and its indicators and notes are text.
 * Include the header in one file, or in several of which one has TQX_EXTRACTOR.
 */
#ifndef TQX_H
#define TQX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bounds of one indicator and of one note (ABI.md, "The output"). */
enum {
    TQX_MAX_VALUE = 8192, /* bytes of a value, and of related_to */
    TQX_MAX_ATTRIBUTES = 16,
    TQX_MAX_ATTRIBUTE_NAME = 64,
    TQX_MAX_ATTRIBUTE_VALUE = 1024,
    TQX_MAX_NOTE = 1024,
    TQX_MAX_NOTES = 16, /* of this header: the rest is left out */
};

/* tqx_str is len bytes at ptr; a JSON value as it is written is one, too. */
typedef struct {
    const char *ptr;
    uint32_t len;
} tqx_str;

#define TQX_STR(literal) ((tqx_str){"" literal, sizeof(literal) - 1})

/* tqx_part is one text or file of the mail. */
typedef struct {
    tqx_str id;     /* "subject", "body.text", or the path of an attachment */
    tqx_str kind;   /* text, html, page, subject, header, name, attachment, raw */
    tqx_str mime;   /* media type in lower case */
    tqx_str name;   /* file name of an attachment */
    tqx_str sha256; /* of an attachment, in lower-case hex */
    tqx_str data;
    uint64_t size; /* bytes of the whole part; more than data.len when truncated */
    bool truncated;
} tqx_part;

/* tqx_input is one mail, as far as the description's "wants" asks for it. */
typedef struct {
    tqx_str id;    /* of the message */
    tqx_str date;  /* when it was received, RFC 3339 in UTC; empty when unknown */
    int64_t unix_time; /* the same in seconds since 1970; 0 when unknown */
    tqx_part *parts;
    uint32_t part_count;
    tqx_str config; /* a JSON object */
    uint32_t max_findings, max_output;
} tqx_input;

typedef struct {
    tqx_str name, value;
} tqx_attribute;

/* tqx_indicator is one thing found at one place. What is left out of an
 * initializer is not said. */
typedef struct {
    tqx_str type;        /* one of the description's types */
    tqx_str value;       /* 1 to TQX_MAX_VALUE bytes without control characters */
    uint32_t part;       /* index into parts */
    uint32_t start, end; /* bytes of the part that hold it, end excluded; left out when both are 0 */
    uint32_t confidence; /* 1 to 100; 0 says nothing */
    const tqx_attribute *attributes; /* in the order in which they shall be written, no name twice */
    uint32_t attribute_count;
    tqx_str related_to; /* the value of another indicator, or any text it belongs to */
} tqx_indicator;

/* tqx_buffer grows as it is written to. */
typedef struct {
    char *ptr;
    uint32_t len, cap;
} tqx_buffer;

/* tqx_output collects findings. */
typedef struct {
    const tqx_input *in;
    tqx_buffer indicators, notes;
    uint32_t finding_count, note_count;
    bool full;
} tqx_output;

#ifdef __wasm__
#define TQX_EXPORT(name) __attribute__((export_name(#name), used))
#else
#define TQX_EXPORT(name)
#endif

/* TQX_EXTRACTOR makes the exports of a module whose extractor is find. */
#define TQX_EXTRACTOR(find)                                                               \
    TQX_EXPORT(tqx_abi_v1) void tqx_abi_v1(void) {}                                       \
    TQX_EXPORT(tqx_alloc) void *tqx_alloc(uint32_t size) { return tqx_allocate(size); }   \
    TQX_EXPORT(tqx_extract) uint64_t tqx_extract(const char *frame, uint32_t size) {      \
        return tqx_run((tqx_str){frame, size}, find);                                     \
    }

/* ---- memory -------------------------------------------------------------- */

#ifdef __wasm__

#define TQX_LIBRARY(name) __attribute__((weak, no_builtin(name)))

TQX_LIBRARY("memcpy") void *memcpy(void *restrict to, const void *restrict from, size_t n) {
    char *t = to;
    const char *f = from;
    while (n--) *t++ = *f++;
    return to;
}

TQX_LIBRARY("memmove") void *memmove(void *to, const void *from, size_t n) {
    char *t = to;
    const char *f = from;
    if (t <= f) return memcpy(to, from, n); /* ours copies upwards */
    while (n--) t[n] = f[n];
    return to;
}

TQX_LIBRARY("memset") void *memset(void *to, int value, size_t n) {
    char *t = to;
    while (n--) *t++ = (char)value;
    return to;
}

TQX_LIBRARY("memcmp") int memcmp(const void *a, const void *b, size_t n) {
    const unsigned char *x = a, *y = b;
    for (; n; n--, x++, y++)
        if (*x != *y) return *x - *y;
    return 0;
}

extern unsigned char __heap_base; /* made by the linker */

/* tqx_allocate returns size bytes at an address divisible by 16, zeroed. It
 * traps when the host gives no more memory. */
__attribute__((weak)) void *tqx_allocate(uint32_t size) {
    static uintptr_t next;
    if (next == 0) next = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
    uint64_t end = (uint64_t)next + (((uint64_t)size + 15) & ~(uint64_t)15);
    uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) << 16;
    if (end > have) {
        uint64_t pages = (end - have + 0xffff) >> 16;
        if (end > UINT32_MAX || __builtin_wasm_memory_grow(0, (size_t)pages) == (size_t)-1) __builtin_trap();
    }
    void *at = (void *)next;
    next = (uintptr_t)end;
    return at;
}

#else /* a test of an extractor, on the machine where it is written */

#include <stdlib.h>
#include <string.h>

static inline void *tqx_allocate(uint32_t size) {
    void *at = calloc(1, size > 0 ? size : 1);
    if (at == NULL) abort();
    return at;
}

#endif

/* ---- text ---------------------------------------------------------------- */

static inline bool tqx_equal(tqx_str a, tqx_str b) {
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

static inline tqx_str tqx_slice(tqx_str s, uint32_t from, uint32_t to) {
    return (tqx_str){s.ptr + from, to - from};
}

/* tqx_rune reads one character of UTF-8 (RFC 3629) at i and tells its size; what
 * is none is U+FFFD of size 1. */
static inline uint32_t tqx_rune(tqx_str s, uint32_t i, uint32_t *size) {
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)s.ptr + i;
    uint32_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    uint32_t rune = n < 2 ? p[0] : p[0] & (0x7fu >> n);
    *size = 1;
    if (n == 0 || n > s.len - i) return 0xfffd;
    for (uint32_t k = 1; k < n; k++) {
        if ((p[k] & 0xc0) != 0x80) return 0xfffd;
        rune = rune << 6 | (p[k] & 0x3f);
    }
    if (rune < least[n] || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000)) return 0xfffd;
    *size = n;
    return rune;
}

/* tqx_cut shortens s to max bytes at most, between characters. */
static inline tqx_str tqx_cut(tqx_str s, uint32_t max) {
    if (s.len <= max) return s;
    while (max > 0 && (s.ptr[max] & 0xc0) == 0x80) max--;
    return (tqx_str){s.ptr, max};
}

static inline void tqx_write(tqx_buffer *b, tqx_str s) {
    if (s.len > b->cap - b->len) {
        uint32_t cap = b->cap * 2 > b->len + s.len ? b->cap * 2 : b->len + s.len + 1024;
        char *grown = tqx_allocate(cap);
        if (b->len) memcpy(grown, b->ptr, b->len);
        b->ptr = grown;
        b->cap = cap;
    }
    if (s.len) memcpy(b->ptr + b->len, s.ptr, s.len);
    b->len += s.len;
}

static inline void tqx_write_rune(tqx_buffer *b, uint32_t r) {
    char c[4];
    uint32_t n = 0;
    if (r > 0x10ffff || (r >= 0xd800 && r < 0xe000)) r = 0xfffd;
    if (r < 0x80) {
        c[n++] = (char)r;
    } else {
        int more = r < 0x800 ? 1 : r < 0x10000 ? 2 : 3;
        c[n++] = (char)((0xff80u >> more & 0xff) | r >> 6 * more);
        while (more--) c[n++] = (char)(0x80 | (r >> 6 * more & 0x3f));
    }
    tqx_write(b, (tqx_str){c, n});
}

static inline void tqx_write_number(tqx_buffer *b, uint32_t n) {
    char digits[10];
    int at = 10;
    do digits[--at] = (char)('0' + n % 10);
    while (n /= 10);
    tqx_write(b, (tqx_str){digits + at, (uint32_t)(10 - at)});
}

/* tqx_write_string writes a JSON string (RFC 8259 section 7). Bytes that are not
 * UTF-8 become U+FFFD, one each; control characters, which the host takes nowhere,
 * become spaces. */
static inline void tqx_write_string(tqx_buffer *b, tqx_str s) {
    tqx_write(b, TQX_STR("\""));
    for (uint32_t i = 0, n; i < s.len; i += n) {
        uint32_t r = tqx_rune(s, i, &n);
        if (r == '"' || r == '\\') {
            char pair[2] = {'\\', (char)r};
            tqx_write(b, (tqx_str){pair, 2});
        } else if (r < ' ' || (r >= 0x7f && r < 0xa0)) {
            tqx_write(b, TQX_STR(" "));
        } else {
            tqx_write_rune(b, r);
        }
    }
    tqx_write(b, TQX_STR("\""));
}

/* ---- JSON ---------------------------------------------------------------- */

static inline bool tqx_is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static inline uint32_t tqx_blank(tqx_str j, uint32_t i) {
    while (i < j.len && tqx_is_blank(j.ptr[i])) i++;
    return i;
}

/* tqx_comma steps over white space and one comma. */
static inline uint32_t tqx_comma(tqx_str j, uint32_t i) {
    i = tqx_blank(j, i);
    return i < j.len && j.ptr[i] == ',' ? i + 1 : i;
}

static inline uint32_t tqx_string_end(tqx_str j, uint32_t i) {
    for (i++; i < j.len; i++) {
        if (j.ptr[i] == '"') return i + 1;
        if (j.ptr[i] == '\\') i++;
    }
    return j.len;
}

/* tqx_value_end returns the place after the value that begins at i. Brackets are
 * counted and not called for, so that no depth of them is too deep. */
static inline uint32_t tqx_value_end(tqx_str j, uint32_t i) {
    for (uint32_t depth = 0; i < j.len;) {
        char c = j.ptr[i];
        bool between = c == ',' || c == ':' || tqx_is_blank(c), closing = c == '}' || c == ']';
        if (depth == 0 && (between || closing)) return i;
        if (c == '"') i = tqx_string_end(j, i);
        else i++;
        if (c == '{' || c == '[') depth++;
        else if (closing) depth--;
        else if (c != '"' && !between)
            while (i < j.len && !tqx_is_blank(j.ptr[i]) && j.ptr[i] != ',' && j.ptr[i] != ':' && j.ptr[i] != '"' &&
                   j.ptr[i] != '{' && j.ptr[i] != '[' && j.ptr[i] != '}' && j.ptr[i] != ']')
                i++;
        if (depth == 0) return i;
    }
    return i;
}

/* tqx_next steps through the members of an object or the elements of an array:
 * begin with *at = 0; key is empty in an array. */
static inline bool tqx_next(tqx_str j, uint32_t *at, tqx_str *key, tqx_str *value) {
    if (j.len < 2 || (j.ptr[0] != '{' && j.ptr[0] != '[')) return false;
    uint32_t i = tqx_blank(j, *at == 0 ? 1 : *at), end;
    *key = (tqx_str){j.ptr, 0};
    if (j.ptr[0] == '{') {
        if (i >= j.len || j.ptr[i] != '"') return false;
        end = tqx_string_end(j, i);
        *key = tqx_slice(j, i, end);
        i = tqx_blank(j, end);
        if (i >= j.len || j.ptr[i] != ':') return false;
        i = tqx_blank(j, i + 1);
    }
    end = tqx_value_end(j, i);
    if (end <= i) return false;
    *value = tqx_slice(j, i, end);
    *at = tqx_comma(j, end);
    return true;
}

/* tqx_hex4 reads \uXXXX at i; -1 when there is none. */
static inline int32_t tqx_hex4(tqx_str s, uint32_t i) {
    int32_t r = 0;
    if (s.len < 6 || i > s.len - 6 || s.ptr[i] != '\\' || s.ptr[i + 1] != 'u') return -1;
    for (uint32_t k = i + 2; k < i + 6; k++) {
        char c = s.ptr[k], low = (char)(c | 0x20);
        if (c >= '0' && c <= '9') r = r << 4 | (c - '0');
        else if (low >= 'a' && low <= 'f') r = r << 4 | (low - 'a' + 10);
        else return -1;
    }
    return r;
}

/* tqx_unescape replaces the escapes of RFC 8259 section 7. A half of a surrogate
 * pair without the other becomes U+FFFD; so does an escape that is none. */
static inline tqx_str tqx_unescape(tqx_str s) {
    static const char letters[] = "\"\"\\\\//n\nr\rt\tb\bf\f";
    tqx_buffer b = {0};
    for (uint32_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '\\' || i + 1 == s.len) {
            tqx_write(&b, tqx_slice(s, i, i + 1));
            continue;
        }
        int32_t high = tqx_hex4(s, i), low = tqx_hex4(s, i + 6);
        uint32_t rune = 0xfffd;
        if (high >= 0 && (high & 0xfc00) == 0xd800 && low >= 0 && (low & 0xfc00) == 0xdc00) {
            rune = 0x10000 + (((uint32_t)high & 0x3ff) << 10) + ((uint32_t)low & 0x3ff);
            i += 11;
        } else if (high >= 0) {
            rune = (uint32_t)high;
            i += 5;
        } else {
            i++;
            for (uint32_t k = 0; k + 1 < sizeof letters; k += 2)
                if (letters[k] == s.ptr[i]) rune = (unsigned char)letters[k + 1];
        }
        tqx_write_rune(&b, rune);
    }
    return (tqx_str){b.ptr, b.len};
}

/* tqx_text returns the characters of a string, or otherwise. */
static inline tqx_str tqx_text(tqx_str j, tqx_str otherwise) {
    if (j.len < 2 || j.ptr[0] != '"' || j.ptr[j.len - 1] != '"') return otherwise;
    tqx_str inner = tqx_slice(j, 1, j.len - 1);
    for (uint32_t i = 0; i < inner.len; i++)
        if (inner.ptr[i] == '\\') return tqx_unescape(inner);
    return inner;
}

/* tqx_int returns an integer of up to 18 digits, or otherwise. */
static inline int64_t tqx_int(tqx_str j, int64_t otherwise) {
    bool negative = j.len > 0 && j.ptr[0] == '-';
    int64_t n = 0;
    if (j.len == negative || j.len > 18u + negative) return otherwise;
    for (uint32_t i = negative; i < j.len; i++) {
        if (j.ptr[i] < '0' || j.ptr[i] > '9') return otherwise;
        n = n * 10 + (j.ptr[i] - '0');
    }
    return negative ? -n : n;
}

/* tqx_bool returns true or false, or otherwise. */
static inline bool tqx_bool(tqx_str j, bool otherwise) {
    if (tqx_equal(j, TQX_STR("true"))) return true;
    return tqx_equal(j, TQX_STR("false")) ? false : otherwise;
}

/* tqx_get returns the value of a member of an object as it is written; empty
 * when there is none. */
static inline tqx_str tqx_get(tqx_str object, tqx_str name) {
    tqx_str key, value;
    uint32_t at = 0;
    if (object.len > 0 && object.ptr[0] == '{')
        while (tqx_next(object, &at, &key, &value))
            if (tqx_equal(tqx_text(key, TQX_STR("")), name)) return value;
    return (tqx_str){"", 0};
}

/* tqx_config_string, _int and _bool return what stands under a key of the
 * configuration, or otherwise. Lists are stepped through with
 * tqx_next(tqx_get(in->config, ...), ...). */
static inline tqx_str tqx_config_string(const tqx_input *in, tqx_str key, tqx_str otherwise) {
    return tqx_text(tqx_get(in->config, key), otherwise);
}

static inline int64_t tqx_config_int(const tqx_input *in, tqx_str key, int64_t otherwise) {
    return tqx_int(tqx_get(in->config, key), otherwise);
}

static inline bool tqx_config_bool(const tqx_input *in, tqx_str key, bool otherwise) {
    return tqx_bool(tqx_get(in->config, key), otherwise);
}

/* ---- findings ------------------------------------------------------------ */

/* tqx_valid_text says whether the host takes s as a value. */
static inline bool tqx_valid_text(tqx_str s) {
    for (uint32_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i], next = i + 1 < s.len ? (unsigned char)s.ptr[i + 1] : 0;
        if (c < ' ' || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0)) return false;
    }
    return s.len > 0 && s.len <= TQX_MAX_VALUE;
}

static inline bool tqx_valid(const tqx_output *out, const tqx_indicator *ind) {
    return tqx_valid_text(ind->type) && tqx_valid_text(ind->value) && ind->related_to.len <= TQX_MAX_VALUE &&
           ind->confidence <= 100 && ind->part < out->in->part_count && ind->start <= ind->end &&
           ind->end <= out->in->parts[ind->part].data.len;
}

static inline void tqx_write_attributes(tqx_buffer *b, const tqx_indicator *ind) {
    uint32_t n = 0;
    tqx_write(b, TQX_STR(",\"attributes\":{"));
    for (uint32_t i = 0; i < ind->attribute_count && n < TQX_MAX_ATTRIBUTES; i++) {
        if (ind->attributes[i].name.len > TQX_MAX_ATTRIBUTE_NAME) continue;
        if (n++) tqx_write(b, TQX_STR(","));
        tqx_write_string(b, ind->attributes[i].name);
        tqx_write(b, TQX_STR(":"));
        tqx_write_string(b, tqx_cut(ind->attributes[i].value, TQX_MAX_ATTRIBUTE_VALUE));
    }
    tqx_write(b, TQX_STR("}"));
}

static inline void tqx_write_field(tqx_buffer *b, tqx_str key, uint32_t value) {
    tqx_write(b, key);
    tqx_write_number(b, value);
}

static inline void tqx_write_indicator(tqx_buffer *b, const tqx_indicator *ind) {
    tqx_write(b, TQX_STR("{\"type\":"));
    tqx_write_string(b, ind->type);
    tqx_write(b, TQX_STR(",\"value\":"));
    tqx_write_string(b, ind->value);
    tqx_write_field(b, TQX_STR(",\"part\":"), ind->part);
    if (ind->end > 0) {
        tqx_write_field(b, TQX_STR(",\"start\":"), ind->start);
        tqx_write_field(b, TQX_STR(",\"end\":"), ind->end);
    }
    if (ind->confidence > 0) tqx_write_field(b, TQX_STR(",\"confidence\":"), ind->confidence);
    if (ind->attribute_count > 0) tqx_write_attributes(b, ind);
    if (ind->related_to.len > 0) {
        tqx_write(b, TQX_STR(",\"related_to\":"));
        tqx_write_string(b, ind->related_to);
    }
    tqx_write(b, TQX_STR("}"));
}

/* tqx_note_part adds a note for people, level info or warning, about one part;
 * with part_count and beyond, about the mail. */
static inline void tqx_note_part(tqx_output *out, tqx_str level, uint32_t part, tqx_str text) {
    if (text.len == 0 || out->note_count >= TQX_MAX_NOTES) return;
    if (out->note_count++) tqx_write(&out->notes, TQX_STR(","));
    tqx_write(&out->notes, TQX_STR("{\"level\":"));
    tqx_write_string(&out->notes, level);
    tqx_write(&out->notes, TQX_STR(",\"text\":"));
    tqx_write_string(&out->notes, tqx_cut(text, TQX_MAX_NOTE));
    if (part < out->in->part_count) tqx_write_field(&out->notes, TQX_STR(",\"part\":"), part);
    tqx_write(&out->notes, TQX_STR("}"));
}

static inline void tqx_info(tqx_output *out, tqx_str text) { tqx_note_part(out, TQX_STR("info"), UINT32_MAX, text); }

static inline void tqx_warn(tqx_output *out, tqx_str text) { tqx_note_part(out, TQX_STR("warning"), UINT32_MAX, text); }

/* TQX_SPARE is what an output keeps free for its end and the note about a limit. */
enum { TQX_SPARE = 128 };

/* tqx_add takes one indicator. It returns false, and leaves the indicator out,
 * when the host would refuse it: an empty, too long or controlling value, a part
 * or a span that does not exist, a confidence above 100, or one finding too many.
 * Attributes beyond TQX_MAX_ATTRIBUTES are left out, too long ones are cut. */
static inline bool tqx_add(tqx_output *out, const tqx_indicator *ind) {
    if (out->full || out->finding_count >= out->in->max_findings || !tqx_valid(out, ind)) return false;
    uint32_t mark = out->indicators.len;
    if (out->finding_count) tqx_write(&out->indicators, TQX_STR(","));
    tqx_write_indicator(&out->indicators, ind);
    if ((uint64_t)out->indicators.len + out->notes.len + TQX_SPARE > out->in->max_output) {
        out->indicators.len = mark;
        out->full = true;
        out->note_count = out->note_count < TQX_MAX_NOTES ? out->note_count : TQX_MAX_NOTES - 1;
        tqx_warn(out, TQX_STR("the output is full: further findings are left out"));
        return false;
    }
    out->finding_count++;
    return true;
}

#if defined(TQX_LOG)
__attribute__((import_module("tqx"), import_name("log"))) void tqx_host_log(uint32_t level, const char *line, uint32_t size);

/* tqx_log writes a line for the author, which `ext run` and `ext test` show.
 * Define TQX_LOG to have it; without it the module imports nothing. */
static inline void tqx_log(tqx_str line) { tqx_host_log(0, line.ptr, line.len); }
#endif

/* ---- the frame ----------------------------------------------------------- */

static inline bool tqx_read_part(tqx_part *part, tqx_str entry, tqx_str blobs) {
    tqx_str none = {"", 0};
    int64_t off = tqx_int(tqx_get(entry, TQX_STR("off")), -1), len = tqx_int(tqx_get(entry, TQX_STR("len")), -1);
    if (off < 0 || len < 0 || off > blobs.len || len > blobs.len - off) return false;
    *part = (tqx_part){
        .id = tqx_text(tqx_get(entry, TQX_STR("id")), none),
        .kind = tqx_text(tqx_get(entry, TQX_STR("kind")), none),
        .mime = tqx_text(tqx_get(entry, TQX_STR("mime")), none),
        .name = tqx_text(tqx_get(entry, TQX_STR("name")), none),
        .sha256 = tqx_text(tqx_get(entry, TQX_STR("sha256")), none),
        .data = {blobs.ptr + off, (uint32_t)len},
        .size = (uint64_t)tqx_int(tqx_get(entry, TQX_STR("size")), len),
        .truncated = tqx_bool(tqx_get(entry, TQX_STR("truncated")), false),
    };
    return true;
}

static inline const char *tqx_read_parts(tqx_input *in, tqx_str list, tqx_str blobs) {
    tqx_str key, entry;
    uint32_t n = 0;
    for (uint32_t at = 0; tqx_next(list, &at, &key, &entry);) n++;
    in->parts = tqx_allocate(n * (uint32_t)sizeof *in->parts);
    for (uint32_t at = 0; in->part_count < n && tqx_next(list, &at, &key, &entry); in->part_count++)
        if (!tqx_read_part(&in->parts[in->part_count], entry, blobs)) return "malformed frame: a part lies outside of it";
    return NULL;
}

static inline uint32_t tqx_limit(tqx_str limits, tqx_str key, uint32_t otherwise) {
    int64_t n = tqx_int(tqx_get(limits, key), 0);
    return n > 0 && n <= INT32_MAX ? (uint32_t)n : otherwise;
}

/* tqx_decode reads a frame (ABI.md, "The input"), whose memory the input then
 * refers to, and returns what is wrong with it; NULL when nothing is. */
static inline const char *tqx_decode(tqx_str frame, tqx_input *in) {
    const unsigned char *p = (const unsigned char *)frame.ptr;
    *in = (tqx_input){.config = TQX_STR("{}"), .max_findings = 10000, .max_output = 1 << 20};
    if (frame.len < 8 || memcmp(p, "TQX1", 4) != 0) return "malformed frame: it does not begin with TQX1";
    uint32_t n = p[4] | (uint32_t)p[5] << 8 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 24;
    if (n > frame.len - 8 || n == 0 || p[8] != '{') return "malformed frame: the header is cut off or no object";
    tqx_str header = tqx_slice(frame, 8, 8 + n), none = {"", 0};
    tqx_str message = tqx_get(header, TQX_STR("message")), limits = tqx_get(header, TQX_STR("limits"));
    in->id = tqx_text(tqx_get(message, TQX_STR("id")), none);
    in->date = tqx_text(tqx_get(message, TQX_STR("date")), none);
    in->unix_time = tqx_int(tqx_get(message, TQX_STR("unix")), 0);
    in->config = tqx_get(header, TQX_STR("config"));
    in->max_findings = tqx_limit(limits, TQX_STR("findings"), in->max_findings);
    in->max_output = tqx_limit(limits, TQX_STR("output"), in->max_output);
    return tqx_read_parts(in, tqx_get(header, TQX_STR("parts")), tqx_slice(frame, 8 + n, frame.len));
}

/* tqx_encode returns the output as the host wants it: address and length. */
static inline uint64_t tqx_encode(tqx_output *out) {
    tqx_buffer b = {0};
    if (out->indicators.len + out->notes.len == 0) return 0;
    tqx_write(&b, TQX_STR("{\"indicators\":["));
    tqx_write(&b, (tqx_str){out->indicators.ptr, out->indicators.len});
    tqx_write(&b, TQX_STR("]"));
    if (out->notes.len > 0) {
        tqx_write(&b, TQX_STR(",\"notes\":["));
        tqx_write(&b, (tqx_str){out->notes.ptr, out->notes.len});
        tqx_write(&b, TQX_STR("]"));
    }
    tqx_write(&b, TQX_STR("}"));
    return (uint64_t)(uintptr_t)b.ptr << 32 | b.len;
}

static inline uint64_t tqx_run(tqx_str frame, void (*find)(const tqx_input *, tqx_output *)) {
    tqx_input in;
    const char *wrong = tqx_decode(frame, &in);
    tqx_output out = {.in = &in};
    if (wrong == NULL) {
        find(&in, &out);
        return tqx_encode(&out);
    }
    uint32_t n = 0;
    while (wrong[n]) n++;
    in.part_count = 0;
    tqx_warn(&out, (tqx_str){wrong, n});
    return tqx_encode(&out);
}

#endif
