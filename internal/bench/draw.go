package bench

import (
	"fmt"
	"math/rand/v2"
)

// mix turns words into one that looks random: the finalizer of SplitMix64
// (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014)
// after each. What is drawn for a thing depends on its own words alone, so days
// and things can be made in any order.
func mix(words ...uint64) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for _, w := range words {
		h = scramble(h ^ w)
	}
	return h
}

func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// dice is a source of random draws.
type dice struct{ *rand.Rand }

// newDice returns the draws that belong to some words.
func newDice(words ...uint64) dice {
	return dice{rand.New(rand.NewPCG(mix(words...), 0x6e68_692d_6265_6e63))} //nolint:gosec // draws must be the same for the same seed
}

// chance is true in so many of a hundred cases.
func (d dice) chance(percent float64) bool { return d.Float64()*100 < percent }

func pick[T any](d dice, from []T) T { return from[d.IntN(len(from))] }

// word draws n characters of an alphabet.
func (d dice) word(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[d.IntN(len(alphabet))]
	}
	return string(b)
}

const (
	base32   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	alphanum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	lowerHex = "0123456789abcdef"
)

// uuid makes a random UUID (RFC 9562, version 4) of two words.
func uuid(a, b uint64) string {
	a = a&^0xf000 | 0x4000
	b = b&^(0b11<<62) | 0b10<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
}
