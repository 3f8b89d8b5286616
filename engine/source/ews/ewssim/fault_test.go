package ewssim_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
)

// TestFaults marks a mail with a fault in the way.
func TestFaults(t *testing.T) {
	for _, row := range []struct {
		fault ewssim.Fault
		code  int    // 0: no answer, -1: a cut one
		body  string // that is in it
		done  bool
	}{
		{ewssim.Fault{What: "401"}, 401, "Unauthorized", false},
		{ewssim.Fault{What: ewssim.ResetLogin}, 401, "Unauthorized", false},
		{ewssim.Fault{What: "429", RetryAfter: 7}, 429, "Too Many", false},
		{ewssim.Fault{What: "503"}, 503, "Unavailable", false},
		{ewssim.Fault{What: "503-after"}, 503, "Unavailable", true},
		{ewssim.Fault{What: "ErrorServerBusy", BackOff: 1500}, 200, `<m:MessageXml><t:Value xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" Name="BackOffMilliseconds">1500<`, false},
		{ewssim.Fault{What: "ErrorServerBusy", BackOff: 1500, Odd: true}, 200, `<m:MessageXml><e:Value xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors" Name="BackOffMilliseconds">1500<`, false},
		{ewssim.Fault{What: "ErrorServerBusy-fault", BackOff: 1500}, 500, `<t:MessageXml xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><t:Value`, false},
		{ewssim.Fault{What: "ErrorServerBusy-fault", BackOff: 1500, Odd: true}, 500, `<e:MessageXml xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors"><e:Value`, false},
		{ewssim.Fault{What: "ErrorInternalServerTransientError"}, 200, "ErrorInternalServerTransientError", false},
		{ewssim.Fault{What: "ErrorTimeoutExpired-after"}, 200, "ErrorTimeoutExpired", true},
		{ewssim.Fault{What: ewssim.Cut}, 0, "", true},
		{ewssim.Fault{What: ewssim.CutBefore}, 0, "", false},
		{ewssim.Fault{What: ewssim.Truncated}, -1, "UpdateItemResponse", true},
		{ewssim.Fault{What: ewssim.TruncatedXML}, 200, "UpdateItemResponse", true},
		{ewssim.Fault{What: ewssim.Garbage}, 200, "\x00\xff<<&", true},
		{ewssim.Fault{What: ewssim.HTML}, 502, "<html>", false},
		{ewssim.Fault{What: ewssim.HTMLGood}, 200, "Please log in", false},
		{ewssim.Fault{What: ewssim.Slow, Delay: time.Millisecond}, 200, "NoError", true},
		{ewssim.Fault{What: ewssim.SlowBody, Delay: 8 * time.Millisecond}, 200, "</s:Envelope>", true},
		{ewssim.Fault{What: ewssim.Chunked}, 200, "</s:Envelope>", true},
		{ewssim.Fault{What: ewssim.Gzip}, 200, "</s:Envelope>", true},
	} {
		name := string(row.fault.What)
		if row.fault.Odd {
			name += " odd"
		}
		t.Run(name, func(t *testing.T) {
			s := loaded(t, ewssim.Config{})
			c := dial(t, s)
			row.fault.Operation = "UpdateItem"
			if err := s.Fault(row.fault); err != nil {
				t.Fatal(err)
			}
			c.ask(getFolder(known("inbox"))).want("NoError")
			r := c.ask(mark("AlwaysOverwrite", "", s.Mails("inbox")[0].ID, "", "1"))
			code := r.status
			if r.err != nil && code != 0 {
				code = -1
			}
			if code != row.code || !strings.Contains(r.body, row.body) || s.Mails("inbox")[0].Read != row.done {
				t.Errorf("%d %v, done %v: %s", code, r.err, s.Mails("inbox")[0].Read, r.body)
			}
			if row.code >= 0 && row.fault.RetryAfter != 0 && r.head.Get("Retry-After") != "7" {
				t.Errorf("%v", r.head)
			}
			c.ask(mark("AlwaysOverwrite", "", s.Mails("inbox")[0].ID, "", "1")).want("NoError")
			if s.Counts()["faults"] != 1 {
				t.Errorf("%v", s.Counts())
			}
		})
	}
}

