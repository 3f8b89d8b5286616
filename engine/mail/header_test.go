package mail_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/mail"
)

func TestSubjectsAreDecodedAsClientsShowThem(t *testing.T) {
	for _, tc := range []struct{ name, raw, want string }{
		{"plain", "Hello", "Hello"},
		{"base64", "=?UTF-8?B?R3LDvMOfZQ==?=", "Grüße"},
		{"quoted", "=?iso-8859-1?Q?Gr=FC=DFe_an_alle?=", "Grüße an alle"},
		{"two words", "=?utf-8?q?a?= =?utf-8?q?b?=", "ab"},
		{"folded", "=?utf-8?q?a?=\r\n =?utf-8?q?b?=", "ab"},
		{"word and text", "=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"},
		{"charset and encoding in any case", "=?Utf-8?b?w6k=?=", "é"},
		{"language", "=?utf-8*de?q?=C3=A9?=", "é"},
		{"no padding", "=?utf-8?B?w6nDqQ?=", "éé"},
		{"too much padding", "=?utf-8?B?w6k====?=", "é"},
		{"padding in the middle", "=?utf-8?B?w6k=w6k=?=", "éé"},
		{"space in base64", "=?utf-8?B?w6 nD qQ==?=", "éé"},
		{"space in quoted", "=?utf-8?Q?a b c?=", "a b c"},
		{"text that was never encoded", "=?utf-8?B?Hello, world!?=", "Hello, world!"},
		{"glued to text", "f=?UTF-8?B?dWVy?=r", "fuerr"},
		{"glued to a word", "=?utf-8?q?a?==?utf-8?q?b?=", "ab"},
		{"character cut in two", "=?utf-8?B?w6nD?= =?utf-8?B?qQ==?=", "éé"},
		{"character cut in two, quoted", "=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"},
		{"no end", "=?utf-8?B?w6nDqQ==", "éé"},
		{"half an end", "=?utf-8?q?abc?", "abc"},
		{"no end before the next", "=?utf-8?q?abc =?utf-8?q?def?=", "abc def"},
		{"word in a word", "=?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?=", "x"},
		{"escape at the start", "=?utf-8?Q?=41bc?=", "Abc"},
		{"broken escape", "=?utf-8?Q?a=ZZb?=", "aZZb"},
		{"unknown charset", "=?x-nobody?Q?caf=E9?=", "café"},
		{"wrong charset", "=?us-ascii?Q?caf=C3=A9?=", "café"},
		{"empty charset", "=??Q?caf=C3=A9?=", "café"},
		{"unknown encoding stays", "=?utf-8?X?abc?=", "=?utf-8?X?abc?="},
		{"no word at all", "a =? b ?= c", "a =? b ?= c"},
		{"raw UTF-8", "Grüße", "Grüße"},
		{"raw latin", "Gr\xfc\xdfe aus K\xf6ln", "Grüße aus Köln"},
		{"line break smuggled in", "=?utf-8?q?a=0D=0ABcc:_x?=", "a  Bcc: x"},
		{"NUL smuggled in", "=?utf-8?q?a=00b?=", "a b"},
		{"raw Cyrillic in the charset of the body", "\xcf\xf0\xe8\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=windows-1251\r\n", "При"},
		{"ISO-2022-JP", "=?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?=", "日本語"},
		{"ISO-2022-JP raw", "\x1b$BF|K\\8l\x1b(B", "日本語"},
		{"Outlook's name for it", "=?_iso-2022-jp$ESC?B?GyRCRnxLXDhsGyhC?=", "日本語"},
		{"Shift_JIS", "=?shift_jis?B?k/qWe4zq?=", "日本語"},
		{"EUC-JP", "=?euc-jp?B?xvzL3Ljs?=", "日本語"},
		{"GB2312", "=?gb2312?B?1tDOxA==?=", "中文"},
		{"GB18030", "=?gb18030?B?1tDOxA==?=", "中文"},
		{"HZ", "=?hz-gb-2312?Q?~{VPND~}?=", "中文"},
		{"Big5", "=?big5?B?pKSk5Q==?=", "中文"},
		{"EUC-KR", "=?ks_c_5601-1987?B?x9GxuQ==?=", "한국"},
		{"ISO-2022-KR", "=?iso-2022-kr?B?GyQpQw5HUTE5Dw==?=", "한국"},
		{"KOI8-R", "=?koi8-r?B?8NLJ18XU?=", "Привет"},
		{"windows-1251", "=?windows-1251?B?z/Do4uXy?=", "Привет"},
		{"cp866", "=?cp866?B?j+CooqXi?=", "Привет"},
		{"ISO-8859-2", "=?iso-8859-2?Q?=B3=F3d=BC?=", "łódź"},
		{"ISO-8859-15", "=?iso-8859-15?Q?=A4?=", "€"},
		{"windows-1255", "=?windows-1255?B?+ezl7Q==?=", "שלום"},
		{"windows-1256", "=?windows-1256?B?48fR?=", "مار"},
		{"TIS-620", "=?tis-620?B?4L74?=", "เพ๘"},
		{"UTF-7", "=?utf-7?Q?Hi_+2D3eAA-!?=", "Hi 😀!"},
		{"UTF-7 by its alias", "=?unicode-1-1-utf-7?Q?caf+AOk-?=", "café"},
		{"UTF-16", "=?utf-16?B?/v8AYQDp?=", "aé"},
		{"UTF-16LE", "=?utf-16le?B?YQDpAA==?=", "aé"},
		{"UTF-32", "=?utf-32be?B?AAAAYQAA?=", "a\ufffd"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := parse(t, "Subject: "+tc.raw+"\r\n\r\n")
			if diff := cmp.Diff(tc.want, m.Subject.Subject); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSubjectMarks(t *testing.T) {
	for _, tc := range []struct {
		raw, base      string
		reply, forward bool
	}{
		{"Re: a", "a", true, false},
		{"RE : a", "a", true, false},
		{"AW: WG: a", "a", true, false},
		{"Fwd: Re: a", "a", false, true},
		{"Re[2]: a", "a", true, false},
		{"Re^3: a", "a", true, false},
		{"TR : a", "a", false, true},
		{"回复：a", "a", true, false},
		{"转发: a", "a", false, true},
		{"Ynt: İlt: a", "a", true, false},
		{"SV: VB: a", "a", true, false},
		{"a (fwd)", "a", false, true},
		{"[External] Re: a", "[External] Re: a", false, false},
		{"Reminder: a", "Reminder: a", false, false},
		{"Note: Re: a", "Note: Re: a", false, false},
		{"", "", false, false},
		{"Re:", "", true, false},
	} {
		t.Run(tc.raw, func(t *testing.T) {
			s := parse(t, "Subject: "+tc.raw+"\n\n").Subject
			if s.Base != tc.base || s.IsReply != tc.reply || s.IsForward != tc.forward {
				t.Errorf("got %+v", s)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	for _, tc := range []struct{ name, raw, want string }{
		{"bare", "a@b.example", "|a@b.example"},
		{"angle brackets", "<a@b.example>", "|a@b.example"},
		{"name", "Ann B <a@b.example>", "Ann B|a@b.example"},
		{"quoted name with comma", `"B, Ann" <a@b.example>`, "B, Ann|a@b.example"},
		{"escaped quote", `"A \"x\" B" <a@b.example>`, `A "x" B|a@b.example`},
		{"comment as name", "a@b.example (Ann B)", "Ann B|a@b.example"},
		{"list", "a@b.example, C <c@d.example>;e@f.example", "|a@b.example C|c@d.example |e@f.example"},
		{"no comma between", "A <a@b.example> C <c@d.example>", "A|a@b.example C|c@d.example"},
		{"group", "team: a@b.example, c@d.example;", "|a@b.example |c@d.example"},
		{"empty group", "undisclosed-recipients:;", ""},
		{"encoded name with comma", "=?utf-8?q?B=2C_Ann?= <a@b.example>", "B, Ann|a@b.example"},
		{"encoded as a whole", "=?utf-8?q?Ann_=3Ca=40b.example=3E?=", "Ann|a@b.example"},
		{"encoded inside quotes", `"=?utf-8?q?=C3=89?=" <a@b.example>`, "É|a@b.example"},
		{"deceptive brackets in the name", "x <ceo@corp.example> <a@b.example>", "x <ceo@corp.example>|a@b.example"},
		{"deceptive address as a name", `"ceo@corp.example" <a@b.example>`, "ceo@corp.example|a@b.example"},
		{"name without brackets", "Ann a@b.example", "Ann|a@b.example"},
		{"quote that never closes", `"Ann <a@b.example>`, "Ann|a@b.example"},
		{"bracket that never closes", "Ann <a@b.example", "Ann|a@b.example"},
		{"mailto", "<mailto:a@b.example>", "|a@b.example"},
		{"route", "<@x.example,@y.example:a@b.example>", "|a@b.example"},
		{"quoted local part", `"a b"@b.example`, `|"a b"@b.example`},
		{"upper-case domain", "A@B.EXAMPLE", "|A@b.example"},
		{"name only", "Ann B", "Ann B|"},
		{"folded", "Ann\r\n B\r\n <a@b.example>", "Ann B|a@b.example"},
		{"two signs", "<a@b@c.example>", "|a@b@c.example"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, a := range parse(t, "To: "+tc.raw+"\r\n\r\n").Recipients.To {
				got = append(got, a.DisplayName+"|"+a.Email.Email)
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSenderStandsInForABrokenFrom(t *testing.T) {
	for _, tc := range []struct{ name, head, want string }{
		{"from", "From: A <a@b.example>\nSender: s@t.example\n", "A|a@b.example"},
		{"first of several", "From: A <a@b.example>, C <c@d.example>\n", "A|a@b.example"},
		{"second field", "From: nobody\nFrom: a@b.example\n", "nobody|a@b.example"},
		{"sender", "Sender: s@t.example\n", "|s@t.example"},
		{"return path", "Return-Path: <r@t.example>\n", "|r@t.example"},
		{"name only", "From: Your Bank\nReturn-Path: <r@t.example>\n", "Your Bank|"},
		{"nothing", "Subject: x\n", "|"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := parse(t, tc.head+"\n").Sender
			if got := s.DisplayName + "|" + s.Email.Email; got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestReceivedHops(t *testing.T) {
	for _, tc := range []struct {
		name, raw string
		want      engine.Hop
	}{
		{
			"postfix", "from mail.a.example (mail.a.example [192.0.2.1])\r\n\tby mx.b.example (Postfix) with ESMTPS id 4abc\r\n\tfor <u@b.example>; Wed, 1 Jun 2022 09:39:00 +0200 (CEST)",
			engine.Hop{From: "mail.a.example", IP: "192.0.2.1", By: "mx.b.example", With: "ESMTPS", ID: "4abc", For: "u@b.example", Date: local.Add(-2 * time.Hour)},
		},
		{
			"exchange", "from DS0PR19MB7296.namprd19.prod.outlook.com (2603:10b6:8:11f::13) by MN0PR19MB6312.namprd19.prod.outlook.com with HTTPS; Wed, 1 Jun 2022 09:39:00 +0000",
			engine.Hop{From: "DS0PR19MB7296.namprd19.prod.outlook.com", IP: "2603:10b6:8:11f::13", By: "MN0PR19MB6312.namprd19.prod.outlook.com", With: "HTTPS", Date: local},
		},
		{
			"literal", "from [10.1.2.3] (helo=x) by y with esmtp (Exim 4.9)\n id 1abc; Wed, 1 Jun 2022 09:39:00 GMT",
			engine.Hop{From: "10.1.2.3", IP: "10.1.2.3", By: "y", With: "esmtp", ID: "1abc", Date: local},
		},
		{"IPv6 literal", "from x ([IPv6:2001:db8::1]) by y; 1 Jun 2022 09:39:00 -0000", engine.Hop{From: "x", IP: "2001:db8::1", By: "y", Date: local}},
		{"by only", "by 2002:a05:6a10 with SMTP id abc; Wed, 1 Jun 2022 02:39:00 -0700 (PDT)", engine.Hop{By: "2002:a05:6a10", With: "SMTP", ID: "abc", Date: local}},
		{"qmail", "(qmail 123 invoked by uid 0); 1 Jun 2022 09:39:00 -0000", engine.Hop{Date: local}},
		{"nonsense", "from from by ((", engine.Hop{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			hops := parse(t, "Received: "+tc.raw+"\r\n\r\n").Headers.Hops
			if len(hops) != 1 {
				t.Fatalf("%d hops", len(hops))
			}
			hops[0].Received = ""
			if diff := cmp.Diff(tc.want, hops[0]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSenderAuthentication(t *testing.T) {
	const from = "From: a@mail.corp.example.com\n"
	for _, tc := range []struct {
		name, head string
		want       engine.Auth
	}{
		{"none", from, engine.Auth{}},
		{
			"untrusted", from + "Authentication-Results: mx.other.example; spf=pass smtp.mailfrom=x@corp.example.com; dkim=fail (bad) header.d=evil.example; dmarc=pass header.from=mail.corp.example.com\n",
			engine.Auth{
				SPF: engine.AuthResult{Result: "pass", Domain: "corp.example.com", Aligned: true}, DKIM: engine.AuthResult{Result: "fail", Domain: "evil.example"},
				DMARC: engine.AuthResult{Result: "pass", Domain: "mail.corp.example.com", Aligned: true},
			},
		},
		{
			"trusted one is chosen", from + "Authentication-Results: evil.example; dmarc=pass header.from=x.example\nAuthentication-Results: mx.corp.example 1; dmarc=fail header.from=x.example\n",
			engine.Auth{DMARC: engine.AuthResult{Result: "fail", Domain: "x.example"}, Trusted: true},
		},
		{
			"one field per method", from + "Authentication-Results: mx.corp.example; dmarc=pass header.from=mail.corp.example.com\nAuthentication-Results: mx.corp.example; dkim=pass header.d=corp.example.com\nAuthentication-Results: mx.corp.example; dmarc=fail header.from=x.example; spf=fail smtp.helo=x.example\nAuthentication-Results: other.example; arc=pass\n",
			engine.Auth{
				DMARC: engine.AuthResult{Result: "pass", Domain: "mail.corp.example.com", Aligned: true}, DKIM: engine.AuthResult{Result: "pass", Domain: "corp.example.com", Aligned: true},
				SPF: engine.AuthResult{Result: "fail", Domain: "x.example"}, Trusted: true,
			},
		},
		{
			"exchange without a server", from + "Authentication-Results: spf=pass (sender IP is 192.0.2.1)\n smtp.mailfrom=b.example; dkim=none (message not signed)\n header.d=none;dmarc=fail action=none header.from=corp.example.com;\n",
			engine.Auth{SPF: engine.AuthResult{Result: "pass", Domain: "b.example"}, DKIM: engine.AuthResult{Result: "none"}, DMARC: engine.AuthResult{Result: "fail", Domain: "corp.example.com", Aligned: true}},
		},
		{
			"aligned signature wins", from + "Authentication-Results: m; dkim=pass header.d=esp.example; dkim=fail header.d=corp.example.com; dkim=pass header.i=@corp.example.com\n",
			engine.Auth{DKIM: engine.AuthResult{Result: "pass", Domain: "corp.example.com", Aligned: true}},
		},
		{
			"semicolon in a comment", from + "Authentication-Results: m; spf=softfail (a; b=c) smtp.mailfrom=x.example; arc=pass\n",
			engine.Auth{SPF: engine.AuthResult{Result: "softfail", Domain: "x.example"}, ARC: engine.AuthResult{Result: "pass"}},
		},
		{
			"Received-SPF", from + "Received-SPF: Fail (protection.outlook.com: domain of x.example does not designate) client-ip=192.0.2.1;\n",
			engine.Auth{SPF: engine.AuthResult{Result: "fail", Domain: "x.example"}},
		},
		{
			"words of old", from + "Authentication-Results: m; spf=hardfail smtp.mail=x@x.example; dkim=bestguesspass; dmarc=weird\n",
			engine.Auth{SPF: engine.AuthResult{Result: "fail", Domain: "x.example"}, DKIM: engine.AuthResult{Result: "none"}, DMARC: engine.AuthResult{Result: "unknown"}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := mail.New(mail.Config{TrustedAuthServers: []string{"MX.corp.example"}})
			m, err := p.Parse(context.Background(), engine.Bytes(tc.head+"\n"), engine.Origin{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, m.Auth); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAutoRepliesAndBounces(t *testing.T) {
	for _, tc := range []struct {
		name, head   string
		auto, bounce bool
	}{
		{"mail", "From: a@b.example\n", false, false},
		{"RFC 3834", "Auto-Submitted: auto-replied\n", true, false},
		{"RFC 3834 no", "Auto-Submitted: no\n", false, false},
		{"newsletter", "Auto-Submitted: auto-generated\nPrecedence: bulk\n", false, false},
		{"X-Autoreply", "X-Autoreply: yes\n", true, false},
		{"precedence", "Precedence: auto_reply\n", true, false},
		{"Exchange", "X-Auto-Response-Suppress: All\nIn-Reply-To: <a@b>\n", true, false},
		{"report", "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n", false, true},
		{"daemon", "From: MAILER-DAEMON@b.example\nReturn-Path: <>\n", false, true},
		{"postmaster writes", "From: postmaster@b.example\nReturn-Path: <postmaster@b.example>\n", false, false},
		{"failed recipients", "X-Failed-Recipients: a@b.example\n", false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := parse(t, tc.head+"\nx\n").Meta
			if m.IsAutoReply != tc.auto || m.IsBounce != tc.bounce {
				t.Errorf("auto reply %v, bounce %v", m.IsAutoReply, m.IsBounce)
			}
		})
	}
}

func TestDirection(t *testing.T) {
	for _, tc := range []struct{ head, want string }{
		{"From: a@x.example\nTo: b@own.example\n", "inbound"},
		{"From: a@own.example\nTo: b@x.example\n", "outbound"},
		{"From: a@sub.own.example\nTo: b@own.example\nCc: c@own.example\n", "internal"},
		{"From: a@own.example\nCc: b@notown.example\n", "outbound"},
		{"From: a@notown.example\nTo: b@x.example\n", "inbound"},
		{"Subject: x\n", "unknown"},
	} {
		p := mail.New(mail.Config{OwnDomains: []string{"Own.example"}})
		m, err := p.Parse(context.Background(), engine.Bytes(tc.head+"\n"), engine.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		if m.Direction != tc.want {
			t.Errorf("%q is %s, want %s", tc.head, m.Direction, tc.want)
		}
	}
	if got := parse(t, "From: a@own.example\n\n").Direction; got != "unknown" {
		t.Errorf("without own domains: %s", got)
	}
}

func TestDates(t *testing.T) {
	for _, raw := range []string{
		"Wed, 1 Jun 2022 09:39:00 +0000", "1 Jun 22 09:39 GMT", "Wed,  1 Jun 2022 11:39:00 +0200 (CEST)", "Wed, 1 Jun 2022 05:39:00 EDT",
		"2022-06-01T09:39:00Z", "2022-06-01 09:39:00", "Wed Jun 1 09:39:00 2022", "Wed, 01 Jun 2022 11:39:00 GMT+0200", "Wed, 1 Jun 2022 11:39:00 +02:00",
	} {
		m := parse(t, "Date: "+raw+"\n\n")
		if !m.Meta.Date.Equal(local) || !m.Meta.Received.Equal(local) || m.Headers.Date != raw {
			t.Errorf("%q reads as %v", raw, m.Meta.Date)
		}
	}
	if m := parse(t, "Date: yesterday\n\n"); !m.Meta.Date.IsZero() || len(m.Defects) != 1 || m.Defects[0].Code != engine.DefectDate {
		t.Errorf("yesterday reads as %v, %v", m.Meta.Date, m.Defects)
	}
	m := parse(t, "Received: from a by b; Thu, 2 Jun 2022 09:39:00 +0000\nReceived: from c by a; Wed, 1 Jun 2022 00:00:00 +0000\nDate: Wed, 1 Jun 2022 09:39:00 +0000\n\n")
	if want := local.Add(24 * time.Hour); !m.Meta.Received.Equal(want) {
		t.Errorf("received %v, want the topmost hop's %v", m.Meta.Received, want)
	}
}

// plist is the end of an .emlx file.
const plist = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\"><dict/></plist>\n"

func TestHeaderBlocks(t *testing.T) {
	for _, tc := range []struct{ name, raw, subject, body, defect string }{
		{"CRLF", "Subject: s\r\n\r\nb\r\n", "s", "b\n", ""},
		{"LF", "Subject: s\n\nb\n", "s", "b\n", ""},
		{"CR only", "Subject: s\rTo: a@b.example\r\rb\rc\r", "s", "b\nc\n", ""},
		{"no body", "Subject: s\n", "s", "", ""},
		{"no end of line", "Subject: s", "s", "", ""},
		{"mbox line", "From a@b Wed Jun  1 09:39:00 2022\nSubject: s\n\nb\n", "s", "b\n", ""},
		{"byte order mark", "\ufeffSubject: s\n\nb\n", "s", "b\n", ""},
		{"leading empty lines", "\n\r\nSubject: s\n\nb\n", "s", "b\n", ""},
		{"emlx", "1234\nSubject: s\n\nb\n", "s", "b\n", ""},
		{"emlx with its list", "14        \nSubject: s\n\nb\n" + plist, "s", "b\n", ""},
		{"emlx that lies about its length", "12\nSubject: s\n\nb\nc\n" + plist, "s", "b\nc\n" + plist, ""},
		{"space before the colon", "Subject : s\n\nb\n", "s", "b\n", ""},
		{"continuation not indented", "To: a@b.example\nSubject: a\nb\nX: y\n\nb\n", "a b", "b\n", engine.DefectHeader},
		{"no empty line before the body", "Subject: s\nHello there,\n\nb\n", "s", "Hello there,\n\nb\n", engine.DefectHeader},
		{"no header", "Hello there,\n\nb\n", "", "Hello there,\n\nb\n", engine.DefectNotMail},
		{"garbage", "\x00\x01\x02\xff", "", "\x01\x02ÿ", engine.DefectNotMail},
		{"nothing", "", "", "", engine.DefectEmpty},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := parse(t, tc.raw)
			if m.Subject.Subject != tc.subject || m.Body.Plain.Raw != tc.body {
				t.Errorf("subject %q body %q", m.Subject.Subject, m.Body.Plain.Raw)
			}
			found := tc.defect == ""
			for _, d := range m.Defects {
				found = found || d.Code == tc.defect
			}
			if !found || tc.defect == "" && len(m.Defects) > 0 {
				t.Errorf("defects %v", m.Defects)
			}
		})
	}
}

func FuzzEncodedWord(f *testing.F) {
	for _, s := range []string{"=?utf-8?B?w6k=?=", "=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "=?", "=?a?b?", "=?utf-7?q?+AGE-?=", "=?iso-2022-kr?q?\x0e\x0f?=", "a=?x?q?=3D=3F?==?x?b?!!?="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := mail.New(mail.Config{}).Parse(context.Background(), engine.Bytes("Subject: "+s+"\nTo: "+s+"\nContent-Type: "+s+"\n\n"), engine.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		if sub := m.Subject.Subject; strings.ContainsAny(sub, "\r\n\x00") || strings.ToValidUTF8(sub, "") != sub {
			t.Errorf("subject %q", sub)
		}
	})
}

func TestAMailSaysHowFarItMayGo(t *testing.T) {
	for raw, want := range map[string]string{
		"Subject: [TLP:AMBER+STRICT] report\n\ntext\n":                          "AMBER+STRICT",
		"Subject: =?utf-8?q?TLP=3Awhite?=\n\ntext\n":                            "CLEAR",
		"Subject: report\n\nTLP:RED\n":                                          "RED",
		"Subject: report\nContent-Type: text/html\n\n<p>TLP:<b>GREEN</b></p>\n": "GREEN",
		"Subject: report\n\nThe light was red.\n":                               "",
	} {
		if got := parse(t, raw).Meta.TLP; got != want {
			t.Errorf("%q: got %q, want %q", raw, got, want)
		}
	}
}
