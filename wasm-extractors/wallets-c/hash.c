#include "hash.h"

#include "tqx.h"

/* Fractions of the cube roots of the first 64 primes (FIPS 180-4 section 4.2.2). */
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, int right) { return x >> right | x << (32 - right); }

static void schedule(uint32_t w[64], const uint8_t block[64]) {
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
}

static void compress(uint32_t state[8], const uint32_t w[64]) {
    uint32_t v[8]; /* a to h */
    memcpy(v, state, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
        uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + constants[i] + w[i];
        uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
        uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        for (int k = 7; k > 0; k--) v[k] = v[k - 1];
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) state[i] += v[i];
}

void sha256(uint8_t sum[32], const uint8_t *data, uint32_t size) {
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint32_t w[64];
    uint8_t block[64] = {0};
    memcpy(block, data, size);
    block[size] = 0x80;
    block[62] = (uint8_t)(size >> 5);
    block[63] = (uint8_t)(size << 3);
    schedule(w, block);
    compress(state, w);
    for (int i = 0; i < 32; i++) sum[i] = (uint8_t)(state[i / 4] >> (24 - i % 4 * 8));
}

static uint64_t rotate64(uint64_t x, int left) { return left ? x << left | x >> (64 - left) : x; }

static void theta(uint64_t a[25]) {
    uint64_t c[5] = {0};
    for (int i = 0; i < 25; i++) c[i % 5] ^= a[i];
    for (int i = 0; i < 25; i++) a[i] ^= c[(i + 4) % 5] ^ rotate64(c[(i + 1) % 5], 1);
}

static void rho_pi(uint64_t a[25]) {
    int x = 1, y = 0;
    uint64_t current = a[1];
    for (int t = 0; t < 24; t++) {
        int next = (2 * x + 3 * y) % 5;
        x = y;
        y = next;
        uint64_t kept = a[x + 5 * y];
        a[x + 5 * y] = rotate64(current, (t + 1) * (t + 2) / 2 % 64);
        current = kept;
    }
}

static void chi(uint64_t a[25]) {
    for (int y = 0; y < 25; y += 5) {
        uint64_t row[5];
        memcpy(row, a + y, sizeof row);
        for (int x = 0; x < 5; x++) a[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
    }
}

/* keccak_f is the permutation Keccak-f[1600] (FIPS 202 section 3.3). */
static void keccak_f(uint64_t a[25]) {
    uint8_t lfsr = 1; /* makes the constants of the rounds */
    for (int round = 0; round < 24; round++) {
        theta(a);
        rho_pi(a);
        chi(a);
        for (int j = 0; j < 7; j++) {
            if (lfsr & 1) a[0] ^= 1ull << ((1 << j) - 1);
            lfsr = (uint8_t)(lfsr << 1 ^ (lfsr >> 7) * 0x71);
        }
    }
}

void keccak256(uint8_t sum[32], const uint8_t *data, uint32_t size) {
    uint8_t block[136] = {0};
    uint64_t state[25] = {0};
    memcpy(block, data, size);
    block[size] = 0x01;
    block[135] |= 0x80;
    for (int i = 0; i < 136; i++) state[i / 8] |= (uint64_t)block[i] << i % 8 * 8;
    keccak_f(state);
    for (int i = 0; i < 32; i++) sum[i] = (uint8_t)(state[i / 8] >> i % 8 * 8);
}
