package extract_test

import (
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/extract"
)

func TestSignaturesAndNotices(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       bool // the last finding is in a signature
	}{
		{"body", "please look at evil.example.com\n", false},
		{"behind the separator", "please look\n-- \nJoe\nwww.corp.example.com\n", true},
		{"separator without its blank", "please look\n--\nJoe\nwww.corp.example.com\n", true},
		{"separator with CRLF", "please look\r\n-- \r\nJoe\r\nwww.corp.example.com\r\n", true},
		{"dashes in a list", "-- first\nwww.corp.example.com\n", false},
		{"answered mail behind the signature", "ok\n-- \nJoe\n\n> see evil.example.com\n", false},
		{"forwarded mail behind the signature", "ok\n-- \nJoe\n-----Original Message-----\nsee evil.example.com\n", false},
		{"headers of another mail behind it", "ok\n-- \nJoe\n\nFrom: Amy\nsee evil.example.com\n", false},
		{"notice in English", "ok\n\nThis e-mail and any attachments are confidential. See corp.example.com/legal/x\n", true},
		{"notice in German", "ok\n\nDiese E-Mail enthält vertrauliche Informationen. www.corp.example.com\n", true},
		{"notice in French", "ok\n\nCe message et toutes les pièces jointes sont confidentiels. www.corp.example.com\n", true},
		{"notice in Spanish", "ok\n\nEste mensaje va dirigido a su destinatario. www.corp.example.com\n", true},
		{"notice in Italian", "ok\n\nQuesto messaggio contiene informazioni riservate. www.corp.example.com\n", true},
		{"notice in Portuguese", "ok\n\nEsta mensagem é confidencial. www.corp.example.com\n", true},
		{"notice in Dutch", "ok\n\nDit bericht is vertrouwelijk. www.corp.example.com\n", true},
		{"notice in Polish", "ok\n\nNiniejsza wiadomość jest poufna. www.corp.example.com\n", true},
		{"notice in Russian", "ok\n\nЭто сообщение является конфиденциальным. www.corp.example.com\n", true},
		{"notice in Japanese", "ok\n\n本メールには機密情報が含まれています。www.corp.example.com\n", true},
		{"notice with markup", "ok\n\n*CONFIDENTIALITY NOTICE:* intended only for you, www.corp.example.com\n", true},
		{"opening alone", "This message was blocked: evil.example.com\n", false},
		{"lure that says notice", "Notice: your password expires, see evil.example.com\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found := extract.FindText(tt.text)
			if len(found) == 0 {
				t.Fatal("nothing found")
			}
			if got := found[len(found)-1].Flags&engine.Signature != 0; got != tt.want {
				t.Errorf("signature: %v, want %v", got, tt.want)
			}
		})
	}
}

func TestLinksOfSignaturesAreOfThem(t *testing.T) {
	page := &engine.Page{InnerText: "see this\n-- \nJoe, Corp\n", Links: []*engine.Link{
		{HrefURL: engine.URL{URL: "https://evil.example.com/"}, Span: engine.Span{Start: 4, End: 8}},
		{HrefURL: engine.URL{URL: "https://corp.example.com/"}, Span: engine.Span{Start: 18, End: 22}},
		{HrefURL: engine.URL{URL: "https://image.example.com/"}},
	}}
	want := map[string]bool{
		"https://evil.example.com/": false, "https://corp.example.com/": true, "https://image.example.com/": false,
		"evil.example.com": false, "corp.example.com": true, "image.example.com": false,
	}
	for _, f := range extract.FindPage(page) {
		if got := f.Flags&engine.Signature != 0; got != want[f.Value] {
			t.Errorf("%s: signature %v", f.Value, got)
		}
		delete(want, f.Value)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}

func TestInfrastructureIsToldFromContent(t *testing.T) {
	header := "Received: from mx.example.com ([45.77.12.9]) by mx.example.org\nAuthentication-Results: mx.example.org; spf=pass\nX-MS-Exchange-Organization-Net: relay.example.net\nReply-To: <joe@evil.example.net>\nSubject: see lure.example.com\n"
	found, err := extract.New(extract.Config{}).Extract(t.Context(), engine.Input{Parts: []engine.InputPart{{PartInfo: engine.PartInfo{ID: "header", Kind: "header"}, Text: header}}})
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]bool{"joe@evil.example.net": true, "evil.example.net": true, "lure.example.com": true}
	for _, f := range found {
		if got := f.Flags&engine.Infrastructure != 0; got == content[f.Value] {
			t.Errorf("%s in %s: infrastructure %v", f.Value, f.Spot.Header, got)
		}
	}
	if len(found) < 8 {
		t.Errorf("%d findings", len(found))
	}
}