func TestFaultOfOneItem(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	c := dial(t, s)
	mails := s.Mails("inbox")
	for _, f := range []ewssim.Fault{
		{Operation: "GetItem", Item: mails[1].ID, What: "ErrorMimeContentConversionFailed", Times: -1},
		{Operation: "GetItem", Item: mails[2].ID, What: "ErrorItemNotFound"},
	} {
		if err := s.Fault(f); err != nil {
			t.Fatal(err)
		}
	}
	c.ask(getItem(withMIME, mails[0].ID, mails[1].ID)).want("NoError ErrorMimeContentConversionFailed")
	c.ask(getItem(withMIME, mails[2].ID, mails[0].ID)).want("ErrorItemNotFound NoError")
	c.ask(getItem(withMIME, mails[2].ID)).want("NoError")
	c.ask(getItem(withMIME, mails[1].ID)).want("ErrorMimeContentConversionFailed")
	s.Calm()
	c.ask(getItem(withMIME, mails[1].ID)).want("NoError")
	if err := s.Fault(ewssim.Fault{Item: "inbox", What: "ErrorAccessDenied", Times: 3}); err != nil {
		t.Fatal(err)
	}
	c.ask(getFolder(known("drafts"))).want("NoError")
	c.ask(getFolder(known("inbox") + known("drafts"))).want("ErrorAccessDenied NoError")
	c.ask(find("")).want("ErrorAccessDenied")
	c.ask(syncItems("", "10")).want("ErrorAccessDenied")
	c.ask(syncItems("", "10")).want("NoError")
}

