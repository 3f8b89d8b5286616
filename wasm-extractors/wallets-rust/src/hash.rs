//! The two hash functions of addresses, each of as much as fits one block.

/// SHA-256 (FIPS 180-4) of at most 55 bytes.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    let mut block = [0u8; 64];
    block[..data.len()].copy_from_slice(data);
    block[data.len()] = 0x80;
    block[62..].copy_from_slice(&(8 * data.len() as u16).to_be_bytes());
    let mut sum = [0; 32];
    for (i, v) in compress(&schedule(&block)).iter().enumerate() {
        sum[4 * i..][..4].copy_from_slice(&v.to_be_bytes());
    }
    sum
}

fn schedule(block: &[u8; 64]) -> [u32; 64] {
    let mut w = [0u32; 64];
    for (i, c) in block.iter().enumerate() {
        w[i / 4] = w[i / 4] << 8 | u32::from(*c);
    }
    for i in 16..64 {
        let s0 = w[i - 15].rotate_right(7) ^ w[i - 15].rotate_right(18) ^ w[i - 15] >> 3;
        let s1 = w[i - 2].rotate_right(17) ^ w[i - 2].rotate_right(19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16].wrapping_add(s0).wrapping_add(w[i - 7]).wrapping_add(s1);
    }
    w
}

fn compress(w: &[u32; 64]) -> [u32; 8] {
    let mut state = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19u32];
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
    for (constant, word) in CONSTANTS.iter().zip(w) {
        let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let t1 = h.wrapping_add(s1).wrapping_add(e & f ^ !e & g).wrapping_add(*constant).wrapping_add(*word);
        let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let t2 = s0.wrapping_add(a & b ^ a & c ^ b & c);
        (h, g, f, e) = (g, f, e, d.wrapping_add(t1));
        (d, c, b, a) = (c, b, a, t1.wrapping_add(t2));
    }
    for (s, v) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *s = s.wrapping_add(v);
    }
    state
}

/// Keccak with 256 bits and the padding that it had before FIPS 202, of at most 135
/// bytes.
pub fn keccak256(data: &[u8]) -> [u8; 32] {
    let mut block = [0u8; 136];
    block[..data.len()].copy_from_slice(data);
    block[data.len()] = 0x01;
    block[135] |= 0x80;
    let mut state = [0u64; 25];
    for (i, c) in block.iter().enumerate() {
        state[i / 8] |= u64::from(*c) << (8 * (i % 8));
    }
    keccak_f(&mut state);
    let mut sum = [0; 32];
    for (i, c) in sum.iter_mut().enumerate() {
        *c = state[i / 8].to_le_bytes()[i % 8];
    }
    sum
}

/// The permutation Keccak-f[1600] (FIPS 202 section 3.3).
fn keccak_f(a: &mut [u64; 25]) {
    let mut lfsr = 1u8; // makes the constants of the rounds
    for _ in 0..24 {
        theta(a);
        rho_pi(a);
        chi(a);
        for j in 0..7 {
            if lfsr & 1 == 1 {
                a[0] ^= 1 << ((1 << j) - 1);
            }
            lfsr = lfsr << 1 ^ (lfsr >> 7) * 0x71;
        }
    }
}

fn theta(a: &mut [u64; 25]) {
    let mut c = [0; 5];
    for (i, v) in a.iter().enumerate() {
        c[i % 5] ^= v;
    }
    for (i, v) in a.iter_mut().enumerate() {
        *v ^= c[(i + 4) % 5] ^ c[(i + 1) % 5].rotate_left(1);
    }
}

fn rho_pi(a: &mut [u64; 25]) {
    let (mut x, mut y, mut current) = (1, 0, a[1]);
    for t in 0..24u32 {
        (x, y) = (y, (2 * x + 3 * y) % 5);
        current = std::mem::replace(&mut a[x + 5 * y], current.rotate_left((t + 1) * (t + 2) / 2 % 64));
    }
}

fn chi(a: &mut [u64; 25]) {
    for row in a.chunks_mut(5) {
        let old = [row[0], row[1], row[2], row[3], row[4]];
        for x in 0..5 {
            row[x] = old[x] ^ !old[(x + 1) % 5] & old[(x + 2) % 5];
        }
    }
}

/// Fractions of the cube roots of the first 64 primes (FIPS 180-4 section 4.2.2).
const CONSTANTS: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];
