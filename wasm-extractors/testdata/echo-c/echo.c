/* Says what it was handed, for the tests of the library. */
#include "tqx.h"

static void write_signed(tqx_buffer *b, int64_t n) {
    char digits[20];
    uint32_t at = sizeof digits;
    uint64_t rest = n < 0 ? -(uint64_t)n : (uint64_t)n;
    do digits[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (n < 0) digits[--at] = '-';
    tqx_write(b, (tqx_str){digits + at, (uint32_t)(sizeof digits) - at});
}

static tqx_str number(int64_t n) {
    tqx_buffer b = {0};
    write_signed(&b, n);
    return (tqx_str){b.ptr, b.len};
}

static tqx_str truth(bool b) { return b ? TQX_STR("true") : TQX_STR("false"); }

static void echo(const tqx_input *in, tqx_output *out, uint32_t i) {
    const tqx_part *p = &in->parts[i];
    tqx_attribute attributes[] = {
        {TQX_STR("id"), p->id},
        {TQX_STR("mime"), p->mime},
        {TQX_STR("name"), p->name},
        {TQX_STR("sha256"), p->sha256},
        {TQX_STR("size"), number((int64_t)p->size)},
        {TQX_STR("text"), p->data},
        {TQX_STR("truncated"), truth(p->truncated)},
    };
    tqx_add(out, &(tqx_indicator){.type = TQX_STR("echo"), .value = p->kind, .part = i, .end = p->data.len, .confidence = 1,
                                  .attributes = attributes, .attribute_count = sizeof attributes / sizeof *attributes,
                                  .related_to = tqx_config_string(in, TQX_STR("text"), TQX_STR("none"))});
}

static void tell_message(const tqx_input *in, tqx_output *out) {
    tqx_buffer b = {0};
    tqx_write(&b, TQX_STR("message "));
    tqx_write(&b, in->id);
    tqx_write(&b, TQX_STR(" of "));
    tqx_write(&b, in->date);
    tqx_write(&b, TQX_STR(", "));
    write_signed(&b, in->unix_time);
    tqx_info(out, (tqx_str){b.ptr, b.len});
}

static void tell_config(const tqx_input *in, tqx_output *out) {
    tqx_buffer b = {0};
    tqx_str key, value;
    for (uint32_t at = 0; tqx_next(tqx_get(in->config, TQX_STR("list")), &at, &key, &value);) {
        if (b.len) tqx_write(&b, TQX_STR("|"));
        tqx_write(&b, tqx_text(value, TQX_STR("")));
    }
    tqx_write(&b, TQX_STR(" "));
    write_signed(&b, tqx_config_int(in, TQX_STR("number"), 7));
    tqx_write(&b, TQX_STR(" "));
    tqx_write(&b, truth(tqx_config_bool(in, TQX_STR("flag"), true)));
    tqx_write(&b, TQX_STR(" "));
    tqx_write(&b, tqx_text(tqx_get(tqx_get(in->config, TQX_STR("deep")), TQX_STR("inner")), TQX_STR("none")));
    tqx_warn(out, (tqx_str){b.ptr, b.len});
}

static void find(const tqx_input *in, tqx_output *out) {
    for (uint32_t i = 0; i < in->part_count; i++) echo(in, out, i);
    tell_message(in, out);
    tell_config(in, out);
}

TQX_EXTRACTOR(find)
