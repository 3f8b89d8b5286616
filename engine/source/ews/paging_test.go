package ews_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/source/ews"
	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
)

var itemID = regexp.MustCompile(`<t:ItemId Id="([^"]+)"`)

// say posts a body as a simple client does.
func say(t *testing.T, cfg ews.Config, body string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, cfg.Server+"/EWS/Exchange.asmx", strings.NewReader(
		strings.Replace(envelope, `<s:Header><t:ServerVersionInfo MajorVersion="15" MinorVersion="1"/></s:Header>`, `<s:Header><t:RequestServerVersion Version="Exchange2010_SP2"/></s:Header>`, 1)+body+endEnvelope))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	req.SetBasicAuth(cfg.User, cfg.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s: %d: %.300s: %v", body, resp.StatusCode, b, err)
	}
	return string(b)
}

// TestTheNaturalLoopSkipsEverySecondPageAndOursDoesNot pages through unread mail
// by number and marks each page before it asks for the next, as the loop over a
// filter does that the vendor's library offers.
func TestTheNaturalLoopSkipsEverySecondPageAndOursDoesNot(t *testing.T) {
	const mails, size = 100, 10
	s, cfg := sim(t)
	fill(t, s, "Inbox", mails)
	seen := 0
	for offset := 0; ; offset += size {
		page := say(t, cfg, fmt.Sprintf(`<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:IndexedPageItemView MaxEntriesReturned="%d" Offset="%d" BasePoint="Beginning"/>`+
			`<m:Restriction><t:IsEqualTo><t:FieldURI FieldURI="message:IsRead"/><t:FieldURIOrConstant><t:Constant Value="0"/></t:FieldURIOrConstant></t:IsEqualTo></m:Restriction>`+
			`<m:ParentFolderIds><t:DistinguishedFolderId Id="inbox"/></m:ParentFolderIds></m:FindItem>`, size, offset))
		ids := itemID.FindAllStringSubmatch(page, -1)
		if len(ids) == 0 {
			break
		}
		seen += len(ids)
		var changes strings.Builder
		for _, id := range ids {
			fmt.Fprintf(&changes, `<t:ItemChange><t:ItemId Id="%s"/><t:Updates><t:SetItemField><t:FieldURI FieldURI="message:IsRead"/><t:Message><t:IsRead>true</t:IsRead></t:Message></t:SetItemField></t:Updates></t:ItemChange>`, id[1])
		}
		say(t, cfg, `<m:UpdateItem ConflictResolution="AlwaysOverwrite" MessageDisposition="SaveOnly"><m:ItemChanges>`+changes.String()+`</m:ItemChanges></m:UpdateItem>`)
	}
	if left := unread(s, "Inbox"); seen != mails/2 || left != mails/2 {
		t.Errorf("the natural loop saw %d of %d and left %d: what is this test for?", seen, mails, left)
	}

	s, cfg = sim(t, func(c *ewssim.Config) { c.MaxItems = size })
	fill(t, s, "Inbox", mails)
	src := open(t, cfg)
	got := 0
	for {
		d, err := src.Next(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		ack(t, src, []engine.Delivery{d}, engine.Route{})
		got++
	}
	if left := unread(s, "Inbox"); got != mails || left != 0 {
		t.Errorf("ours saw %d of %d and left %d", got, mails, left)
	}
}

// TestAPageIsNotSkippedWhileOthersMark has people mark, move and delete mails
// between any two pages of the listing. Those that nobody touches all come.
func TestAPageIsNotSkippedWhileOthersMark(t *testing.T) {
	t.Parallel()
	seeds := uint64(8)
	if os.Getenv("TQ_SOAK") != "" {
		seeds = 100
	}
	for seed := range seeds {
		s, cfg := sim(t, func(c *ewssim.Config) { c.MaxItems = 2 + int(seed%30) })
		ids := fill(t, s, "Inbox", 150)
		rng := rand.New(rand.NewPCG(seed, 1))
		touched := map[string]bool{}
		var mu sync.Mutex
		cfg.Server = "http://" + between(t, s, func(a *asked) bool {
			mu.Lock()
			defer mu.Unlock()
			if a.op != "FindItem" {
				return false
			}
			for range rng.IntN(6) {
				i := rng.IntN(min(len(ids), 1+len(touched)*2+10)) // from the front, where it hurts
				touched[fmt.Sprintf("Inbox %d", i+1)] = true
				switch rng.IntN(3) {
				case 0:
					s.SetRead(ids[i], true)
				case 1:
					s.Remove(ids[i])
				default:
					s.Move(ids[i], "Elsewhere")
				}
			}
			return false
		})
		good, bad, err := read(t, open(t, cfg))
		if err != nil || len(bad) > 0 {
			t.Fatalf("%q: %v", bad, err)
		}
		for i := range 150 {
			if name := fmt.Sprintf("Inbox %d", i+1); !touched[name] && !slices.Contains(good, name) {
				t.Errorf("seed %d: %s was skipped (%d came, %d touched)", seed, name, len(good), len(touched))
			}
		}
	}
}

// TestAWatchSkipsNoMailWhileItMarks acknowledges on another goroutine while the
// next pass lists.
func TestAWatchSkipsNoMailWhileItMarks(t *testing.T) {
	t.Parallel()
	s, cfg := sim(t, func(c *ewssim.Config) { c.MaxItems = 10 })
	fill(t, s, "Inbox", 300)
	cfg.Watch, cfg.Poll, cfg.Workers = true, time.Millisecond, 4
	src := open(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	handed := make(chan engine.Delivery, 64) // as far as reading may run ahead
	var acks sync.WaitGroup
	acks.Go(func() {
		for d := range handed {
			if err := src.Ack(t.Context(), receipts([]engine.Delivery{d}, engine.Route{})); err != nil {
				t.Errorf("Ack: %v", err)
			}
		}
	})
	times := map[string]int{}
	for len(times) < 400 {
		d, err := src.Next(ctx)
		if err != nil {
			t.Fatalf("after %d mails: %v", len(times), err)
		}
		if times[d.Origin.ID]++; len(times) == 150 {
			for i := range 100 {
				s.AddMail("Inbox", raw(fmt.Sprintf("late %d", i)), epoch.Add(-time.Hour), false)
			}
		}
		handed <- d
	}
	close(handed)
	acks.Wait()
	for id, n := range times {
		if n != 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
	if n := unread(s, "Inbox"); n != 0 {
		t.Errorf("%d unread", n)
	}
}

func TestAcknowledgingWhileReading(t *testing.T) {
	t.Parallel()
	s, cfg := sim(t, func(c *ewssim.Config) { c.MaxItems = 50 })
	fill(t, s, "Inbox", 400)
	s.AddFolder("Done")
	src := open(t, cfg)
	queue := make(chan engine.Receipt, 8) // as far as reading may run ahead
	var acks sync.WaitGroup
	acks.Go(func() {
		for r := range queue {
			if err := src.Ack(t.Context(), []engine.Receipt{r}); err != nil {
				t.Errorf("Ack: %v", err)
			}
		}
	})
	n := 0
	for {
		d, err := src.Next(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		queue <- engine.Receipt{Origin: d.Origin, Route: engine.Route{Seen: true, MoveTo: "Done"}}
		n++
	}
	close(queue)
	acks.Wait()
	if in, done := len(s.Mails("Inbox")), len(s.Mails("Done")); n != 400 || in != 0 || done != 400 {
		t.Errorf("%d came; %d are left, %d moved", n, in, done)
	}
}
