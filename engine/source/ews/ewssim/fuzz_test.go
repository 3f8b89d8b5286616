package ewssim_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
)

// serveOnce handles one request without a network.
func serveOnce(ctx context.Context, s *ewssim.Server, path, authorization string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, path, bytes.NewReader(body))
	r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	r.Header.Set("Authorization", authorization)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

var basic = "Basic " + base64.StdEncoding.EncodeToString([]byte("soc:s3cret"))

// checkAnswer wants XML or a page of the web server, and no more.
func checkAnswer(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	switch w.Code {
	case http.StatusOK, http.StatusInternalServerError:
		d := xml.NewDecoder(w.Body)
		for {
			if _, err := d.Token(); err == io.EOF {
				return
			} else if err != nil {
				t.Fatalf("the answer is no XML: %v", err)
			}
		}
	case http.StatusRequestEntityTooLarge, http.StatusUnauthorized:
	default:
		t.Fatalf("status %d", w.Code)
	}
}

// FuzzRequest sends bodies of any kind, whole or in an envelope.
func FuzzRequest(f *testing.F) {
	s := ewssim.New(ewssim.Config{Users: map[string]string{"soc@corp.example": "s3cret"}})
	id := s.AddMail("inbox", []byte(withFiles), time.Now(), false)
	folder := s.FolderID("inbox")
	const all = `<t:BaseShape>AllProperties</t:BaseShape>`
	for _, body := range []string{
		getFolder(known("inbox") + folderID(folder)), find(`<m:IndexedPageItemView MaxEntriesReturned="2" Offset="0" BasePoint="End"/><m:Restriction><t:Not><t:Exists><t:FieldURI FieldURI="item:Subject"/></t:Exists></t:Not></m:Restriction>`),
		strings.Replace(getItem(withMIME, id), "<t:BaseShape>IdOnly</t:BaseShape>", all, 1), mark("AutoResolve", "", id, "x", "1"), syncItems("", "5"),
		`<m:MoveItem><m:ToFolderId>` + folderID(folder) + `</m:ToFolderId><m:ItemIds>` + itemIDs(id) + `</m:ItemIds></m:MoveItem>`,
		`<m:FindFolder Traversal="Deep"><m:FolderShape>` + all + `</m:FolderShape><m:ParentFolderIds>` + known("root") + `</m:ParentFolderIds></m:FindFolder>`,
		`<m:CreateItem MessageDisposition="SaveOnly"><m:Items><t:Message><t:Subject>x</t:Subject><t:Body BodyType="HTML">y</t:Body><t:ToRecipients><t:Mailbox><t:EmailAddress>a@b</t:EmailAddress></t:Mailbox></t:ToRecipients></t:Message></m:Items></m:CreateItem>`,
		`<m:SyncFolderHierarchy><m:FolderShape>` + all + `</m:FolderShape></m:SyncFolderHierarchy>`, `<m:ConvertId DestinationFormat="HexEntryId"><m:SourceIds><t:AlternateId Format="EwsId" Id="` + id + `" Mailbox="x"/></m:SourceIds></m:ConvertId>`,
		`<m:GetServerTimeZones/>`, `<m:DeleteItem DeleteType="SoftDelete"><m:ItemIds>` + itemIDs(id) + `</m:ItemIds></m:DeleteItem>`, `<!DOCTYPE x>`, `<a`, "\xff\xfe<\x00",
	} {
		f.Add(body, "Exchange2016")
	}
	f.Fuzz(func(t *testing.T, body, version string) {
		fresh := ewssim.New(ewssim.Config{Users: map[string]string{"soc@corp.example": "s3cret"}, Regenerate: true})
		fresh.AddMail("inbox", []byte(withFiles), time.Now(), false)
		envelope := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">` +
			`<s:Header><t:RequestServerVersion Version="` + version + `"/></s:Header><s:Body>` + body + `</s:Body></s:Envelope>`
		checkAnswer(t, serveOnce(t.Context(), fresh, "/EWS/Exchange.asmx", basic, []byte(envelope)))
		checkAnswer(t, serveOnce(t.Context(), fresh, "/EWS/Exchange.asmx", basic, []byte(body)))
		checkAnswer(t, serveOnce(t.Context(), fresh, "/autodiscover/autodiscover.xml", basic, []byte(body)))
		if w := serveOnce(t.Context(), fresh, "/_sim/faults", "", []byte(body)); w.Code != http.StatusCreated && w.Code != http.StatusBadRequest {
			t.Fatalf("status %d", w.Code)
		}
		fresh.Dump()
	})
}

