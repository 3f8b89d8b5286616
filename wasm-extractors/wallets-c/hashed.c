/* Ethereum and Monero, whose checksums are Keccak-256. */
#include "address.h"
#include "hash.h"

/* eip55 says whether the letters are capitals where the hash has its high bits. */
static bool eip55(const char *digits, const uint8_t lowered[40]) {
    uint8_t sum[32];
    keccak256(sum, lowered, 40);
    for (int i = 0; i < 40; i++) {
        bool high = sum[i / 2] >> 4 * (1 - i % 2) & 8;
        if (digits[i] > '9' && (digits[i] < 'a') != high) return false;
    }
    return true;
}

bool read_ethereum(address *a, tqx_str word) {
    const char *digits = word.ptr + 2;
    uint8_t lowered[40];
    int upper = 0, lower = 0;
    if (word.ptr[1] != 'x') return false;
    for (int i = 0; i < 40; i++) {
        char c = digits[i];
        bool is_upper = c >= 'A' && c <= 'F', is_lower = c >= 'a' && c <= 'f';
        if (!is_upper && !is_lower && (c < '0' || c > '9')) return false;
        upper += is_upper;
        lower += is_lower;
        lowered[i] = (uint8_t)(is_upper ? c | 0x20 : c);
    }
    a->coin = TQX_STR("eth");
    a->kind = TQX_STR("account");
    a->value = word;
    if (upper && lower) return eip55(digits, lowered);
    a->confidence = UNCHECKED;
    return upper + lower > 0 && upper + lower < 40; /* 0x000… and its like are no one's */
}

/* read_block reads one block of base58 digits into size bytes; false when it does
 * not fit. */
static bool read_block(uint8_t *to, uint32_t size, tqx_str block) {
    const int8_t *digits = bitcoin_alphabet()->digits;
    uint64_t n = 0;
    for (uint32_t i = 0; i < block.len; i++) {
        int8_t digit = digits[(uint8_t)block.ptr[i]];
        if (digit < 0 || n > (UINT64_MAX - (uint64_t)digit) / 58) return false;
        n = n * 58 + (uint64_t)digit;
    }
    if (size < 8 && n >> 8 * size) return false;
    for (uint32_t i = 0; i < size; i++) to[size - 1 - i] = (uint8_t)(n >> 8 * i);
    return true;
}

/* monero_kind is empty for what is no address of the main net. */
static tqx_str monero_kind(uint8_t network, uint32_t length) {
    if (network == 18 && length == 95) return TQX_STR("standard");
    if (network == 42 && length == 95) return TQX_STR("subaddress");
    if (network == 19 && length == 106) return TQX_STR("integrated");
    return TQX_STR("");
}

bool read_monero(address *a, tqx_str word) {
    uint8_t raw[80], sum[32];
    uint32_t blocks = word.len / 11, size = blocks * 8 + 5;
    for (uint32_t i = 0; i < blocks; i++)
        if (!read_block(raw + 8 * i, 8, tqx_slice(word, 11 * i, 11 * i + 11))) return false;
    if (!read_block(raw + 8 * blocks, 5, tqx_slice(word, 11 * blocks, word.len))) return false;
    a->coin = TQX_STR("xmr");
    a->kind = monero_kind(raw[0], word.len);
    a->value = word;
    if (a->kind.len == 0) return false;
    keccak256(sum, raw, size - 4);
    return memcmp(sum, raw + size - 4, 4) == 0;
}
