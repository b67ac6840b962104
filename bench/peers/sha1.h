/* SHA-1 (FIPS 180-4), for the handshake's answer only. */
#ifndef SHA1_H
#define SHA1_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t sha1_rotate(uint32_t x, int bits)
{
    return x << bits | x >> (32 - bits);
}

static inline void sha1_block(uint32_t state[5], const unsigned char *block)
{
    uint32_t w[80];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 80; i++)
        w[i] = sha1_rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 80; i++) {
        uint32_t f, k;
        if (i < 20)
            f = (b & c) | (~b & d), k = 0x5A827999;
        else if (i < 40)
            f = b ^ c ^ d, k = 0x6ED9EBA1;
        else if (i < 60)
            f = (b & c) | (b & d) | (c & d), k = 0x8F1BBCDC;
        else
            f = b ^ c ^ d, k = 0xCA62C1D6;
        uint32_t next = sha1_rotate(a, 5) + f + e + k + w[i];
        e = d, d = c, c = sha1_rotate(b, 30), b = a, a = next;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

/* The digest of at most 119 bytes: two blocks hold them and their padding. */
static inline void sha1(const unsigned char *data, size_t size, unsigned char digest[20])
{
    uint32_t state[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    unsigned char padded[128] = {0};
    size_t blocks = size < 56 ? 1 : 2;
    memcpy(padded, data, size);
    padded[size] = 0x80;
    padded[64 * blocks - 2] = (unsigned char)(size * 8 >> 8);
    padded[64 * blocks - 1] = (unsigned char)(size * 8);
    for (size_t i = 0; i < blocks; i++)
        sha1_block(state, padded + 64 * i);
    for (int i = 0; i < 20; i++)
        digest[i] = (unsigned char)(state[i / 4] >> (24 - 8 * (i % 4)));
}

#endif
