package extract

import (
	"maps"
	"slices"
	"strings"
)

// validators are what a pattern can ask of its values, by name.
var validators = map[string]func(string) bool{
	"none":        func(string) bool { return true },
	"luhn":        validLuhn,
	"mod97":       func(s string) bool { return len(s) > 2 && mod97(s) == 1 },
	"iban":        validIBAN,
	"ean":         validEAN,
	"isin":        validISIN,
	"uuid":        validUUID,
	"base58check": func(s string) bool { return bitcoin58.base58Check(s, 25, "") },
	"bech32":      validAnyBech32,
	"eip55":       func(s string) bool { return len(s) == 42 && s[0] == '0' && s[1]|0x20 == 'x' && validETH(s[2:]) },
	"monero":      func(s string) bool { _, ok := readMonero(s); return ok },
}

// Validators lists the names that PatternConfig.Validator may have, sorted.
func Validators() []string { return slices.Sorted(maps.Keys(validators)) }

// validLuhn verifies digits by the formula of ISO/IEC 7812-1 annex B, which
// payment cards and device numbers carry.
func validLuhn(s string) bool {
	if len(s) < 2 || !allDigits(s) {
		return false
	}
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			d = 2*d - d/5*9
		}
		sum += d
	}
	return sum%10 == 0
}

// mod97 is the remainder of ISO/IEC 7064 MOD 97-10, letters standing for 10 to
// 35; -1 for a text that holds anything else.
func mod97(s string) int {
	sum := 0
	for i := range len(s) {
		switch c := s[i]; {
		case isDigit(c):
			sum = (10*sum + int(c-'0')) % 97
		case isLetter(c):
			sum = (100*sum + int((c|0x20)-'a') + 10) % 97
		default:
			return -1
		}
	}
	return sum
}

// validIBAN verifies an account number of ISO 13616, written without spaces.
func validIBAN(s string) bool {
	if len(s) < 15 || len(s) > 34 || !isLetter(s[0]) || !isLetter(s[1]) || !allDigits(s[2:4]) {
		return false
	}
	return mod97(s[4:]+s[:4]) == 1
}

// validEAN verifies an article number of 8, 12, 13 or 14 digits (GS1 General
// Specifications 7.9).
func validEAN(s string) bool {
	if n := len(s); n != 8 && n != 12 && n != 13 && n != 14 || !allDigits(s) {
		return false
	}
	sum := 0
	for i := range len(s) {
		weight := 1 + i%2*2
		sum += weight * int(s[len(s)-1-i]-'0')
	}
	return sum%10 == 0
}

// validISIN verifies a securities number of ISO 6166: the formula of Luhn over
// the digits, letters written as numbers from 10 to 35.
func validISIN(s string) bool {
	if len(s) != 12 || !isLetter(s[0]) || !isLetter(s[1]) || !isDigit(s[11]) || !allAlnum(s) {
		return false
	}
	var digits []byte
	for i := range len(s) {
		if c := s[i]; isDigit(c) {
			digits = append(digits, c)
		} else {
			n := (c | 0x20) - 'a' + 10
			digits = append(digits, '0'+n/10, '0'+n%10)
		}
	}
	return validLuhn(string(digits))
}

// validUUID verifies the text form of RFC 9562 section 4.
func validUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (s[i] == '-') || !dash && !isHex(s[i]) {
			return false
		}
	}
	return true
}

// validAnyBech32 verifies a string of BIP 173 or BIP 350, whatever it stands for.
func validAnyBech32(s string) bool {
	one := strings.LastIndexByte(s, '1')
	if one < 1 || len(s) > 90 || strings.ContainsFunc(s, notPrinted) {
		return false
	}
	b, ok := readBech32(s, strings.ToLower(s[:one]))
	return ok && (b.sum == sumBech32 || b.sum == sumBech32m)
}

func notPrinted(r rune) bool { return r <= ' ' || r > '~' }
