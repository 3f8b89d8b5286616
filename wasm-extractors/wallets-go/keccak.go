package main

import (
	"encoding/binary"
	"math/bits"
)

// keccak256 is Keccak with 256 bits and the padding that it had before FIPS 202,
// of at most 135 bytes, which are one block.
func keccak256(data []byte) (sum [32]byte) {
	var block [136]byte
	n := copy(block[:135], data)
	block[n] = 0x01
	block[135] |= 0x80
	var state [25]uint64
	for i := range len(block) / 8 {
		state[i] = binary.LittleEndian.Uint64(block[8*i:])
	}
	keccakF(&state)
	for i := range 4 {
		binary.LittleEndian.PutUint64(sum[8*i:], state[i])
	}
	return sum
}

// keccakF is the permutation Keccak-f[1600] (FIPS 202 section 3.3).
func keccakF(a *[25]uint64) {
	lfsr := byte(1) // makes the constants of the rounds
	for range 24 {
		theta(a)
		rhoPi(a)
		chi(a)
		for j := range 7 {
			if lfsr&1 == 1 {
				a[0] ^= 1 << (1<<j - 1)
			}
			lfsr = lfsr<<1 ^ lfsr>>7*0x71
		}
	}
}

func theta(a *[25]uint64) {
	var c [5]uint64
	for i := range a {
		c[i%5] ^= a[i]
	}
	for i := range a {
		a[i] ^= c[(i+4)%5] ^ bits.RotateLeft64(c[(i+1)%5], 1)
	}
}

func rhoPi(a *[25]uint64) {
	x, y, current := 1, 0, a[1]
	for t := range 24 {
		x, y = y, (2*x+3*y)%5
		current, a[x+5*y] = a[x+5*y], bits.RotateLeft64(current, (t+1)*(t+2)/2%64)
	}
}

func chi(a *[25]uint64) {
	for y := 0; y < 25; y += 5 {
		row := [5]uint64(a[y : y+5])
		for x := range 5 {
			a[y+x] = row[x] ^ ^row[(x+1)%5]&row[(x+2)%5]
		}
	}
}
