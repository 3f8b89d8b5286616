/* Frames that no host makes: the library tells, and reads no byte beyond them. */
#include "tqx.h"

#include <stdio.h>
#include <sys/mman.h>

static int failures;

static void expect(int ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "not so: %s\n", what);
    failures++;
}

/* guarded returns size bytes behind which nothing can be read. */
static char *guarded(uint32_t size) {
    const size_t page = 4096, room = (size + page - 1) / page * page;
    char *at = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED || mprotect(at + room, page, PROT_NONE) != 0) abort();
    return at + room - size;
}

static tqx_str frame(const char *header, const char *blobs) {
    uint32_t n = (uint32_t)strlen(header), size = 8 + n + (uint32_t)strlen(blobs);
    char *f = guarded(size);
    memcpy(f, "TQX1", 4);
    for (int i = 0; i < 4; i++) f[4 + i] = (char)(n >> 8 * i);
    memcpy(f + 8, header, n);
    memcpy(f + 8 + n, blobs, size - 8 - n);
    return (tqx_str){f, size};
}

static void expect_answer(tqx_str frame, const char *want) {
    tqx_input in;
    const char *wrong = tqx_decode(frame, &in);
    expect(want == NULL ? wrong == NULL : wrong != NULL && strstr(wrong, want) != NULL, want ? want : "a good frame");
}

static void malformed_frames_are_told(void) {
    const char *part = "{\"parts\":[{\"off\":1,\"len\":2}]}";
    expect_answer((tqx_str){"", 0}, "does not begin");
    expect_answer(TQX_STR("TQX1\2\0"), "does not begin");
    expect_answer(TQX_STR("TQX2\2\0\0\0{}"), "does not begin");
    expect_answer(TQX_STR("TQX1\3\0\0\0{}"), "header is cut off");
    expect_answer(TQX_STR("TQX1\xff\xff\xff\xff{}"), "header is cut off");
    expect_answer(frame("[]", ""), "no object");
    expect_answer(frame(part, "hi"), "a part lies outside");
    expect_answer(frame("{\"parts\":[{\"off\":0}]}", "hi"), "a part lies outside");
    expect_answer(frame("{\"parts\":[{\"off\":0,\"len\":9999999999999999999}]}", "hi"), "a part lies outside");
    expect_answer(frame(part, "hi!"), NULL);
}

/* read_all asks for everything that a header and a configuration can hold. */
static void read_all(tqx_str f) {
    tqx_input in;
    tqx_str key, value;
    if (tqx_decode(f, &in) != NULL) return;
    for (uint32_t at = 0; tqx_next(in.config, &at, &key, &value);) {
        tqx_text(key, TQX_STR(""));
        tqx_text(value, TQX_STR(""));
        tqx_int(value, 0);
        for (uint32_t k = 0; tqx_next(value, &k, &key, &value);) tqx_bool(value, false);
    }
}

static void every_beginning_of_a_frame_is_survived(void) {
    tqx_str whole = frame("{\"message\":{\"id\":\"a\\\"\\u00e9\"},\"config\":{\"a\":[1,{\"b\":\"c\\\\\"}],\"d\":\"\\ud83d\\ude00\\q\"},"
                          "\"parts\":[{\"off\":0,\"len\":2,\"name\":\"\\ud83d\"}]}",
                          "hi");
    for (uint32_t size = 0; size <= whole.len; size++) {
        char *cut = guarded(size);
        memcpy(cut, whole.ptr, size);
        read_all((tqx_str){cut, size});
        if (size > 8) {
            for (int i = 0; i < 4; i++) cut[4 + i] = (char)((size - 8) >> 8 * i); /* a header that ends there */
            read_all((tqx_str){cut, size});
        }
    }
}

static void what_the_host_would_refuse_is_left_out(void) {
    tqx_input in;
    tqx_decode(frame("{\"parts\":[{\"off\":0,\"len\":4}],\"limits\":{\"findings\":2}}", "text"), &in);
    tqx_output out = {.in = &in};
    tqx_indicator good = {.type = TQX_STR("kit"), .value = TQX_STR("v\xff")}, bad = good;
    bad.value = TQX_STR("a\xc2\x85");
    expect(!tqx_add(&out, &bad), "a control character is refused");
    bad = good;
    bad.end = 5;
    expect(!tqx_add(&out, &bad), "a span beyond the part is refused");
    bad.part = 1;
    expect(!tqx_add(&out, &bad), "a part that is not there is refused");
    expect(tqx_add(&out, &good) && tqx_add(&out, &good), "two findings are taken");
    expect(!tqx_add(&out, &good), "a third is one too many");
    const char *want = "{\"type\":\"kit\",\"value\":\"v\xef\xbf\xbd\",\"part\":0},";
    expect(memcmp(out.indicators.ptr, want, strlen(want)) == 0, "what is no UTF-8 becomes U+FFFD");
}

int main(void) {
    malformed_frames_are_told();
    every_beginning_of_a_frame_is_survived();
    what_the_host_would_refuse_is_left_out();
    return failures > 0;
}
