package extract

import (
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

// addressForm is one way to write the addresses of a ledger.
type addressForm struct {
	typ      string
	heads    string // bytes, with one of which it begins
	min, max int    // bytes of it
	read     func(w string) (value string, ok bool)
}

// minWallet and maxWallet are the bytes of the shortest and longest of them.
const (
	minWallet = 25
	maxWallet = 4096 // a Lightning invoice with a description in it
)

// addressForms are the addresses that a checksum tells from any other word. Left
// out are those without one (Solana, EOS, NEAR), those whose checksum is a BLAKE2b
// (Polkadot, Kusama, Filecoin), and those of test networks. Where chains share a
// form, the older one has it: 0x05 of Litecoin is Bitcoin's, those of Ethereum's
// kin are Ethereum's.
var addressForms = []addressForm{
	base58Form(typeBTC, "13", 25, "\x00", "\x05"),
	segwitForm(typeBTC, "bc"),
	{typeETH, "0", 42, 42, readETH},
	{typeXMR, "48", 95, 106, readMonero},
	base58Form("ltc", "LM", 25, "\x30", "\x32"),
	segwitForm("ltc", "ltc"),
	{"bch", "qpzrQPZR", 42, 61, readCashAddr},
	base58Form("doge", "DA9", 25, "\x1e", "\x16"),
	base58Form("dash", "X7", 25, "\x4c", "\x10"),
	base58Form("zec", "t", 26, "\x1c\xb8", "\x1c\xbd"),
	bech32Form("zec", "zs", sumBech32, 43, 43),   // Sapling
	bech32Form("zec", "u", sumBech32m, 53, 250),  // unified, ZIP 316
	bech32Form("zec", "tex", sumBech32m, 20, 20), // ZIP 320
	base58Form("trx", "T", 25, "\x41"),
	{"xrp", "r", minWallet, 35, readXRP},
	{"xrp", "X", 47, 47, readXRP}, // with a destination tag in it
	bech32Form("ada", "addr", sumBech32, 29, 57),
	bech32Form("ada", "stake", sumBech32, 29, 29),
	{"ada", "AD", 50, 120, readByron},
	{"xlm", "GM", 56, 69, readStellar},
	{"algo", base32Upper, 58, 58, readAlgorand},
	{"ton", "EU", 48, 48, readTON},
	base58Form("xtz", "t", 27, "\x06\xa1\x9f", "\x06\xa1\xa1", "\x06\xa1\xa4", "\x06\xa1\xa6"),
	base58Form("xtz", "K", 27, "\x02\x5a\x79"),
	bech32Form("atom", "cosmos", sumBech32, 20, 32),
	bech32Form("osmo", "osmo", sumBech32, 20, 32),
	bech32Form("tia", "celestia", sumBech32, 20, 32),
	bech32Form("inj", "inj", sumBech32, 20, 32),
	bech32Form("sei", "sei", sumBech32, 20, 32),
	bech32Form("rune", "thor", sumBech32, 20, 32),
	bech32Form("kava", "kava", sumBech32, 20, 32),
	bech32Form("luna", "terra", sumBech32, 20, 32),
	bech32Form("dydx", "dydx", sumBech32, 20, 32),
	{"ln", "lL", 120, maxWallet, readInvoice},
}

// formsByHead are those that begin with a byte.
var formsByHead = func() (t [256][]addressForm) {
	for _, f := range addressForms {
		for _, head := range []byte(f.heads) {
			t[head] = append(t[head], f)
		}
	}
	return t
}()

// walletTypes are the types of addressForms.
var walletTypes = func() (list []string) {
	for _, f := range addressForms {
		list = append(list, f.typ)
	}
	slices.Sort(list)
	return slices.Compact(list)
}()

// wallet reports an address of which the checksum holds: the whole stretch, or
// what stands between a label and the number of a chain ("BTC-1Boat...",
// "pay-0x5aAe...@1", ERC-681).
func (s *scanner) wallet(i, j int) {
	if s.address(i, s.addressEnd(i, j)) {
		return
	}
	w := s.word[i:j]
	if chain := strings.IndexByte(w, '@'); chain > 0 {
		w = w[:chain]
	}
	for _, label := range [...]int{strings.LastIndexAny(w, "-_") + 1, strings.IndexAny(w, "-_") + 1} {
		if n := len(w) - label; n < j-i && n >= minWallet && s.address(i+label, i+len(w)) {
			return
		}
	}
}

// addressEnd is j, or behind the signs at the end of a TON address that were
// taken for punctuation.
func (s *scanner) addressEnd(i, j int) int {
	if s.word[i] != 'E' && s.word[i] != 'U' || j-i < 40 {
		return j
	}
	for j < len(s.word) && j-i < 48 && trimRight[s.word[j]] {
		j++
	}
	return j
}

// address looks at a stretch by its first byte and its length before it computes
// anything.
func (s *scanner) address(i, j int) bool {
	w := s.word[i:j]
	for _, f := range formsByHead[w[0]] {
		if len(w) < f.min || len(w) > f.max {
			continue
		}
		if value, ok := f.read(w); ok {
			s.emit(f.typ, value, i-s.cashPrefix(i), j, walletFlags(f.typ, value))
			return true
		}
	}
	return false
}

// cashPrefix is the length of the prefix of Bitcoin Cash before i.
func (s *scanner) cashPrefix(i int) int {
	if n := len(cashPrefix); i >= n && strings.EqualFold(s.word[i-n:i], cashPrefix) {
		return n
	}
	return 0
}

// wholeWallet reads a word that is an address and nothing else.
func (s *scanner) wholeWallet(i, j int) {
	if n := len(cashPrefix); j-i > n && strings.EqualFold(s.word[i:i+n], cashPrefix) {
		i += n
	}
	if j-i >= minWallet {
		s.address(i, j)
	}
}

// walletFlags tells whether the address carries a checksum: those of Ethereum do
// when they are of mixed case.
func walletFlags(typ, value string) engine.Flags {
	if typ == typeETH && (value[2:] == strings.ToLower(value[2:]) || value[2:] == strings.ToUpper(value[2:])) {
		return 0
	}
	return engine.CheckedValue
}