// FuzzMail stores any mail and reads all of it back: the text is as it was, the rest
// is XML.
func FuzzMail(f *testing.F) {
	f.Add([]byte(withFiles))
	f.Add(raw(1))
	f.Add([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--b--"))
	f.Add([]byte("Subject: =?utf-8?b?w7w=?=\r\n x\r\nTo: \x00\xff, a@b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=ZZ=\r\n"))
	f.Add([]byte("no header\r\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		s := ewssim.New(ewssim.Config{Users: map[string]string{"soc@corp.example": "s3cret"}})
		id := s.AddMail("inbox", content, time.Now(), false)
		again := ewssim.New(ewssim.Config{Users: map[string]string{"soc@corp.example": "s3cret"}, Regenerate: true})
		again.AddMail("inbox", content, time.Now(), false)
		request := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">` +
			`<s:Header><t:RequestServerVersion Version="Exchange2016"/></s:Header><s:Body>` + strings.Replace(getItem(withMIME, id), "IdOnly", "AllProperties", 1) + `</s:Body></s:Envelope>`
		w := serveOnce(t.Context(), s, "/EWS/Exchange.asmx", basic, []byte(request))
		if want := "<t:MimeContent CharacterSet=\"UTF-8\">" + base64.StdEncoding.EncodeToString(content) + "<"; !strings.Contains(w.Body.String(), want) && content != nil {
			t.Errorf("the mail is not in %s", w.Body)
		}
		checkAnswer(t, w)
		checkAnswer(t, serveOnce(t.Context(), again, "/EWS/Exchange.asmx", basic, []byte(request)))
	})
}

// FuzzNTLM sends messages to a connection that waits for the third one. Nothing but
// the right one logs in.
func FuzzNTLM(f *testing.F) {
	client := ntlm{user: "soc", domain: "CORP", password: "s3cret", exchange: true}
	first := client.negotiate()
	s := ewssim.New(ewssim.Config{Users: map[string]string{`CORP\soc`: "s3cret"}, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }})
	_, second := greet(s, first)
	good := client.authenticate(first, second)
	f.Add(first)
	f.Add(good)
	f.Add(second)
	f.Add([]byte("NTLMSSP\x00\x03\x00\x00\x00"))
	for _, old := range []ntlm{{user: "soc", oem: true, noMIC: true}, {user: "soc", version1: true}} {
		f.Add(old.authenticate(first, second))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		s := ewssim.New(ewssim.Config{Users: map[string]string{`CORP\soc`: "s3cret"}, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }})
		ctx, challenge := greet(s, first)
		if !bytes.Equal(challenge, second) {
			t.Fatal("the challenge is another one")
		}
		w := serveOnce(ctx, s, "/EWS/Exchange.asmx", "NTLM "+base64.StdEncoding.EncodeToString(message), nil)
		if in := w.Code != http.StatusUnauthorized; in && !bytes.Equal(message, good) {
			t.Errorf("%x logs in", message)
		}
	})
}

// greet opens a connection and sends the first message on it.
func greet(s *ewssim.Server, first []byte) (ctx context.Context, second []byte) {
	ctx = s.ConnContext(context.Background(), nil)
	w := serveOnce(ctx, s, "/EWS/Exchange.asmx", "NTLM "+base64.StdEncoding.EncodeToString(first), nil)
	second, _ = base64.StdEncoding.DecodeString(strings.TrimPrefix(w.Header().Get("WWW-Authenticate"), "NTLM "))
	return ctx, second
}
