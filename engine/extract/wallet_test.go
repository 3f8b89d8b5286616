package extract_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/extract"
	"github.com/tqmailrules/tqmailrules/internal/htmltext"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

// published are addresses that specifications, and those who wrote them, give as
// examples, or that are known to everybody.
var published = []struct{ name, typ, value string }{
	{"Bitcoin, the first block", "btc", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"},
	{"Bitcoin, nobody's: zero bytes", "btc", "1111111111111111111114oLvT2"},
	{"Bitcoin, script", "btc", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"},
	{"Bitcoin, BIP 173", "btc", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"},
	{"Bitcoin, BIP 350", "btc", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"},
	{"Bitcoin, BIP 350, version 16", "btc", "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y"},
	{"Ethereum, EIP-55", "eth", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
	{"Monero", "xmr", "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A"},
	{"Litecoin", "ltc", "LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1"},
	{"Litecoin, script", "ltc", "MTf4tP1TCNBn8dNkyxeBVoPrFCcVzxJvvh"},
	{"Bitcoin Cash, a key", "bch", "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"},
	{"Bitcoin Cash, a script", "bch", "bitcoincash:ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq"},
	{"Dogecoin", "doge", "DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L"},
	{"Dash", "dash", "XtAG1982HcYJVibHxRZrBmdzL5YTzj4cA1"},
	{"Zcash, a key", "zec", "t1VmmGiyjVNeCjxDZzg7vZmd99WyzVby9yC"},
	{"Zcash, a script", "zec", "t3Vz22vK5z2LcKEdg16Yv4FFneEL1zg9ojd"},
	{"Zcash, ZIP 320", "zec", "tex1s2rt77ggv6q989lr49rkgzmh5slsksa9khdgte"},
	{"Tron", "trx", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"},
	{"XRP", "xrp", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"},
	{"XRP, nobody's: zero bytes", "xrp", "rrrrrrrrrrrrrrrrrrrrrhoLvTp"},
	{"XRP, XLS-5", "xrp", "X7AcgcsBL6XDcUb289X4mJ8djcdyKaB5hJDWMArnXr61cqZ"},
	{"Cardano, CIP 19", "ada", "addr1qx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzer3n0d3vllmyqwsx5wktcd8cc3sq835lu7drv2xwl2wywfgse35a3x"},
	{"Cardano, CIP 19, without a stake", "ada", "addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl8"},
	{"Cardano, CIP 19, a stake", "ada", "stake1uyehkck0lajq8gr28t9uxnuvgcqrc6070x3k9r8048z8y5gh6ffgw"},
	{"Cardano, Byron, short", "ada", "Ae2tdPwUPEZ4YjgvykNpoFeYUxoyhNj2kg8KfKWN2FizsSpLUPv68MpTVDo"},
	{"Cardano, Byron, long", "ada", "DdzFFzCqrhsyhumccfGyEj3WZzztSPr92ntRWB6UVVwzcMTpwoafVQ5vD9mdZ5Xind8ycugbmA8esxmo7NycjQFGSbDeKrxabTz8MVzf"},
	{"Stellar, SEP 23", "xlm", "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ"},
	{"Stellar, SEP 23, with an identifier", "xlm", "MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAAAAAAAACJUQ"},
	{"Algorand", "algo", "7ZUECA7HFLZTXENRV24SHLU4AVPUTMTTDUFUBNBD64C73F3UHRTHAIOF6Q"},
	{"Algorand, nobody's", "algo", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAY5HFKQ"},
	{"TON", "ton", "EQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqB2N"},
	{"TON, the master chain", "ton", "Ef8zMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM0vF"},
	{"Tezos, tz1", "xtz", "tz1VSUr8wwNhLAzempoch5d6hLRiTh8Cjcjb"},
	{"Tezos, tz2", "xtz", "tz2BFTyPeYRzxd5aiBchbXN3WCZhx7BqbMBq"},
	{"Cosmos", "atom", "cosmos1hsk6jryyqjfhp5dhc55tc9jtckygx0eph6dd02"},
	{"Injective", "inj", "inj1hkhdaj2a2clmq5jq6mspsggqs32vynpk228q3r"},
	{"Terra", "luna", "terra1x46rqay4d3cssq8gxxvqz8xt6nwlz4td20k38v"},
	{"Lightning, BOLT 11, no amount", "ln", "lnbc1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq8rkx3yf5tcsyz3d73gafnh3cax9rn449d9p5uxz9ezhhypd0elx87sjle52x86fux2ypatgddc6k63n7erqz25le42c4u4ecky03ylcqca784w"},
	{"Lightning, BOLT 11, an amount", "ln", "lnbc2500u1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpuaztrnwngzn3kdzw5hydlzf03qdgm2hdq27cqv3agm2awhz5se903vruatfhq77w3ls4evs3ch9zw97j25emudupq63nyw24cg27h2rspfj9srp"},
}

func TestPublishedAddressesAreFound(t *testing.T) {
	for _, row := range published {
		t.Run(row.name, func(t *testing.T) { wantWallet(t, row.typ, row.value, row.value) })
	}
}

// wantWallet holds an address, however it stands in a text, to its canonical form,
// and with one digit changed, to nothing.
func wantWallet(t *testing.T, typ, written, value string) {
	t.Helper()
	for _, frame := range []string{"%s", "Send 2 to %s now.", "(%s)", "to:%s,", "比特币%s。", "<b>%s</b>", "BTC-%s", "pay?destination=%s&amount=1", "addr=%s;", "\"%s\"", "%s\n-- \nJoe"} {
		text := fmt.Sprintf(frame, written)
		if got := wallets(text); !slices.Equal(got, []string{typ + " " + value}) {
			t.Errorf("%q: %q", text, got)
		}
		if diff := cmp.Diff([]string(nil), wallets(fmt.Sprintf(frame, spoiled(written)))); diff != "" {
			t.Errorf("with a wrong digit: %s", diff)
		}
	}
	if got, ok := extract.Canonical(typ, written); !ok || got != value {
		t.Errorf("its canonical form is %q, %v", got, ok)
	}
	if got, ok := extract.Canonical(typ, spoiled(written)); ok {
		t.Errorf("with a wrong digit it is %q", got)
	}
}

// wallets are what a text holds of them, and of digests, which they must not be.
func wallets(text string) (found []string) {
	for _, f := range extract.FindText(text) {
		if short := engine.ShortByType(f.Type); short == f.Type || strings.HasPrefix(f.Type, "SHA") || f.Type == "MD5" {
			found = append(found, f.Type+" "+f.Value)
		}
	}
	return found
}

// spoiled is an address with two neighbouring digits of its second half exchanged.
func spoiled(address string) string {
	b := []byte(address)
	for i := len(b) * 2 / 3; i+1 < len(b); i++ {
		if b[i] != b[i+1] {
			b[i], b[i+1] = b[i+1], b[i]
			break
		}
	}
	return string(b)
}

// made are the forms of addresses, each made of a key.
var made = []struct {
	name, typ string
	make      func(key []byte) string
}{
	{"Bitcoin, a key", "btc", func(k []byte) string { return check58(bitcoin, "\x00", k[:20]) }},
	{"Bitcoin, a script", "btc", func(k []byte) string { return check58(bitcoin, "\x05", k[:20]) }},
	{"Bitcoin, witness of a script", "btc", func(k []byte) string { return bech32("bc", 1, 0, k) }},
	{"Bitcoin, taproot", "btc", func(k []byte) string { return bech32("bc", 0x2bc830a3, 1, k) }},
	{"Litecoin, a key", "ltc", func(k []byte) string { return check58(bitcoin, "\x30", k[:20]) }},
	{"Litecoin, a script", "ltc", func(k []byte) string { return check58(bitcoin, "\x32", k[:20]) }},
	{"Litecoin, witness of a key", "ltc", func(k []byte) string { return bech32("ltc", 1, 0, k[:20]) }},
	{"Litecoin, witness of a script", "ltc", func(k []byte) string { return bech32("ltc", 1, 0, k) }},
	{"Litecoin, the longest witness", "ltc", func(k []byte) string { return bech32("ltc", 0x2bc830a3, 16, append(k, k[:8]...)) }},
	{"Litecoin, taproot", "ltc", func(k []byte) string { return bech32("ltc", 0x2bc830a3, 1, k) }},
	{"Bitcoin Cash, a key", "bch", func(k []byte) string { return cashAddr(0x00, k[:20]) }},
	{"Bitcoin Cash, a script", "bch", func(k []byte) string { return cashAddr(0x08, k[:20]) }},
	{"Bitcoin Cash, a long script", "bch", func(k []byte) string { return cashAddr(0x0b, k) }},
	{"Bitcoin Cash, a key with tokens", "bch", func(k []byte) string { return cashAddr(0x10, k[:20]) }},
	{"Bitcoin Cash, a script with tokens", "bch", func(k []byte) string { return cashAddr(0x18, k[:20]) }},
	{"Dogecoin, a key", "doge", func(k []byte) string { return check58(bitcoin, "\x1e", k[:20]) }},
	{"Dogecoin, a script", "doge", func(k []byte) string { return check58(bitcoin, "\x16", k[:20]) }},
	{"Dash, a key", "dash", func(k []byte) string { return check58(bitcoin, "\x4c", k[:20]) }},
	{"Dash, a script", "dash", func(k []byte) string { return check58(bitcoin, "\x10", k[:20]) }},
	{"Zcash, a key", "zec", func(k []byte) string { return check58(bitcoin, "\x1c\xb8", k[:20]) }},
	{"Zcash, a script", "zec", func(k []byte) string { return check58(bitcoin, "\x1c\xbd", k[:20]) }},
	{"Zcash, Sapling", "zec", func(k []byte) string { return bech32("zs", 1, -1, append(k, k[:11]...)) }},
	{"Zcash, unified", "zec", func(k []byte) string { return bech32("u", 0x2bc830a3, -1, slices.Concat(k, k, k, k[:10])) }},
	{"Tron", "trx", func(k []byte) string { return check58(bitcoin, "\x41", k[:20]) }},
	{"XRP", "xrp", func(k []byte) string { return check58(ripple, "\x00", k[:20]) }},
	{"XRP with a tag", "xrp", func(k []byte) string {
		return check58(ripple, "\x05\x44", append(k[:20:20], 1, 7, 0, 0, 0, 0, 0, 0, 0))
	}},
	{"Cardano, a base address", "ada", func(k []byte) string { return bech32("addr", 1, -1, slices.Concat([]byte{1}, k[:28], k[4:])) }},
	{"Cardano, a pointer", "ada", func(k []byte) string {
		return bech32("addr", 1, -1, slices.Concat([]byte{0x41}, k[:28], []byte{0x81, 2, 3}))
	}},
	{"Cardano, a stake", "ada", func(k []byte) string { return bech32("stake", 1, -1, slices.Concat([]byte{0xe1}, k[:28])) }},
	{"Cardano, Byron", "ada", func(k []byte) string { return byron(slices.Concat([]byte("\x83\x58\x1c"), k[:28], []byte("\xa0\x00"))) }},
	{"Stellar", "xlm", func(k []byte) string { return strKey(6<<3, k) }},
	{"Stellar with an identifier", "xlm", func(k []byte) string { return strKey(12<<3, append(k, k[:8]...)) }},
	{"Algorand", "algo", algorand},
	{"TON, bounceable", "ton", func(k []byte) string { return ton(0x11, 0, k) }},
	{"TON, not bounceable", "ton", func(k []byte) string { return ton(0x51, 0, k) }},
	{"TON, the master chain", "ton", func(k []byte) string { return ton(0x11, 0xff, k) }},
	{"Tezos, tz1", "xtz", func(k []byte) string { return check58(bitcoin, "\x06\xa1\x9f", k[:20]) }},
	{"Tezos, tz3", "xtz", func(k []byte) string { return check58(bitcoin, "\x06\xa1\xa4", k[:20]) }},
	{"Tezos, tz4", "xtz", func(k []byte) string { return check58(bitcoin, "\x06\xa1\xa6", k[:20]) }},
	{"Tezos, KT1", "xtz", func(k []byte) string { return check58(bitcoin, "\x02\x5a\x79", k[:20]) }},
	{"Cosmos", "atom", func(k []byte) string { return bech32("cosmos", 1, -1, k[:20]) }},
	{"Cosmos, a contract", "atom", func(k []byte) string { return bech32("cosmos", 1, -1, k) }},
	{"Osmosis", "osmo", func(k []byte) string { return bech32("osmo", 1, -1, k[:20]) }},
	{"Celestia", "tia", func(k []byte) string { return bech32("celestia", 1, -1, k[:20]) }},
	{"Injective", "inj", func(k []byte) string { return bech32("inj", 1, -1, k[:20]) }},
	{"Sei", "sei", func(k []byte) string { return bech32("sei", 1, -1, k[:20]) }},
	{"THORChain", "rune", func(k []byte) string { return bech32("thor", 1, -1, k[:20]) }},
	{"Kava", "kava", func(k []byte) string { return bech32("kava", 1, -1, k[:20]) }},
	{"Terra", "luna", func(k []byte) string { return bech32("terra", 1, -1, k[:20]) }},
	{"dYdX", "dydx", func(k []byte) string { return bech32("dydx", 1, -1, k[:20]) }},
	{"Lightning", "ln", func(k []byte) string { return bech32("lnbc10u", 1, -1, slices.Concat(k, k, k, k)) }},
}

func TestMadeAddressesAreFound(t *testing.T) {
	for _, row := range made {
		t.Run(row.name, func(t *testing.T) {
			for n := range 40 {
				key := sha256.Sum256([]byte{byte(n)})
				clear(key[:n/10]) // zero bytes at the start
				address := row.make(key[:])
				if got, want := wallets(address), []string{row.typ + " " + address}; !slices.Equal(got, want) {
					t.Errorf("%q, want %q", got, want)
				}
			}
			key := sha256.Sum256([]byte(row.name))
			address := row.make(key[:])
			wantWallet(t, row.typ, address, address)
		})
	}
}

// TestEveryWalletIsMade wants no type to be forgotten here or in the documentation.
func TestEveryWalletIsMade(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/extractors.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range extract.New(extract.Config{}).Info().Types {
		if engine.ShortByType(typ) != typ || typ == "attack" || typ == "yara" {
			continue
		}
		if !bytes.Contains(page, []byte("| `"+typ+"` |")) {
			t.Errorf("the documentation is not told of %s", typ)
		}
		rows := 0
		for _, row := range made {
			if row.typ == typ {
				rows++
			}
		}
		if rows == 0 && typ != "eth" && typ != "xmr" {
			t.Errorf("no %s is made", typ)
		}
	}
}

func TestOtherSpellingsOfAnAddress(t *testing.T) {
	const cash = "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"
	for _, row := range []struct{ name, text, want string }{
		{"BIP 21", "bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa?amount=0.5&label=x", "btc 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"},
		{"a code of black squares", "BITCOIN:BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "btc bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"},
		{"litecoin", "litecoin:LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1?amount=2", "ltc LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1"},
		{"Bitcoin Cash without its prefix", cash, "bch bitcoincash:" + cash},
		{"Bitcoin Cash in capitals", "BITCOINCASH:" + strings.ToUpper(cash), "bch bitcoincash:" + cash},
		{"ERC-681", "ethereum:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed@1?value=2e18", "eth 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
		{"ERC-681, to pay", "ethereum:pay-0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed@137", "eth 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
		{"SEP 7", "web+stellar:pay?destination=GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ&amount=1", "xlm GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ"},
		{"TON", "ton://transfer/EQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqB2N?amount=1", "ton EQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqB2N"},
		{"an invoice in capitals", "LIGHTNING:" + strings.ToUpper(published[len(published)-1].value), "ln " + published[len(published)-1].value},
		{"a label", "btc_1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "btc 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if diff := cmp.Diff([]string{row.want}, wallets(row.text)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", row.text, diff)
			}
		})
	}
}

// TestTheSpanOfAnAddressHoldsItsPrefix of which the canonical form is made.
func TestTheSpanOfAnAddressHoldsItsPrefix(t *testing.T) {
	const address = "BitcoinCash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"
	found := extract.FindText("to " + address + ".")
	if len(found) != 1 || found[0].Original != address || found[0].Flags != engine.CheckedValue {
		t.Errorf("%+v", found)
	}
}

func TestLinksToWallets(t *testing.T) {
	for _, row := range []struct{ name, html, want string }{
		{"bitcoin", `<a href="bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa?amount=1">pay</a>`, "btc 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"},
		{"litecoin", `<a href="litecoin:LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1">pay</a>`, "ltc LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1"},
		{"ton", `<a href="ton://transfer/EQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqB2N">pay</a>`, "ton EQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqB2N"},
		{"a typing error", `<a href="bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb">pay</a>`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			page, _ := htmltext.Project(row.html, htmltext.Options{Limits: engine.Limits{}.WithDefaults(), ParseURL: names.ParseURL})
			got := ""
			for _, f := range extract.FindPage(&page) {
				got += f.Type + " " + f.Value
				if f.Spot.Context != engine.InLink {
					t.Errorf("%s is in %s", f.Value, f.Spot.Context)
				}
			}
			if got != row.want {
				t.Errorf("%q, want %q", got, row.want)
			}
		})
	}
}

// TestWhatIsNoAddress are words of which the alphabet, the length and even the
// checksum may be right.
func TestWhatIsNoAddress(t *testing.T) {
	key := sha256.Sum256([]byte("key"))
	for _, row := range []struct{ name, text string }{
		{"a test network of Bitcoin", check58(bitcoin, "\x6f", key[:20])},
		{"a test network of Bitcoin, witness", bech32("tb", 1, 0, key[:20])},
		{"a test network of Cardano", bech32("addr_test", 1, -1, slices.Concat([]byte{0}, key[:28]))},
		{"a test network of TON", ton(0x91, 0, key[:])},
		{"a test network of Bitcoin Cash", "bchtest:qpm2qsznhks23z7629mms6s4cwef74vcwvqcw003ap"},
		{"a private key of Bitcoin", check58(bitcoin, "\x80", key[:])},
		{"a secret of Stellar", strKey(18<<3, key[:])},
		{"a secret of the XRP ledger", check58(ripple, "\x21", key[:16])},
		{"too many leading zeros", "1" + check58(bitcoin, "\x00", key[:20])},
		{"bech32 where bech32m is due", bech32("bc", 1, 1, key[:])},
		{"bech32m where bech32 is due", bech32("bc", 0x2bc830a3, 0, key[:])},
		{"a witness of a size that is none", bech32("bc", 1, 0, key[:24])},
		{"an unknown prefix", bech32("cosmoz", 1, -1, key[:20])},
		{"both cases in bech32", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3T4"},
		{"both cases in the prefix", "Ltc1" + bech32("ltc", 1, 0, key[:20])[4:]},
		{"both cases in CashAddr", "bitcoincash:Qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"},
		{"base58 in capitals", strings.ToUpper(check58(bitcoin, "\x30", key[:20]))},
		{"base58 in small letters", strings.ToLower(check58(bitcoin, "\x1e", key[:20]))},
		{"base32 in small letters", strings.ToLower(algorand(key[:]))},
		{"Solana", "4Nd1mBQtrMJVYVfKf2PJy9NZUZdTAsp7D4xWLs4gDB4T"},
		{"a digest of 40 digits", "1a79a4d60de6718e8e5b326e338ae53300000000"},
		{"prose", "Ddzusammengehörigkeitsgefühl addressabilities1ofcosmos1logical Geschwindigkeitsbegrenzungsschild TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT"},
		{"base64", strings.Repeat("QWxhZGRpbjpvcGVuIHNlc2FtZQ ", 50)},
		{"an empty invoice", "lnbc1" + strings.Repeat("q", 140)},
		{"a number of an invoice that is none", bech32("lnbc2x", 1, -1, slices.Concat(key[:], key[:], key[:], key[:]))},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, got := range wallets(row.text) {
				if !strings.HasPrefix(got, "SHA-1 ") {
					t.Errorf("%q: %s", row.text, got)
				}
			}
		})
	}
}

// FuzzWallet holds what is found to being found again, and made addresses to
// being found at all.
func FuzzWallet(f *testing.F) {
	for i, row := range published {
		f.Add(i, []byte(row.name), row.value)
	}
	for i := range made {
		f.Add(i, []byte{byte(i)}, "")
	}
	f.Fuzz(func(t *testing.T, i int, seed []byte, text string) {
		found := extract.FindText(text)
		check(t, text, found)
		for _, g := range found {
			if wrong := again(g); wrong != "" && g.Flags&engine.CheckedValue != 0 {
				t.Errorf("%q: %s %q: %s", text, g.Type, g.Value, wrong)
			}
		}
		row := made[uint(i)%uint(len(made))]
		key := sha256.Sum256(seed)
		if address := row.make(key[:]); !slices.Contains(wallets(address), row.typ+" "+address) {
			t.Errorf("%s: %s is not found", row.name, address)
		}
	})
}

const (
	bitcoin = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	ripple  = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
	charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
)

// base58 writes bytes as a number, and each zero byte at their start as a digit.
func base58(alphabet string, raw []byte) string {
	var text []byte
	for n := new(big.Int).SetBytes(raw); n.Sign() > 0; {
		digit := new(big.Int)
		n.DivMod(n, big.NewInt(58), digit)
		text = append(text, alphabet[digit.Int64()])
	}
	for i := 0; i < len(raw) && raw[i] == 0; i++ {
		text = append(text, alphabet[0])
	}
	slices.Reverse(text)
	return string(text)
}

func check58(alphabet, version string, payload []byte) string {
	raw := append([]byte(version), payload...)
	first := sha256.Sum256(raw)
	second := sha256.Sum256(first[:])
	return base58(alphabet, append(raw, second[:4]...))
}

func byron(payload []byte) string {
	raw := append([]byte("\x82\xd8\x18\x58"), byte(len(payload)))
	raw = append(append(raw, payload...), 0x1a)
	return base58(bitcoin, binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(payload)))
}

// fives are bytes in groups of five bits.
func fives(raw []byte) (groups []byte) {
	n := new(big.Int).SetBytes(raw)
	size := (8*len(raw) + 4) / 5
	n.Lsh(n, uint(5*size-8*len(raw)))
	for i := range size {
		five := new(big.Int).Rsh(n, uint(5*(size-1-i)))
		groups = append(groups, byte(five.Uint64()&31))
	}
	return groups
}

// bech32 writes data behind a version; -1: without one.
func bech32(hrp string, constant uint32, version int, data []byte) string {
	groups := fives(data)
	if version >= 0 {
		groups = append([]byte{byte(version)}, groups...)
	}
	var expanded []byte
	for i := range hrp {
		expanded = append(expanded, hrp[i]>>5)
	}
	expanded = append(expanded, 0)
	for i := range hrp {
		expanded = append(expanded, hrp[i]&31)
	}
	sum := polymod(slices.Concat(expanded, groups, make([]byte, 6)), 30, []uint64{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3})
	return hrp + "1" + written(groups, sum^uint64(constant), 6)
}

func cashAddr(version byte, hash []byte) string {
	groups := fives(append([]byte{version}, hash...))
	var prefix []byte
	for _, c := range []byte("bitcoincash") {
		prefix = append(prefix, c&31)
	}
	sum := polymod(slices.Concat(prefix, make([]byte, 1), groups, make([]byte, 8)), 40, []uint64{0x98f2bc8e61, 0x79b76d99e2, 0xf33e5fb3c4, 0xae2eabe2a8, 0x1e4f43e470})
	return "bitcoincash:" + written(groups, sum^1, 8)
}

func polymod(groups []byte, width int, generators []uint64) uint64 {
	sum := uint64(1)
	for _, g := range groups {
		top := sum >> (width - 5)
		sum = sum&(1<<(width-5)-1)<<5 ^ uint64(g)
		for i, generator := range generators {
			sum ^= generator * (top >> i & 1)
		}
	}
	return sum
}

func written(groups []byte, sum uint64, digits int) string {
	var b strings.Builder
	for _, g := range groups {
		b.WriteByte(charset[g])
	}
	for i := range digits {
		b.WriteByte(charset[sum>>(5*(digits-1-i))&31])
	}
	return b.String()
}

// xmodem is CRC-16 by its table of one nibble.
func xmodem(raw []byte) (sum uint16) {
	for _, b := range raw {
		for _, nibble := range []byte{b >> 4, b & 15} {
			carry := byte(sum>>12) ^ nibble
			sum = sum<<4 ^ uint16(carry)*0x1021
		}
	}
	return sum
}

func strKey(version byte, payload []byte) string {
	raw := append([]byte{version}, payload...)
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(binary.LittleEndian.AppendUint16(raw, xmodem(raw)))
}

func algorand(key []byte) string {
	sum := sha512.Sum512_256(key)
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(slices.Concat(key, sum[28:]))
}

func ton(use, chain byte, account []byte) string {
	raw := append([]byte{use, chain}, account...)
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint16(raw, xmodem(raw)))
}