func TestFaultsCount(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	c := dial(t, s)
	if err := s.Fault(ewssim.Fault{What: "ErrorTimeoutExpired-fault", After: 1, Times: 2}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"NoError", "fault ErrorTimeoutExpired", "fault ErrorTimeoutExpired", "NoError"} {
		c.ask(getFolder(known("inbox"))).want(want)
	}
	for _, bad := range []ewssim.Fault{{What: "99"}, {What: "600"}, {What: "explode"}, {What: "Error<x>"}, {What: "503", Item: "x"}, {What: "ErrorX-fault", Item: "x"}} {
		if s.Fault(bad) == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

func TestGzipIsForThoseWhoTakeIt(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	c := dial(t, s)
	if err := s.Fault(ewssim.Fault{What: ewssim.Gzip, Times: -1}); err != nil {
		t.Fatal(err)
	}
	c.ask(getFolder(known("inbox"))).want("NoError")
	envelope := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><s:Body><m:GetServerTimeZones/></s:Body></s:Envelope>`
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url, strings.NewReader(envelope))
	r.Header.Set("Content-Type", "text/xml")
	r.Header.Set("Accept-Encoding", "gzip, deflate")
	got := c.send(r)
	z, err := gzip.NewReader(strings.NewReader(got.body))
	if err != nil || got.head.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%v %v", err, got.head)
	}
	if body, err := io.ReadAll(z); err != nil || !strings.Contains(string(body), "ErrorIncorrectSchemaVersion") {
		t.Errorf("%v %s", err, body)
	}
}

// TestOddsAreThoseOfTheSeed sends the same requests to two servers of one seed.
func TestOddsAreThoseOfTheSeed(t *testing.T) {
	play := func(seed uint64) string {
		s := loaded(t, ewssim.Config{})
		c := dial(t, s)
		if err := s.Chaos(seed, 0.5, "503", "ErrorServerBusy", ewssim.Garbage); err != nil {
			t.Fatal(err)
		}
		said := ""
		for range 20 {
			r := c.ask(getFolder(known("inbox")))
			said += strings.Join([]string{http.StatusText(r.status), r.codes()}, " ") + ","
		}
		return said
	}
	one := play(1)
	if one != play(1) || one == play(2) || !strings.Contains(one, "ErrorServerBusy") || !strings.Contains(one, "Unavailable") || !strings.Contains(one, "OK NoError") {
		t.Error(one)
	}
}

// TestControl works the simulator's own door.
func TestControl(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	c := dial(t, s)
	good := c.url
	do := func(method, route, body string, want int) string {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), method, strings.Replace(good, "/EWS/Exchange.asmx", "/_sim/"+route, 1), strings.NewReader(body))
		c.user = ""
		got := c.send(r)
		c.user = "soc"
		if got.status != want {
			t.Errorf("%s %s: %d, want %d: %s", method, route, got.status, want, got.body)
		}
		return got.body
	}
	do("POST", "faults", `[{"operation":"GetFolder","what":"503","retry_after":2,"after":1},{"what":"slow","delay":"1ms"}]`, 201)
	do("POST", "faults", `{"what":"ErrorServerBusy-fault","back_off":100,"operation":"FindItem"}`, 201)
	for _, bad := range []string{"", "{", `{"what":"x"}`, `{"what":"slow","delay":"soon"}`, `[{"what":"503"},{"what":"x"}]`} {
		do("POST", "faults", bad, 400)
	}
	var scripts []map[string]any
	if err := json.Unmarshal([]byte(do("GET", "faults", "", 200)), &scripts); err != nil || len(scripts) != 3 || scripts[1]["delay"] != "1ms" {
		t.Errorf("%v %v", err, scripts)
	}
	c.ask(getFolder(known("inbox"))).want("NoError")
	if r := c.ask(getFolder(known("inbox"))); r.status != 503 {
		t.Errorf("status %d", r.status)
	}
	c.ask(find("")).want("fault ErrorServerBusy")
	do("DELETE", "faults", "", 204)
	do("POST", "chaos", `{"seed":1,"rate":1,"kinds":["500"]}`, 204)
	do("POST", "chaos", `{"kinds":["x"]}`, 400)
	if r := c.ask(find("")); r.status != 500 {
		t.Errorf("status %d", r.status)
	}
	do("DELETE", "faults", "", 204)
	var counts map[string]int
	if err := json.Unmarshal([]byte(do("GET", "counts", "", 200)), &counts); err != nil || counts["GetFolder"] != 2 || counts["FindItem"] != 2 || counts["faults"] != 4 || counts["requests"] != 4 {
		t.Errorf("%v %v", err, counts)
	}
	do("DELETE", "counts", "", 204)
	if len(s.Counts()) != 0 {
		t.Errorf("%v", s.Counts())
	}
	state := c.ask(syncItems("", "10")).one("SyncState")
	do("POST", "sync", "", 204)
	c.ask(syncItems(state, "10")).want("ErrorInvalidSyncStateData")
	do("GET", "nonsense", "", 404)
	var dump []struct {
		Mailbox, Path, Known string
		Items                []struct {
			Subject string
			Read    bool
			Size    int
		}
	}
	if err := json.Unmarshal([]byte(do("GET", "dump", "", 200)), &dump); err != nil || len(dump) != 2 || dump[0].Path != "Inbox" || len(dump[0].Items) != 12 || dump[0].Items[1].Subject != "mail 02" || !dump[0].Items[1].Read || dump[1].Path != "Inbox/Abuse" {
		t.Errorf("%v %+v", err, dump)
	}
}

// TestTooManyAtOnce holds one request while another one comes.
func TestTooManyAtOnce(t *testing.T) {
	s := loaded(t, ewssim.Config{MaxConcurrency: 2})
	c := dial(t, s)
	if err := s.Fault(ewssim.Fault{What: ewssim.Slow, Delay: time.Minute, Times: 2}); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	waiting := *c
	waiting.http = &http.Client{Transport: transport, Timeout: 300 * time.Millisecond}
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { waiting.ask(getFolder(known("inbox"))) })
	}
	for s.Counts()["GetFolder"] < 2 {
		time.Sleep(time.Millisecond)
	}
	c.ask(getFolder(known("inbox"))).want("fault ErrorExceededConnectionCount")
	all.Wait()
	transport.CloseIdleConnections()
	for c.ask(getFolder(known("inbox"))).codes() != "NoError" { // the server has to see that they went
		time.Sleep(time.Millisecond)
	}
	c.ask(getFolder(known("inbox"))).want("NoError")
}

func TestTooManyAreToldToWait(t *testing.T) {
	s := loaded(t, ewssim.Config{MaxConcurrency: -1, BackOff: 2500 * time.Millisecond})
	dial(t, s).ask(getFolder(known("inbox"))).want("NoError")
	s = loaded(t, ewssim.Config{MaxConcurrency: 1, BackOff: 2500 * time.Millisecond, Latency: 50 * time.Millisecond})
	c := dial(t, s)
	told := make(chan reply, 4)
	for range 4 {
		go func() { told <- c.ask(getFolder(known("inbox"))) }()
	}
	waits := 0
	for range 4 {
		if r := <-told; r.codes() == "fault ErrorServerBusy" && slices.Equal(r.texts("Value"), []string{"2500"}) {
			waits++
		} else if r.codes() != "NoError" {
			t.Error(r.body)
		}
	}
	if waits == 0 || waits == 4 {
		t.Errorf("%d were told to wait", waits)
	}
}

// TestManyAtOnce is for the race detector: readers, markers, movers, and people who
// do the same meanwhile. Nothing may be lost.
func TestManyAtOnce(t *testing.T) {
	s := loaded(t, ewssim.Config{Regenerate: true})
	c := dial(t, s)
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for range 15 {
				for _, m := range s.Mails("inbox") {
					c.ask(mark("AlwaysOverwrite", "", m.ID, "", []string{"1", "0"}[n%2]))
					break
				}
				c.ask(getItem(withMIME, s.Mails("inbox")[0].ID))
				c.ask(syncItems("", "100")).want("NoError")
				s.AddMail("inbox", raw(n), time.Now(), false)
				if list := s.Mails("inbox"); n == 0 {
					s.Move(list[len(list)-1].ID, "Inbox/Abuse")
				}
				s.Dump()
				s.Counts()
			}
		})
	}
	all.Wait()
	if in, out := len(s.Mails("inbox")), len(s.Mails("Inbox/Abuse")); in+out != 13+60 || !slices.ContainsFunc(s.Mails("inbox"), func(m ewssim.Mail) bool { return m.Subject == "meet" }) {
		t.Errorf("%d and %d", in, out)
	}
}
