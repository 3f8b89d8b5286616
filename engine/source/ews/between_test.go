package ews_test

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
)

// asked is a request that a test may answer instead of the simulator.
type asked struct {
	op   string // GetItem
	body []byte
	w    http.ResponseWriter
	r    *http.Request
}

var operation = regexp.MustCompile(`<m:([A-Z][A-Za-z]+)`)

// between stands before a simulator: what instead answers, the simulator does not
// see.
func between(t testing.TB, s *ewssim.Server, instead func(*asked) bool) (addr string) {
	t.Helper()
	server := s.HTTPServer()
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		a := &asked{body: body, w: w, r: r}
		if m := operation.FindSubmatch(body); m != nil {
			a.op = string(m[1])
		}
		if len(body) == 0 || !instead(a) {
			s.ServeHTTP(w, r)
		}
	})
	return listen(t, server, nil)
}

const (
	envelope    = `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Header><t:ServerVersionInfo MajorVersion="15" MinorVersion="1"/></s:Header><s:Body>`
	endEnvelope = `</s:Body></s:Envelope>`
)

// soap answers with a body.
func (a *asked) soap(body string) bool {
	return a.plain(200, "text/xml; charset=utf-8", envelope+body+endEnvelope)
}

func (a *asked) plain(status int, kind, body string) bool {
	a.w.Header().Set("Content-Type", kind)
	a.w.WriteHeader(status)
	io.WriteString(a.w, body)
	return true
}

// item is the answer to a GetItem of one mail, with what stands for MimeContent.
func item(id, mime string) string {
	return `<m:GetItemResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Items><t:Message>` + mime + `<t:ItemId Id="` + id + `" ChangeKey="x"/></t:Message></m:Items></m:GetItemResponseMessage>`
}

func getItem(messages string) string {
	return `<m:GetItemResponse><m:ResponseMessages>` + messages + `</m:ResponseMessages></m:GetItemResponse>`
}
