package ewssim_test

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
)

// client sends what a test writes, and looks for words in the answer: it must not
// understand more than the test says.
type client struct {
	t              *testing.T
	url            string
	user, password string // of Basic; "" asks without
	version        string
	header         string // of the envelope, beside the version
	http           *http.Client
}

// dial lets a simulator listen and asks it as soc.
func dial(t *testing.T, s *ewssim.Server) *client {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{t: t, url: serve(t, s, nil), user: "soc@corp.example", password: "s3cret", version: "Exchange2013_SP1", http: &http.Client{Transport: transport}}
}

// reply is an answer. A connection that ends too soon is an error, with what came.
type reply struct {
	t      *testing.T
	status int
	head   http.Header
	body   string
	err    error
}

func (c *client) ask(body string) reply {
	c.t.Helper()
	header := c.header
	if c.version != "" {
		header += `<t:RequestServerVersion Version="` + c.version + `"/>`
	}
	return c.post(fmt.Sprintf(`<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" `+
		`xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Header>%s</s:Header><s:Body>%s</s:Body></s:Envelope>`, header, body))
}

func (c *client) post(content string) reply {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.url, strings.NewReader(content))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	return c.send(r)
}

func (c *client) send(r *http.Request) reply {
	c.t.Helper()
	if c.user != "" {
		r.SetBasicAuth(c.user, c.password)
	}
	a, err := c.http.Do(r)
	if err != nil {
		return reply{t: c.t, err: err}
	}
	defer a.Body.Close()
	var body bytes.Buffer
	_, err = io.Copy(&body, a.Body)
	return reply{t: c.t, status: a.StatusCode, head: a.Header, body: body.String(), err: err}
}

// texts are those of all elements of a name, in order.
func (r reply) texts(name string) []string {
	all := []string{}
	for _, m := range regexp.MustCompile(`<(?:\w+:)?`+name+`(?: [^>]*[^/>])?(?:/>|>([^<]*)<)`).FindAllStringSubmatch(r.body, -1) {
		all = append(all, html.UnescapeString(m[1]))
	}
	return all
}

// attrs are the values of an attribute of all elements of a name.
func (r reply) attrs(name, attr string) []string {
	all := []string{}
	for _, m := range regexp.MustCompile(`<(?:\w+:)?`+name+` [^>]*?`+attr+`="([^"]*)"`).FindAllStringSubmatch(r.body, -1) {
		all = append(all, html.UnescapeString(m[1]))
	}
	return all
}

func (r reply) one(name string) string {
	r.t.Helper()
	all := r.texts(name)
	if len(all) != 1 {
		r.t.Fatalf("%d elements %s in %d %v %s", len(all), name, r.status, r.err, r.body)
	}
	return all[0]
}

// codes are the response codes, that of a fault with "fault " before it.
func (r reply) codes() string {
	all := strings.Join(r.texts("ResponseCode"), " ")
	if strings.Contains(r.body, "<s:Fault>") {
		return "fault " + all
	}
	return all
}

// want fails unless these are the response codes, and the status that goes with them.
func (r reply) want(codes string) reply {
	r.t.Helper()
	status := http.StatusOK
	if strings.HasPrefix(codes, "fault ") {
		status = http.StatusInternalServerError
	}
	if got := r.codes(); got != codes || r.status != status {
		r.t.Errorf("%q with status %d, want %q with %d: %v %s", got, r.status, codes, status, r.err, r.body)
	}
	return r
}

// Requests that many tests send.

func getFolder(ids string) string {
	return `<m:GetFolder><m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape><m:FolderIds>` + ids + `</m:FolderIds></m:GetFolder>`
}

func known(id string) string { return `<t:DistinguishedFolderId Id="` + id + `"/>` }

func knownOf(id, email string) string {
	return `<t:DistinguishedFolderId Id="` + id + `"><t:Mailbox><t:EmailAddress>` + email + `</t:EmailAddress></t:Mailbox></t:DistinguishedFolderId>`
}

func folderID(id string) string { return `<t:FolderId Id="` + id + `"/>` }

func itemIDs(ids ...string) string {
	all := ""
	for _, id := range ids {
		all += `<t:ItemId Id="` + id + `"/>`
	}
	return all
}

// find lists the inbox; what is put behind the shape.
func find(what string) string {
	return `<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties><t:FieldURI FieldURI="item:Subject"/></t:AdditionalProperties></m:ItemShape>` + what +
		`<m:ParentFolderIds><t:DistinguishedFolderId Id="inbox"/></m:ParentFolderIds></m:FindItem>`
}

func getItem(shape string, ids ...string) string {
	return `<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>` + shape + `</m:ItemShape><m:ItemIds>` + itemIDs(ids...) + `</m:ItemIds></m:GetItem>`
}

const withMIME = `<t:IncludeMimeContent>true</t:IncludeMimeContent>`

// mark sets the read flag; attrs are those of UpdateItem beside the resolution.
func mark(resolution, attrs, id, key, read string) string {
	if key != "" {
		key = ` ChangeKey="` + key + `"`
	}
	return `<m:UpdateItem MessageDisposition="SaveOnly" ConflictResolution="` + resolution + `"` + attrs + `><m:ItemChanges><t:ItemChange><t:ItemId Id="` + id + `"` + key + `/><t:Updates>` +
		`<t:SetItemField><t:FieldURI FieldURI="message:IsRead"/><t:Message><t:IsRead>` + read + `</t:IsRead></t:Message></t:SetItemField></t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>`
}

func syncItems(state, most string) string {
	return `<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:SyncFolderId><t:DistinguishedFolderId Id="inbox"/></m:SyncFolderId>` +
		`<m:SyncState>` + state + `</m:SyncState><m:MaxChangesReturned>` + most + `</m:MaxChangesReturned></m:SyncFolderItems>`
}
