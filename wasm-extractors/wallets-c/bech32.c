/* Bech32 (BIP 173), Bech32m (BIP 350) and CashAddr: texts of base 32. */
#include "address.h"

enum { MAX_BASE32 = 75 }; /* a witness program of 40 bytes behind "ltc1" */

/* base32 is a lowered text and the values of its digits. */
typedef struct {
    tqx_str text;
    uint8_t values[MAX_BASE32];
    uint32_t n;
} base32;

/* read_base32 lowers a word and reads its digits from the place `from` on. It
 * refuses words that mix the cases. */
static bool read_base32(base32 *b, tqx_str word, uint32_t from) {
    static alphabet letters;
    const int8_t *digits = make_alphabet(&letters, "qpzry9x8gf2tvdw0s3jn54khce6mua7l")->digits;
    bool upper = false, lower = false;
    char lowered[MAX_BASE32];
    b->n = 0;
    if (word.len > MAX_BASE32) return false;
    for (uint32_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        upper |= c >= 'A' && c <= 'Z';
        lower |= c >= 'a';
        lowered[i] = c >= 'A' ? c | 0x20 : c;
        if (i < from) continue;
        if (digits[(uint8_t)lowered[i]] < 0) return false;
        b->values[b->n++] = (uint8_t)digits[(uint8_t)lowered[i]];
    }
    if (upper && lower) return false;
    char *kept = tqx_allocate(word.len);
    memcpy(kept, lowered, word.len);
    b->text = (tqx_str){kept, word.len};
    return true;
}

/* bytes_in tells how many whole bytes n digits of five bits hold; -1 when the bits
 * left over are five or more, or not zero. */
static int32_t bytes_in(const uint8_t *values, uint32_t n) {
    uint32_t spare = 5 * n % 8;
    if (n == 0 || spare > 4 || (values[n - 1] & ((1u << spare) - 1)) != 0) return -1;
    return (int32_t)(5 * n / 8);
}

static bool begins_with(tqx_str word, tqx_str lower) {
    if (word.len < lower.len) return false;
    for (uint32_t i = 0; i < lower.len; i++) {
        char c = word.ptr[i];
        if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != lower.ptr[i]) return false;
    }
    return true;
}

static uint32_t polymod_step(uint32_t sum, uint8_t value) {
    static const uint32_t generators[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
    uint32_t top = sum >> 25;
    sum = (sum & 0x1ffffff) << 5 ^ value;
    for (int i = 0; i < 5; i++)
        if (top >> i & 1) sum ^= generators[i];
    return sum;
}

/* polymod is the checksum of BIP 173 over the prefix and the digits. */
static uint32_t polymod(tqx_str prefix, const base32 *b) {
    uint32_t sum = 1;
    for (uint32_t i = 0; i < prefix.len; i++) sum = polymod_step(sum, (uint8_t)(prefix.ptr[i] >> 5));
    sum = polymod_step(sum, 0);
    for (uint32_t i = 0; i < prefix.len; i++) sum = polymod_step(sum, prefix.ptr[i] & 31);
    for (uint32_t i = 0; i < b->n; i++) sum = polymod_step(sum, b->values[i]);
    return sum;
}

/* read_witness names the kind of a program by its version and size (BIP 141, BIP 341). */
static bool read_witness(address *a, uint8_t version, int32_t size) {
    if (version < 2) {
        a->kind = version == 1 ? TQX_STR("p2tr") : size == 20 ? TQX_STR("p2wpkh") : TQX_STR("p2wsh");
        return size == 32 || (version == 0 && size == 20);
    }
    a->kind = TQX_STR("witness");
    return version <= 16 && size >= 2 && size <= 40;
}

bool read_segwit(address *a, tqx_str word) {
    bool litecoin = (word.ptr[0] | 0x20) == 'l';
    tqx_str prefix = litecoin ? TQX_STR("ltc1") : TQX_STR("bc1");
    base32 b;
    if (!begins_with(word, prefix) || !read_base32(&b, word, prefix.len)) return false;
    if (!read_witness(a, b.values[0], bytes_in(b.values + 1, b.n - 7))) return false;
    a->coin = litecoin ? TQX_STR("ltc") : TQX_STR("btc");
    a->value = b.text;
    prefix.len--;
    return polymod(prefix, &b) == (b.values[0] == 0 ? 1 : 0x2bc830a3);
}

static uint64_t cash_step(uint64_t sum, uint8_t value) {
    static const uint64_t generators[5] = {0x98f2bc8e61, 0x79b76d99e2, 0xf33e5fb3c4, 0xae2eabe2a8, 0x1e4f43e470};
    uint64_t top = sum >> 35;
    sum = (sum & 0x7ffffffff) << 5 ^ value;
    for (int i = 0; i < 5; i++)
        if (top >> i & 1) sum ^= generators[i];
    return sum;
}

/* cash_polymod is the checksum of CashAddr over the prefix and the digits. */
static uint64_t cash_polymod(const base32 *b) {
    uint64_t sum = 1;
    for (const char *c = "bitcoincash"; *c; c++) sum = cash_step(sum, *c & 31);
    sum = cash_step(sum, 0);
    for (uint32_t i = 0; i < b->n; i++) sum = cash_step(sum, b->values[i]);
    return sum;
}

static bool read_cash_kind(address *a, uint32_t version, uint32_t length) {
    a->kind = version == 0 ? TQX_STR("p2pkh") : TQX_STR("p2sh");
    return length == 42 ? version == 0x00 || version == 0x08 : version == 0x0b;
}

bool read_cashaddr(address *a, tqx_str text, uint32_t start, uint32_t end) {
    const tqx_str prefix = TQX_STR("bitcoincash:");
    base32 b;
    if ((end - start != 42 && end - start != 61) || !read_base32(&b, tqx_slice(text, start, end), 0)) return false;
    if (!read_cash_kind(a, (b.values[0] << 3 | b.values[1] >> 2) & 0xff, b.n)) return false;
    if (bytes_in(b.values, b.n - 8) < 0 || cash_polymod(&b) != 1) return false;
    if (start >= prefix.len && begins_with(tqx_slice(text, start - prefix.len, start), prefix)) a->start = start - prefix.len;
    tqx_buffer value = {0};
    tqx_write(&value, prefix);
    tqx_write(&value, b.text);
    a->coin = TQX_STR("bch");
    a->value = (tqx_str){value.ptr, value.len};
    return true;
}
