/* Base58Check: bitcoin, litecoin, dogecoin, tron, dash, and the XRP ledger. */
#include "address.h"
#include "hash.h"

const alphabet *make_alphabet(alphabet *a, const char *characters) {
    if (a->ready) return a;
    a->zero = characters[0];
    a->ready = true;
    memset(a->digits, -1, sizeof a->digits);
    for (int8_t i = 0; characters[i]; i++) a->digits[(uint8_t)characters[i]] = i;
    return a;
}

const alphabet *bitcoin_alphabet(void) {
    static alphabet a;
    return make_alphabet(&a, "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz");
}

static const alphabet *ripple_alphabet(void) {
    static alphabet a;
    return make_alphabet(&a, "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz");
}

/* read_version tells the coin by the first of the 25 bytes. */
static bool read_version(address *a, bool ripple, uint8_t version) {
    static const struct {
        uint8_t version;
        tqx_str coin, kind;
    } versions[] = {
        {0x00, TQX_STR("btc"), TQX_STR("p2pkh")},   {0x05, TQX_STR("btc"), TQX_STR("p2sh")},
        {0x30, TQX_STR("ltc"), TQX_STR("p2pkh")},   {0x32, TQX_STR("ltc"), TQX_STR("p2sh")},
        {0x1e, TQX_STR("doge"), TQX_STR("p2pkh")},  {0x16, TQX_STR("doge"), TQX_STR("p2sh")},
        {0x41, TQX_STR("trx"), TQX_STR("account")}, {0x4c, TQX_STR("dash"), TQX_STR("p2pkh")},
        {0x10, TQX_STR("dash"), TQX_STR("p2sh")},
    };
    a->coin = TQX_STR("xrp");
    a->kind = TQX_STR("account");
    if (ripple) return version == 0;
    for (uint32_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        if (versions[i].version != version) continue;
        a->coin = versions[i].coin;
        a->kind = versions[i].kind;
        return true;
    }
    return false;
}

/* multiply_add computes n*58+digit, false when that overflows. */
static bool multiply_add(uint32_t n[7], uint32_t digit) {
    uint64_t carry = digit;
    for (int i = 0; i < 7; i++) {
        carry += (uint64_t)n[i] * 58;
        n[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return carry == 0;
}

/* decode reads a number of exactly 25 bytes. Each leading zero byte is written as
 * one zero digit. */
static bool decode(uint8_t raw[25], tqx_str word, const alphabet *letters) {
    uint32_t limbs[7] = {0}, digits = 0, bytes = 0; /* lowest first; leading zeros */
    for (uint32_t i = 0; i < word.len; i++) {
        int8_t digit = letters->digits[(uint8_t)word.ptr[i]];
        if (digit < 0 || !multiply_add(limbs, (uint32_t)digit)) return false;
    }
    for (uint32_t i = 0; i < 25; i++) raw[24 - i] = (uint8_t)(limbs[i / 4] >> i % 4 * 8);
    while (digits < word.len && word.ptr[digits] == letters->zero) digits++;
    while (bytes < 25 && raw[bytes] == 0) bytes++;
    return limbs[6] >> 8 == 0 && digits == bytes;
}

bool read_base58check(address *a, tqx_str word) {
    bool ripple = word.ptr[0] == 'r';
    uint8_t raw[25], sum[32];
    if (!decode(raw, word, ripple ? ripple_alphabet() : bitcoin_alphabet())) return false;
    if (!read_version(a, ripple, raw[0])) return false;
    sha256(sum, raw, 21);
    sha256(sum, sum, 32);
    a->value = word;
    return memcmp(sum, raw + 21, 4) == 0;
}
