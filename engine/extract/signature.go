package extract

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
)

// signatures are the stretches of a mail's text that its writer repeats in every
// mail: from the line "-- " on (RFC 3676 4.3), and from the opening of a notice of
// confidentiality on, in the languages that such notices are met in; each up to
// where an answered or forwarded mail begins, or to the end.
func signatures(text string) []engine.Span {
	var found []engine.Span
	open, tries := -1, maxSignatures
	for i := 0; i < len(text) && tries > 0; {
		end := i + strings.IndexByte(text[i:], '\n')
		if end < i {
			end = len(text)
		}
		line := text[i:end]
		switch {
		case open >= 0 && otherMail(line):
			found, open = append(found, engine.Span{Start: open, End: i}), -1
		case open < 0 && (signatureLine(line) || opensNotice(line)):
			if tries--; line[0] == '-' || secret(text[i:min(len(text), i+noticeReach)]) {
				open = i
			}
		}
		i = end + 1
	}
	if open >= 0 {
		found = append(found, engine.Span{Start: open, End: len(text)})
	}
	return found
}

// maxSignatures is how many openings of one text are looked at: a thread has a
// few dozen at most, and each costs what noticeReach says.
const maxSignatures = 64

// signatureLine tells the separator of signatures; programs on the way take its
// last blank.
func signatureLine(line string) bool {
	if len(line) < 2 || len(line) > 4 || line[0] != '-' {
		return false
	}
	return strings.TrimRight(line, "\r") == "-- " || line == "--" || line == "--\r"
}

// otherMail tells the line that the text of another mail begins with.
func otherMail(line string) bool {
	if line == "" {
		return false
	}
	switch line[0] {
	case '>':
		return true
	case '-':
		return strings.HasPrefix(line, "-----") && len(line) > 12
	case '_':
		return strings.HasPrefix(line, "__________")
	case 'F':
		return strings.HasPrefix(line, "From: ")
	case 'V':
		return strings.HasPrefix(line, "Von: ")
	case 'D':
		return strings.HasPrefix(line, "De : ") || strings.HasPrefix(line, "De: ") || strings.HasPrefix(line, "Da: ")
	}
	return false
}

// noticeReach is how far behind its opening, in bytes, a notice says that it is one.
const noticeReach = 600

// opensNotice tells whether a line begins as notices of confidentiality do. That
// alone ("This message ...") is anybody's: a word of secrecy has to follow.
func opensNotice(line string) bool {
	line = strings.TrimLeft(line[:min(len(line), 80)], " \t*_>|=#")
	if len(line) < 12 {
		return false
	}
	for _, opening := range noticeOpenings[line[0]|0x20] {
		if len(line) >= len(opening) && !otherLetter(line[3], opening[3]) && strings.EqualFold(line[:len(opening)], opening) {
			return true
		}
	}
	return false
}

// otherLetter tells two ASCII letters apart, whatever their case.
func otherLetter(a, b byte) bool { return a < utf8.RuneSelf && b < utf8.RuneSelf && a|0x20 != b|0x20 }

func secret(body string) bool {
	body = strings.ToLower(body)
	return slices.ContainsFunc(secrecy, func(word string) bool { return strings.Contains(body, word) })
}

// noticeOpenings are what notices begin with, by the first byte with the bit of
// small letters set.
var noticeOpenings = func() (t [256][]string) {
	for _, o := range [...]string{
		"this e-mail", "this email", "this message", "this mail", "this communication", "this transmission", "this electronic", "the information contained", "the information in this",
		"the information transmitted", "the contents of this", "the content of this", "confidentiality", "confidential", "disclaimer", "notice:", "important notice", "legal notice", "if you are not the intended", "privileged", "email disclaimer", "e-mail disclaimer", "warning:", "note:",
		"diese e-mail", "diese nachricht", "diese mail", "dieses e-mail", "dieses schreiben", "der inhalt dieser", "die information", "die in dieser", "vertraulich", "haftungsausschluss", "hinweis:", "sollten sie nicht der",
		"ce message", "ce courriel", "cet e-mail", "cette communication", "les informations contenues", "le contenu de ce", "avis de confidentialit", "avertissement",
		"este mensaje", "este correo", "la información contenida", "aviso legal", "aviso de confidencialidad", "esta comunicación",
		"questo messaggio", "questa e-mail", "questa mail", "le informazioni contenute", "la presente e-mail", "il presente messaggio", "il contenuto della presente",
		"esta mensagem", "este e-mail", "as informações contidas", "aviso de confidencialidade",
		"dit bericht", "deze e-mail", "dit e-mailbericht", "de informatie in", "de inhoud van dit",
		"niniejsza wiadomość", "ta wiadomość", "treść tej wiadomości", "detta meddelande", "detta e-post", "denne e-mail", "denne e-post", "tämä viesti", "tato zpráva", "tento e-mail", "bu e-posta", "bu mesaj", "ez az üzenet", "ez az e-mail", "acest mesaj",
		"это сообщение", "данное сообщение", "настоящее сообщение", "информация, содержащаяся", "це повідомлення",
		"この電子メール", "このメール", "本メール", "此邮件", "本邮件", "本電子郵件", "이 메일", "본 메일",
	} {
		_, n := utf8.DecodeRuneInString(o)
		small, capital := o[0]|0x20, strings.ToUpper(o[:n])[0]|0x20
		if t[small] = append(t[small], o); capital != small { // Cyrillic
			t[capital] = append(t[capital], o)
		}
	}
	return t
}()

// secrecy are words that notices of confidentiality have in them, in small letters.
var secrecy = []string{
	"confiden", "intended recipient", "intended solely", "intended only", "privileged", "vertraulich", "bestimmt", "destinatari", "destinataire", "destinad", "riservat", "vertrouwelijk", "poufn", "adresat",
	"конфиденц", "конфіденц", "адресат", "gizli", "機密", "机密", "保密", "기밀", "důvěrn", "bizalmas", "luottamuksell", "konfidentiell", "fortrolig",
}

// signed is the flag of a place in the text: Signature inside one of the
// stretches that repeat.
func (s *scanner) signed(from, to int) engine.Flags {
	for _, g := range s.signatures {
		if g.Start <= from && to <= g.End {
			return engine.Signature
		}
	}
	return 0
}
