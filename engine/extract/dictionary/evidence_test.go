package dictionary_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine/extract/dictionary"
)

// TestWhatSpeaksForNamesAndWhatAgainst has a text for each rule, and what counts in it.
func TestWhatSpeaksForNamesAndWhatAgainst(t *testing.T) {
	x := newExtractor(t, dictionary.Builtin())
	for _, c := range []struct{ name, text, want string }{
		{"a strong word beside it", "The Hive ransomware came back. We met the Hive gang.", "Hive ransomware|Hive"},
		{"nothing", "We talked about Hive.", ""},
		{"a word of another world", "The film Akira won the festival, attackers of the critics said.", ""},
		{"the text around a rare name", "Attackers exploited the flaw and stole credentials from the server. Later Mirai was installed.", "Mirai"},
		{"the text around a daily word says less", "Attackers exploited the flaw and stole credentials from the server. Later Play was chosen.", ""},
		{"proven elsewhere", "Akira ransomware hit a bank. On Monday Akira came back.", "Akira ransomware|Akira"},
		{"proven elsewhere, and a person", "Akira ransomware hit a bank. On Monday Mr Akira Sato came back.", "Akira ransomware"},
		{"proven far away", "The Hive gang leaked data." + strings.Repeat(" It was a quiet day in spring.", 40) + " We opened the Hive.", "Hive"},
		{"another paragraph", "Hive ransomware hit a hospital.\n\nThe beekeepers of the county met in the church hall on Sunday. The film about the queen was shown twice, and Hive number four of the garden show won the first prize of the jury.", "Hive ransomware"},
		{"listed with names that count", "We saw Emotet, Hive and Royal.", "Emotet|Hive|Royal"},
		{"a throng of ambiguous names", "Victims of the week: Play 41, Akira 38, Medusa 22, Cactus 8, Snatch 2.", "Play|Akira|Medusa|Cactus|Snatch"},
		{"a throng of gods", "Zeus, Hydra, Medusa, Cerberus and Anubis are gods and beasts of myth.", ""},
		{"behind a type and a colon", "Tools: Chisel.", "Chisel"},
		{"capitals inside", "We use BloodHound on Monday.", "BloodHound"},
		{"all capitals", "The report on attacks names NOBELIUM. Nobelium is heavy.", "NOBELIUM|Nobelium"},
		{"capitals among capitals", "THE EMPIRE MUSEUM IS OPEN", ""},
		{"a name of scanners", "Ransom:Win32/Akira.A and Trojan.Hive on one host", "Akira|Hive"},
		{"the end of file names", "The files end with .akira, says the ransomware report.", ""},
		{"an article", "The malware was a bore, and the Joker was silent.", ""},
		{"a noun before it", "The ransomware report names the moon Phobos.", ""},
		{"what follows a comma", "The malware is gone, says Akira, our neighbour.", ""},
		{"an operation", "The police took the malware down in Operation Medusa.", ""},
		{"a country", "Malware was found in the Republic of Cuba.", ""},
		{"two words in lower case", "A wizard spider and a fancy bear.", ""},
		{"sure, but of another world", "The choir sang an opera by Valak and Danabot.", ""},
		{"part numbers", "Order 4 valves T1055, 2 gaskets S0002 and 3 clamps T1486.", ""},
		{"techniques in a report", "The attackers used T1078, then ransomware encrypted the servers. T1486 follows.", "T1078|T1486"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, f := range findIn(t, x, c.text) {
				got = append(got, f.Original)
			}
			if diff := cmp.Diff(c.want, strings.Join(got, "|")); diff != "" {
				t.Errorf("%q (-want +got):\n%s", c.text, diff)
				for _, j := range x.Judge(c.text) {
					t.Logf("%s: %v for %q, against %q, %d of %d", j.Original, j.Counts, j.Speaks, j.Against, j.Score, j.Need)
				}
			}
		})
	}
}
