/* The two hash functions of addresses, each of as much as fits one block. */
#ifndef HASH_H
#define HASH_H

#include <stdint.h>

/* sha256 is SHA-256 (FIPS 180-4) of at most 55 bytes. */
void sha256(uint8_t sum[32], const uint8_t *data, uint32_t size);

/* keccak256 is Keccak with 256 bits and the padding that it had before FIPS 202,
 * of at most 135 bytes. */
void keccak256(uint8_t sum[32], const uint8_t *data, uint32_t size);

#endif
