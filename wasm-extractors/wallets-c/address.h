/* What the parts of this module say to each other. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include "tqx.h"

/* How far an address can be trusted to be one. */
enum {
    SURE = 95,      /* its checksum is right */
    UNCHECKED = 50, /* it has no checksum */
};

/* address is one that was recognised. */
typedef struct {
    tqx_str coin, kind;
    tqx_str value;       /* as it is compared with others */
    uint32_t start;      /* of the text, where it is not the word's own start */
    uint32_t confidence;
} address;

/* Each reads a word that begins and is as long as an address of its family, and
 * returns false when it is none. */
bool read_base58check(address *a, tqx_str word);
bool read_segwit(address *a, tqx_str word);
bool read_cashaddr(address *a, tqx_str text, uint32_t start, uint32_t end);
bool read_ethereum(address *a, tqx_str word);
bool read_monero(address *a, tqx_str word);

/* An alphabet says what the characters of a text stand for. */
typedef struct {
    char zero;
    int8_t digits[256]; /* -1: none */
    bool ready;
} alphabet;

enum { MAX_BASE58CHECK = 35 }; /* characters; 25 bytes give no more */

/* bitcoin_alphabet is that of base58 for all coins but one. */
const alphabet *bitcoin_alphabet(void);

/* make_alphabet fills an alphabet when it is not filled yet. */
const alphabet *make_alphabet(alphabet *a, const char *characters);

#endif
