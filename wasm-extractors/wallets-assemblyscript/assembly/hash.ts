// The two hash functions of addresses, each of as much as fits one block.

/** SHA-256 (FIPS 180-4) of the first size bytes, at most 55. */
export function sha256(data: StaticArray<u8>, size: i32): StaticArray<u8> {
  const w = new StaticArray<u32>(64);
  for (let i = 0; i < size; i++) w[i >> 2] |= <u32>data[i] << (24 - 8 * (i & 3));
  w[size >> 2] |= <u32>0x80 << (24 - 8 * (size & 3));
  w[15] = 8 * size;
  for (let i = 16; i < 64; i++) {
    const s0 = rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
    const s1 = rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  const state = compress(w);
  const sum = new StaticArray<u8>(32);
  for (let i = 0; i < 32; i++) sum[i] = <u8>(state[i >> 2] >> (24 - 8 * (i & 3)));
  return sum;
}

function compress(w: StaticArray<u32>): StaticArray<u32> {
  const state: StaticArray<u32> = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
  const v = state.slice<StaticArray<u32>>(); // a to h
  for (let i = 0; i < 64; i++) {
    const s1 = rotr(v[4], 6) ^ rotr(v[4], 11) ^ rotr(v[4], 25);
    const t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + CONSTANTS[i] + w[i];
    const s0 = rotr(v[0], 2) ^ rotr(v[0], 13) ^ rotr(v[0], 22);
    const t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    for (let k = 7; k > 0; k--) v[k] = v[k - 1];
    v[4] += t1;
    v[0] = t1 + t2;
  }
  for (let i = 0; i < 8; i++) state[i] += v[i];
  return state;
}

/**
 * Keccak with 256 bits and the padding that it had before FIPS 202, of the first
 * size bytes, at most 135.
 */
export function keccak256(data: StaticArray<u8>, size: i32): StaticArray<u8> {
  const state = new StaticArray<u64>(25);
  for (let i = 0; i < size; i++) state[i >> 3] |= <u64>data[i] << (8 * (i & 7));
  state[size >> 3] ^= <u64>0x01 << (8 * (size & 7));
  state[16] ^= 0x8000000000000000;
  keccakF(state);
  const sum = new StaticArray<u8>(32);
  for (let i = 0; i < 32; i++) sum[i] = <u8>(state[i >> 3] >> (8 * (i & 7)));
  return sum;
}

/** The permutation Keccak-f[1600] (FIPS 202 section 3.3). */
function keccakF(a: StaticArray<u64>): void {
  let lfsr: u8 = 1; // makes the constants of the rounds
  for (let round = 0; round < 24; round++) {
    theta(a);
    rhoPi(a);
    chi(a);
    for (let j = 0; j < 7; j++) {
      if (lfsr & 1) a[0] ^= <u64>1 << ((1 << j) - 1);
      lfsr = (lfsr << 1) ^ ((lfsr >> 7) * 0x71);
    }
  }
}

function theta(a: StaticArray<u64>): void {
  const c = new StaticArray<u64>(5);
  for (let i = 0; i < 25; i++) c[i % 5] ^= a[i];
  for (let i = 0; i < 25; i++) a[i] ^= c[(i + 4) % 5] ^ rotl(c[(i + 1) % 5], 1);
}

function rhoPi(a: StaticArray<u64>): void {
  let x = 1, y = 0, current = a[1];
  for (let t = 0; t < 24; t++) {
    const next = (2 * x + 3 * y) % 5;
    x = y;
    y = next;
    const kept = a[x + 5 * y];
    a[x + 5 * y] = rotl(current, (((t + 1) * (t + 2)) / 2) % 64);
    current = kept;
  }
}

function chi(a: StaticArray<u64>): void {
  for (let y = 0; y < 25; y += 5) {
    const row = a.slice<StaticArray<u64>>(y, y + 5);
    for (let x = 0; x < 5; x++) a[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
  }
}

/** Fractions of the cube roots of the first 64 primes (FIPS 180-4 section 4.2.2). */
const CONSTANTS: StaticArray<u32> = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];
